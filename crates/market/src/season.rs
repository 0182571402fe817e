//! What is the same for every policy: who could be asked for each task, and what the oracle would have made of it.

use crate::choose::{Rules, highest};
use crate::desk::passes;
use crate::fate::{expected, sell};
use crate::model::AGENTS_ASKED;
use crate::world::World;

/// A world with what no policy changes.
pub(crate) struct Season {
    pub(crate) world: World,
    /// One for each task.
    pub(crate) calls: Vec<Call>,
}

/// What there is to choose from for a task.
pub(crate) struct Call {
    /// Agents that pass the gates, by index.
    pub(crate) eligible: Vec<usize>,
    /// The utility of the task when the best are asked.
    pub(crate) best_utility: f64,
}

impl Season {
    pub(crate) fn of(world: World, rules: &Rules) -> Season {
        let calls = (0..world.tasks.len()).map(|task| call(&world, task, rules)).collect();
        Season { world, calls }
    }
}

fn call(world: &World, number: usize, rules: &Rules) -> Call {
    let task = &world.tasks[number];
    let come = world.agents.partition_point(|agent| agent.comes_at <= task.at);
    let here = (0..come).filter(|i| task.at < world.agents[*i].goes_at);
    let eligible: Vec<usize> = here
        .filter(|i| world.agents[*i].home(task.category).is_some())
        .filter(|i| passes(&world.agents[*i], *i, task, rules))
        .collect();
    let worth = |i: &usize| expected(&world.agents[*i], task);
    let best = highest(world, &eligible, worth, AGENTS_ASKED);
    Call { best_utility: sell(world, number, &best).utility, eligible }
}
