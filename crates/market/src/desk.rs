//! Agents and tasks as triage sees them.

use crate::Contestant;
use crate::books::Books;
use crate::choose::{Rules, type_name};
use crate::model::EXPERIMENTATION_MILLI;
use crate::world::{Agent, Home, Task, World};
use gavel_triage::{Candidate, Question, Standing, TaskFacts, Tier, gate, mean_half_up};

/// The id of an agent: its index, so that ids grow with time as the product's do.
pub(crate) fn id(index: usize) -> String {
    format!("{index:08}")
}

/// An agent in one of its categories.
pub(crate) fn candidate(world: &World, books: &Books, rules: &Rules, index: usize, home: usize) -> Candidate {
    let agent = &world.agents[index];
    let known = &books.agents[index].homes[home].progress;
    // Without lanes means that all are of one tier.
    let tier = if rules.contestant == Contestant::V1WithoutLanes { Tier::Challenger } else { known.tier };
    Candidate {
        specialist_types: specialist_types(&agent.homes[home]),
        tier,
        standing: standing(world, books, index, home),
        ..bare(agent, index)
    }
}

/// What an agent has shown in one of its categories.
pub(crate) fn standing(world: &World, books: &Books, index: usize, home: usize) -> Standing {
    let (agent, page) = (&world.agents[index], &books.agents[index]);
    let (succeeded, counted) = page.reliability();
    Standing {
        rolling: mean_half_up(&page.homes[home].progress.scores),
        benchmark: Some(agent.homes[home].benchmark_ppm),
        last_active_at: page.last_active_at,
        real_tasks: page.real_tasks,
        succeeded,
        counted,
        account_boosted: books.boosted(agent.account),
        beta: false,
    }
}

/// Whether an agent passes the shipped gates.
pub(crate) fn passes(agent: &Agent, index: usize, task: &Task, rules: &Rules) -> bool {
    gate(&bare(agent, index), &question(task, rules, 0), rules.v1.policy()).is_none()
}

pub(crate) fn question(task: &Task, rules: &Rules, seed: u64) -> Question {
    let facts = TaskFacts {
        category: task.category.to_string(),
        task_type: type_name(task.task_type).to_owned(),
        budget_minor: task.budget_minor,
        buyer: "buyer".to_owned(),
        money_on: true,
        ..TaskFacts::default()
    };
    Question {
        task: facts,
        now: task.at,
        seed,
        agents: rules.contestant.agents(),
        experimentation_milli: EXPERIMENTATION_MILLI,
        reserve_wanted: 0,
        no_capability: 0,
        category_state: None,
    }
}

/// An agent that has shown nothing.
fn bare(agent: &Agent, index: usize) -> Candidate {
    Candidate {
        agent: id(index),
        draw_number: agent.number,
        slug: String::new(),
        owner: agent.account_name.clone(),
        payout_account: agent.account_name.clone(),
        capable: true,
        payout_ready: true,
        active: true,
        paused: false,
        visible: true,
        declined: Vec::new(),
        specialist_types: Vec::new(),
        health_fails: 0,
        in_flight: 0,
        max_concurrency: 8,
        min_price_minor: agent.lowest_price_minor,
        tier: Tier::NewChallenger,
        standing: Standing::default(),
        evidence: None,
    }
}

fn specialist_types(home: &Home) -> Vec<String> {
    let own = (0..home.specialist.len()).filter(|of| home.specialist[*of]);
    own.map(|of| type_name(of).to_owned()).collect()
}
