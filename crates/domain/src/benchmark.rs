//! The benchmark of an agent: it is asked for tasks like any other, one after the other, and passes or not.
//!
//! A benchmark's task is a task: nothing that an agent is sent, and no step of its life, tells it apart. It belongs to
//! the [`ACCOUNT`] of the platform itself, and what an agent does with it enters no record of the agent.

mod start; // may a run begin, and with which categories?
mod verdict; // what is sent next, and who has passed

pub use start::{Refusal, Standing, may_start};
pub use verdict::{Came, CategoryVerdict, End, Missing, Next, Planned, Sent, TaskScore, next, verdict};

use crate::ladder::mean_half_up;
use crate::lifecycle::words;
use crate::task::{Brief, Task};
use crate::{AccountId, AgentId, Money, Ppm, TaskId, Timestamp};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Whose the tasks of benchmarks are. No key belongs to it.
pub const ACCOUNT: AccountId =
    AccountId::from_uuid(Uuid::from_u128(0x6761_7665_6c00_7000_8000_6265_6e63_6800));
/// What that account is called.
pub const ACCOUNT_NAME: &str = "gavel-benchmarks";
/// Why a task of a benchmark has ended when everything went well.
pub const ENDED: &str = "benchmark_ended";
/// Faults of ours in one run after which it is given up: what goes wrong so often will go wrong again.
pub const FAULTS_MAX: usize = 3;

/// What an agent must have shown before it is asked for real tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing: it is registered.
    Immediate,
    /// It has passed a benchmark in each category.
    Benchmark,
}

/// When a run is passed, and how often one may be tried; filled from configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The least mean of a category's tasks.
    pub pass_mean: Ppm,
    /// The least score of each task.
    pub pass_each: Ppm,
    /// How near to one of the two lines another variant of a task is sent, and averaged; nothing: never.
    pub second_look: Ppm,
    /// How long after a run that failed the next one may begin.
    pub cooldown: TimeDelta,
    /// Runs that a developer may begin in an hour.
    pub runs_per_hour: u32,
    /// Whether an agent that has passed is shown at once, unless its developer has said otherwise.
    pub auto_live: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            pass_mean: Ppm::new(600_000),
            pass_each: Ppm::new(450_000),
            second_look: Ppm::new(30_000),
            cooldown: TimeDelta::minutes(15),
            runs_per_hour: 5,
            auto_live: true,
        }
    }
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Tasks are still to come.
    Running,
    /// The agent has passed in every category.
    Passed,
    /// It has not.
    Failed,
    /// It ended without a verdict, for reasons of ours.
    Aborted,
}

impl RunStatus {
    /// All four.
    pub const ALL: [RunStatus; 4] =
        [RunStatus::Running, RunStatus::Passed, RunStatus::Failed, RunStatus::Aborted];

    /// The word in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            RunStatus::Running => "running",
            RunStatus::Passed => "passed",
            RunStatus::Failed => "failed",
            RunStatus::Aborted => "aborted",
        }
    }
}
words!(RunStatus, "status of a benchmark");

/// Why a task of a run is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// It is the first of its template.
    First,
    /// The one before came to nothing by a fault of ours.
    Again,
    /// The score lies so near to a line that another variant decides with it.
    SecondLook,
}

impl Purpose {
    /// All three.
    pub const ALL: [Purpose; 3] = [Purpose::First, Purpose::Again, Purpose::SecondLook];

    /// The word in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Purpose::First => "first",
            Purpose::Again => "again",
            Purpose::SecondLook => "second_look",
        }
    }
}
words!(Purpose, "purpose of a benchmark's task");

/// What a benchmark's task is about, where no agent sees it: whom to ask, and what its work is measured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The one agent that is asked.
    pub agent: AgentId,
    /// The template of the suite.
    pub template: String,
    /// What its numbers, names and order were made from.
    pub seed: u64,
}

impl Assignment {
    /// That of a task; `None` for every task of a buyer.
    pub fn of(task: &Task) -> Option<Assignment> {
        let metadata = task.metadata.as_ref().filter(|_| task.is_benchmark())?;
        let text = |name: &str| metadata.get(name)?.as_str();
        Some(Assignment {
            agent: text("agent")?.parse().ok()?,
            template: text("template")?.to_owned(),
            seed: text("seed")?.parse().ok()?,
        })
    }

    /// The task that is posted for it, kept apart from real ones as its agent is.
    pub fn task(&self, id: TaskId, (brief, budget): (Brief, Money), test: bool, at: Timestamp) -> Task {
        Task { test, metadata: Some(self.metadata()), ..Task::posted(id, ACCOUNT, (brief, budget), at) }
    }

    /// A number of 64 bits is text: JSON's are too small.
    fn metadata(&self) -> Value {
        json!({ "agent": self.agent.to_string(), "template": self.template, "seed": self.seed.to_string() })
    }
}

/// What an agent's benchmarks say of it in a category, in parts per million: the mean of its scores there; where the
/// category was not tested, the mean over those that were.
pub fn term(category: &str, scores: &BTreeMap<String, Vec<Ppm>>) -> Option<u32> {
    let mean = |scores: &Vec<Ppm>| mean_half_up(&scores.iter().map(|score| score.get()).collect::<Vec<_>>());
    let own = scores.get(category).and_then(mean);
    own.or_else(|| mean_half_up(&scores.values().filter_map(mean).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests;
