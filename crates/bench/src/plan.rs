//! How much is measured, and for how long at most.

use clap::ValueEnum;
use serde::Serialize;
use std::time::Duration;

/// Agents asked per task: the most a buyer may ask for.
pub const AGENTS: usize = 8;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measurement {
    /// How long a post takes until it is answered, every commit durable
    Create,
    /// From the post to the last of eight agents having the request
    Wire,
    /// What a call by our client takes more than a bare one, at 1, 100 and 1,000 at once
    Overhead,
    /// Tasks and bids per second, from the post to the review
    Throughput,
    /// Memory: idle, and with calls held open
    Memory,
    /// The size of the binary
    Size,
}

/// How much of everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Times that raw and ours are measured in turns.
    pub rounds: usize,
    /// No new round of a measurement begins after this long.
    #[serde(skip)]
    pub time_per_measurement: Duration,
    /// Posts per round of `create`.
    pub creates: usize,
    /// Tasks per round of `wire`.
    pub wires: usize,
    /// Calls per round of `overhead`, all that are made at once together.
    pub overhead_calls: usize,
    /// The most calls at once in `overhead`.
    pub overhead_at_once: usize,
    /// Tasks per round of `throughput`.
    pub tasks: usize,
    /// Tasks on their way at once in `throughput`.
    pub at_once: usize,
    /// How long raw calls are made per round of `throughput`.
    #[serde(skip)]
    pub raw_calls_for: Duration,
    /// Tasks held open in `memory`: eight calls each.
    pub held_tasks: usize,
    /// How long the agents of `memory` hold a call; all calls must be open before the first ends.
    #[serde(skip)]
    pub held_for: Duration,
}

impl Plan {
    /// What is worth comparing; about a minute and a half.
    pub fn full() -> Self {
        Plan {
            rounds: 5,
            time_per_measurement: Duration::from_secs(25),
            creates: 60,
            wires: 40,
            overhead_calls: 10_000,
            overhead_at_once: 1_000,
            tasks: 160,
            at_once: 64,
            raw_calls_for: Duration::from_secs(1),
            held_tasks: 1_250,
            held_for: Duration::from_secs(75),
        }
    }

    /// A first look; below 20 seconds.
    pub fn quick() -> Self {
        Plan {
            rounds: 2,
            time_per_measurement: Duration::from_secs(4),
            creates: 25,
            wires: 10,
            overhead_calls: 3_000,
            tasks: 80,
            raw_calls_for: Duration::from_millis(300),
            held_tasks: 25,
            held_for: Duration::from_secs(2),
            ..Self::full()
        }
    }

    /// Every path once, for tests: its figures say nothing.
    pub fn tiny() -> Self {
        Plan {
            rounds: 1,
            creates: 2,
            wires: 2,
            overhead_calls: 20,
            overhead_at_once: 100,
            tasks: 3,
            at_once: 2,
            raw_calls_for: Duration::from_millis(20),
            held_tasks: 2,
            ..Self::quick()
        }
    }
}
