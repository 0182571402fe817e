//! What the product knows of its agents: exactly what it keeps, and no more.

use crate::choose::{Rules, type_name};
use crate::fate::{Fate, Sale};
use crate::model::CATEGORIES;
use crate::world::{Task, World};
use gavel_triage::thompson::{self, CategoryState, Evidence, Shown};
use gavel_triage::{Ladder, Progress};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Boosted dispatches of an account count for so long: 30 days.
const BOOSTS_COUNT_SECONDS: i64 = 30 * 86_400;
/// The dispatches that reliability is about.
const RELIABILITY_WINDOW: usize = 50;

/// All that is known under one policy.
pub(crate) struct Books {
    pub(crate) agents: Vec<Page>,
    /// Boosted dispatches of each account that still count.
    boosts: BTreeMap<u32, u32>,
    /// When and whose they were, oldest first.
    boosted: VecDeque<(i64, u32)>,
    /// The agents of each account.
    accounts: BTreeMap<u32, Vec<usize>>,
    /// Agents of which something has changed since somebody looked.
    touched: BTreeSet<usize>,
    ladder: Ladder,
    pub(crate) categories: [CategoryState; CATEGORIES],
    /// Evidence is kept only where it is asked for.
    thompson: Option<thompson::Policy>,
}

/// What is known of an agent.
pub(crate) struct Page {
    pub(crate) real_tasks: u32,
    pub(crate) last_active_at: i64,
    /// Whether the last dispatches succeeded.
    recent: VecDeque<bool>,
    /// For each of its categories, as in [`crate::world::Agent::homes`].
    pub(crate) homes: Vec<Known>,
}

/// What is known of an agent in a category.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) progress: Progress,
    pub(crate) evidence: Evidence,
}

/// An agent that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) agent: usize,
    /// Whether the newcomer's boost helped it to its seat.
    pub(crate) boosted: bool,
}

