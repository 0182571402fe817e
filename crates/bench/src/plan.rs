//! How much is measured, and for how long at most.

use serde::Serialize;
use std::time::Duration;

/// Agents asked per task.
pub const AGENTS: usize = 5;

/// How much of everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Times that raw and ours are measured in turns.
    pub rounds: usize,
    /// No new round begins after this long.
    #[serde(skip)]
    pub time: Duration,
    /// Tasks on their way at once, in `fanout` and under load in `create`.
    pub tasks_at_once: usize,
    /// How long tasks are posted per round of `fanout`, and per part of `create` under load.
    #[serde(skip)]
    pub post_for: Duration,
    /// How long bare calls are made per round.
    #[serde(skip)]
    pub raw_calls_for: Duration,
    /// Group commits of the bare database per round.
    pub raw_groups: u32,
    /// Posts one after another per round of `create`.
    pub creates: usize,
    /// Calls held open in `hold`, and in flight in `recover`.
    pub calls: usize,
    /// What one more call costs in `hold` is told from these calls to all.
    pub first_calls: usize,
    /// How long bids are seen in `recover` before the server is killed.
    #[serde(skip)]
    pub see_for: Duration,
    /// Viewers in `watch`.
    pub viewers: usize,
    /// Stored tasks of the larger database in `growth`; the smaller has a hundredth.
    pub stored_tasks: u64,
    /// Reads per turn of `growth`.
    pub growth_reads: usize,
    /// Calls per round of `overhead`, all that are made at once together.
    pub overhead_calls: usize,
    /// The most calls at once in `overhead`.
    pub overhead_at_once: usize,
    /// Decisions over each pool of `triage`.
    pub decisions: usize,
    /// Tasks that are matched in `triage`.
    pub matchings: usize,
}

impl Plan {
    /// What is worth comparing.
    pub fn full() -> Self {
        Plan {
            rounds: 5,
            time: Duration::from_secs(35),
            tasks_at_once: 64,
            post_for: Duration::from_secs(4),
            raw_calls_for: Duration::from_secs(1),
            raw_groups: 60,
            creates: 60,
            calls: 10_000,
            first_calls: 2_000,
            see_for: Duration::from_secs(3),
            viewers: 500,
            stored_tasks: 1_000_000,
            growth_reads: 60,
            overhead_calls: 10_000,
            overhead_at_once: 1_000,
            decisions: 4_000,
            matchings: 400,
        }
    }

    /// A first look of a few seconds, which also keeps every workload in working order: its figures say little.
    pub fn quick() -> Self {
        Plan {
            rounds: 1,
            time: Duration::from_secs(3),
            tasks_at_once: 8,
            post_for: Duration::from_millis(500),
            raw_calls_for: Duration::from_millis(100),
            raw_groups: 2,
            creates: 5,
            calls: 100,
            first_calls: 20,
            see_for: Duration::from_millis(500),
            viewers: 8,
            stored_tasks: 500,
            growth_reads: 5,
            overhead_calls: 100,
            overhead_at_once: 100,
            decisions: 20,
            matchings: 3,
        }
    }

    /// The same with so many stored tasks in `growth`.
    #[must_use]
    pub fn with_stored_tasks(self, stored_tasks: u64) -> Self {
        Plan { stored_tasks, ..self }
    }
}
