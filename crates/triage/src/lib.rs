//! Whom do we ask, and why not the others?
//!
//! [`decide`] takes everything that may matter, a seed and a policy, and returns a [`Record`]: the agents chosen, in
//! order, and a reason for every candidate. The record is stored; "why was my agent not asked?" is answered from it.
//! All arithmetic is on integers but for one logarithm, taken from a library that gives the same bits everywhere.

mod composite;
mod decide;
mod draw;
mod gates;
mod policy;
mod record;
mod seed;
mod slots;

pub use composite::{Standing, Terms, Weighed, weigh};
pub use decide::decide;
pub use draw::{Drawn, Entrant, Lane, draw, key_of, uniform};
pub use gates::{Candidate, Gate, TaskFacts, gate};
pub use policy::{Policy, PolicyError};
pub use record::{CandidateRecord, Chosen, Reason, Record};
pub use seed::seed;
pub use slots::{Slots, agents_wanted, slots};

use serde::{Deserialize, Serialize};

/// Everything a decision is made from.
#[derive(Debug, Clone)]
pub struct Input {
    /// The task.
    pub task: TaskFacts,
    /// Agents that declare the task's category.
    pub candidates: Vec<Candidate>,
    /// How many agents there are that do not.
    pub no_capability: u64,
    /// How many agents the buyer (or a test) wants; by budget when absent.
    pub agents: Option<u8>,
    /// The challengers' share of the slots, in thousandths.
    pub experimentation_milli: u16,
    /// What the draw is made with.
    pub seed: u64,
}

/// How far an agent has come in a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Fewer than ten real tasks.
    NewChallenger,
    /// Ten or more, nothing special yet.
    Challenger,
    /// Good and rising.
    RisingStar,
    /// Very good, and buyers choose it.
    TopPerformer,
}

impl Tier {
    /// The tier as far as the number of real tasks tells; histories of scores do not promote yet.
    pub fn without_history(real_tasks: u32, policy: &Policy) -> Tier {
        if real_tasks < policy.newcomer_tasks { Tier::NewChallenger } else { Tier::Challenger }
    }
}
