//! Whom each policy asks. Everything that the product ships is called, nothing of it is done again here: the gates, the
//! weights, the lanes and their draw, the tiers, `thompson`. Only the two policies it does not ship stand here, and they
//! keep its account rule.

use crate::Contestant;
use crate::books::{Asked, Books};
use crate::desk::{question, standing};
use crate::dice::Dice;
use crate::model::TYPES;
use crate::pools::Pools;
use crate::season::Season;
use crate::world::{Task, World};
use gavel_triage::thompson::{self, By, Contender};
use gavel_triage::{
    Entrant, Occasion, Policy, PolicyError, Rulebook, Slots, Tier, Weighed, agents_wanted, decide, draw,
    weigh,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The parameters of the shipped policies, as this contestant has them.
pub(crate) struct Rules {
    pub(crate) contestant: Contestant,
    pub(crate) v1: Arc<Rulebook>,
    pub(crate) thompson: Option<thompson::Policy>,
}

/// A task to choose agents for.
#[derive(Clone, Copy)]
pub(crate) struct Choice<'a> {
    pub(crate) season: &'a Season,
    pub(crate) number: usize,
    pub(crate) rules: &'a Rules,
}

/// What the seed of a draw is named by, beside the task.
const DRAW: u64 = 3;

impl Rules {
    /// # Errors
    /// Never with the shipped parameters.
    pub(crate) fn of(contestant: Contestant) -> Result<Rules, PolicyError> {
        // The control group is a measure of the product; here every policy stands for itself.
        let v1 = Rulebook::new(Policy { control_milli: 0, ..Policy::default() })?;
        let shipped = thompson::Policy::default();
        let thompson = match contestant {
            Contestant::Thompson => Some(shipped),
            Contestant::ThompsonChoices => Some(thompson::Policy { floor_share: 0.0, ..shipped }),
            Contestant::ThompsonJudge => {
                Some(thompson::Policy { floor_share: 0.0, choice_moved_score: 0.0, ..shipped })
            }
            Contestant::Uniform
            | Contestant::Greedy
            | Contestant::V1
            | Contestant::V1ByBudget
            | Contestant::V1WithoutLanes => None,
        };
        Ok(Rules { contestant, v1: Arc::new(v1), thompson })
    }
}

/// Whom the policy asks for a task.
pub(crate) fn choose(choice: Choice<'_>, books: &mut Books, pools: &mut Pools) -> Vec<Asked> {
    let seed = Dice::named(choice.season.world.seed, [choice.number as u64, 0, DRAW]).next();
    match choice.rules.contestant {
        Contestant::V1 | Contestant::V1ByBudget | Contestant::V1WithoutLanes => choice.v1(books, pools, seed),
        Contestant::Uniform => choice.uniform(seed),
        Contestant::Greedy => choice.greedy(books),
        Contestant::ThompsonJudge | Contestant::ThompsonChoices | Contestant::Thompson => {
            choice.thompson(books, seed)
        }
    }
}