impl Books {
    pub(crate) fn new(world: &World, rules: &Rules) -> Books {
        let thompson = rules.thompson.clone();
        let page = |agent: &crate::world::Agent| Page {
            real_tasks: 0,
            last_active_at: agent.comes_at,
            recent: VecDeque::new(),
            homes: agent.homes.iter().map(|_| Known::default()).collect(),
        };
        let state = CategoryState::new(&thompson.clone().unwrap_or_default());
        let mut accounts: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, agent) in world.agents.iter().enumerate() {
            accounts.entry(agent.account).or_default().push(index);
        }
        Books {
            agents: world.agents.iter().map(page).collect(),
            boosts: BTreeMap::new(),
            boosted: VecDeque::new(),
            accounts,
            touched: BTreeSet::new(),
            ladder: rules.v1.policy().ladder(),
            categories: [state; CATEGORIES],
            thompson,
        }
    }

    /// Boosted dispatches of an account that still count.
    pub(crate) fn boosted(&self, account: u32) -> u32 {
        self.boosts.get(&account).copied().unwrap_or(0)
    }

    /// Time goes on: old boosts do not count any more.
    pub(crate) fn forget(&mut self, now: i64) {
        while let Some((at, account)) = self.boosted.front().copied()
            && at < now - BOOSTS_COUNT_SECONDS
        {
            self.boosted.pop_front();
            self.boost(account, |count| count.saturating_sub(1));
        }
    }

    /// A boost counts for all agents of its account.
    fn boost(&mut self, account: u32, change: impl Fn(u32) -> u32) {
        let count = self.boosts.entry(account).or_default();
        *count = change(*count);
        self.touched.extend(self.accounts.get(&account).into_iter().flatten());
    }

    /// Agents of which something has changed since this was asked last.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.touched)
    }

    /// What was learnt of a task.
    pub(crate) fn record(&mut self, world: &World, task: &Task, asked: &[Asked], sale: &Sale) {
        for (asked, fate) in asked.iter().zip(&sale.fates) {
            self.answered(world, task, *asked, fate);
        }
        if sale.bought.is_some() {
            self.chosen(world, task, asked, sale);
        }
    }

    fn answered(&mut self, world: &World, task: &Task, asked: Asked, fate: &Fate) {
        let agent = &world.agents[asked.agent];
        let Some(home) = agent.home(task.category) else { return };
        if asked.boosted {
            self.boosted.push_back((task.at, agent.account));
            self.boost(agent.account, |count| count + 1);
        }
        self.touched.insert(asked.agent);
        let page = &mut self.agents[asked.agent];
        page.dispatched(fate.ok);
        if fate.ok {
            page.last_active_at = task.at + (fate.took_ms / 1000).cast_signed();
        }
        let (real_tasks, known) = (page.real_tasks, &mut page.homes[home]);
        let progress = std::mem::take(&mut known.progress);
        known.progress = match fate.ok {
            true => progress.after_score(fate.score_ppm, real_tasks, &self.ladder),
            false => progress.after_failure(real_tasks, &self.ladder),
        };
        if let Some(policy) = &self.thompson {
            let benchmark = agent.homes[home].benchmark_ppm;
            let state = &mut self.categories[task.category];
            known.evidence =
                learnt(std::mem::take(&mut known.evidence), state, benchmark, task, fate, policy);
        }
    }

    /// The buyer took one of what was shown.
    fn chosen(&mut self, world: &World, task: &Task, asked: &[Asked], sale: &Sale) {
        let place = |bid: &usize| {
            let agent = asked[*bid].agent;
            Some((*bid, agent, world.agents[agent].home(task.category)?))
        };
        let places: Vec<(usize, usize, usize)> = sale.presented.iter().filter_map(place).collect();
        for (bid, agent, home) in &places {
            let progress = &mut self.agents[*agent].homes[*home].progress;
            *progress = std::mem::take(progress).after_choice(sale.bought == Some(*bid));
        }
        let Some(policy) = &self.thompson else { return };
        let shown = |(bid, agent, home): &(usize, usize, usize)| {
            let evidence = &self.agents[*agent].homes[*home].evidence;
            let benchmark = Some(world.agents[*agent].homes[*home].benchmark_ppm);
            let guess = thompson::quality(evidence, &self.categories[task.category], benchmark, policy);
            let price_minor = sale.fates[*bid].price_minor;
            Shown { mean: guess.mean, choice: evidence.choice, price_minor, won: sale.bought == Some(*bid) }
        };
        let shown: Vec<Shown> = places.iter().map(shown).collect();
        let choices = thompson::after_purchase(&shown, task.budget_minor, policy);
        for ((_, agent, home), choice) in places.into_iter().zip(choices) {
            self.agents[agent].homes[home].evidence.choice = choice;
        }
    }
}

/// What an agent has shown after one more dispatch; moves what is known of the category, too.
fn learnt(
    evidence: Evidence,
    state: &mut CategoryState,
    benchmark_ppm: u32,
    task: &Task,
    fate: &Fate,
    policy: &thompson::Policy,
) -> Evidence {
    let evidence = evidence.after_dispatch(fate.ok, policy);
    if !fate.ok {
        return evidence;
    }
    *state = state.after_score(&evidence, Some(benchmark_ppm), fate.score_ppm, policy);
    evidence.after_bid(fate.price_minor, task.budget_minor, fate.took_ms).after_score(
        type_name(task.task_type),
        fate.score_ppm,
        policy,
    )
}

impl Page {
    /// One more dispatch ended.
    fn dispatched(&mut self, ok: bool) {
        self.real_tasks += 1;
        self.recent.push_back(ok);
        if self.recent.len() > RELIABILITY_WINDOW {
            self.recent.pop_front();
        }
    }

    /// Of the last dispatches, those that succeeded, and all of them.
    pub(crate) fn reliability(&self) -> (u32, u32) {
        (self.recent.iter().filter(|ok| **ok).count() as u32, self.recent.len() as u32)
    }
}