impl Choice<'_> {
    fn v1(&self, books: &mut Books, pools: &mut Pools, seed: u64) -> Vec<Asked> {
        let task = self.task();
        let pool = pools.at(self.world(), books, self.rules, (task.at, task.category));
        let record = decide(pool, &question(task, self.rules, seed));
        let asked = record
            .chosen
            .iter()
            .filter_map(|chosen| Some(Asked { agent: chosen.agent.parse().ok()?, boosted: chosen.boosted }));
        asked.collect()
    }

    fn thompson(&self, books: &Books, seed: u64) -> Vec<Asked> {
        let policy = self.rules.thompson.clone().unwrap_or_default();
        let weighed: Vec<Weighed> = self.eligible().iter().map(|agent| self.weighed(books, *agent)).collect();
        let all = self.eligible().iter().zip(&weighed);
        let contenders: Vec<Contender<'_>> =
            all.map(|(agent, weighed)| self.contender(books, *agent, weighed.weight)).collect();
        let category = &books.categories[self.task().category];
        let question = thompson::Question { task_type: type_name(self.task().task_type), category, seed };
        let selection = thompson::select(&contenders, &question, self.seats(), &policy);
        let asked = selection.seats.iter().map(|seat| Asked {
            agent: self.eligible()[seat.contender],
            boosted: seat.by == By::Floor && weighed[seat.contender].boost > 1,
        });
        asked.collect()
    }

    /// The shipped draw, with all alike.
    fn uniform(&self, seed: u64) -> Vec<Asked> {
        let entrant = |index: &usize| {
            let agent = &self.world().agents[*index];
            Entrant {
                number: agent.number,
                tier: Tier::Challenger,
                weight: 1,
                account: Some(agent.account),
                index: *index as u32,
            }
        };
        let entrants: Vec<Entrant> = self.eligible().iter().map(entrant).collect();
        let slots = Slots { fast: 0, mixed: 0, challenger: self.seats() };
        draw(&entrants, slots, seed).iter().map(|seat| unboosted(seat.entrant.index as usize)).collect()
    }

    fn greedy(&self, books: &Books) -> Vec<Asked> {
        let composite = |agent: &usize| f64::from(self.weighed(books, *agent).composite);
        let highest = highest(self.world(), self.eligible(), composite, self.seats());
        highest.into_iter().map(unboosted).collect()
    }

    fn world(&self) -> &World {
        &self.season.world
    }

    fn task(&self) -> &Task {
        &self.season.world.tasks[self.number]
    }

    fn eligible(&self) -> &[usize] {
        &self.season.calls[self.number].eligible
    }

    fn seats(&self) -> u8 {
        agents_wanted(self.task().budget_minor, self.rules.contestant.agents(), self.rules.v1.policy())
    }

    /// Who is eligible is at home in the category.
    fn home(&self, agent: usize) -> usize {
        self.world().agents[agent].home(self.task().category).unwrap_or(0)
    }

    fn weighed(&self, books: &Books, agent: usize) -> Weighed {
        let home = self.home(agent);
        let specialist = self.world().agents[agent].homes[home].specialist[self.task().task_type];
        let occasion = Occasion { now: self.task().at, specialist, health_fails: 0 };
        weigh(&standing(self.world(), books, agent, home), occasion, &self.rules.v1)
    }

    fn contender<'a>(&'a self, books: &'a Books, agent: usize, weight: u32) -> Contender<'a> {
        let (made, home) = (&self.world().agents[agent], self.home(agent));
        Contender {
            number: made.number,
            account: Some(&made.account_name),
            evidence: &books.agents[agent].homes[home].evidence,
            benchmark_ppm: Some(made.homes[home].benchmark_ppm),
            specialist: made.homes[home].specialist[self.task().task_type],
            weight,
        }
    }
}

const fn unboosted(agent: usize) -> Asked {
    Asked { agent, boosted: false }
}

pub(crate) fn type_name(task_type: usize) -> &'static str {
    const NAMES: [&str; TYPES] = ["first", "second", "third", "fourth", "fifth"];
    NAMES[task_type]
}

/// The highest, one per account while there are others; ties by number.
pub(crate) fn highest(
    world: &World,
    eligible: &[usize],
    rank: impl Fn(&usize) -> f64,
    seats: u8,
) -> Vec<usize> {
    let mut ranked: Vec<(f64, usize)> = eligible.iter().map(|agent| (rank(agent), *agent)).collect();
    let number = |agent: usize| world.agents[agent].number;
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(number(a.1).cmp(&number(b.1))));
    let mut accounts = BTreeSet::new();
    let (first, rest): (Vec<usize>, Vec<usize>) = ranked
        .into_iter()
        .map(|(_, agent)| agent)
        .partition(|agent| accounts.insert(world.agents[*agent].account));
    first.into_iter().chain(rest).take(usize::from(seats)).collect()
}
