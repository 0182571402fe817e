//! Whom do we ask, and why not the others?
//!
//! A [`Pool`] holds the agents of a category, ready to be decided about; [`decide`] takes it and a [`Question`] (the task,
//! the time, a seed) and returns a [`Record`]: the agents chosen, in order, and how many others there were for each
//! reason. The record names its candidates' facts and its parameters by hash; with them ([`Stored`]) the decision can be
//! made again to the byte, anywhere, and every candidate's reason told ([`table`]). "Why was my agent not asked?" is
//! answered from that. All arithmetic is on integers but for one logarithm, taken from a library that gives the same bits
//! everywhere.

mod alarm;
mod candidate;
mod compare;
mod composite;
mod content;
mod decide;
mod draw;
mod gates;
mod policy;
mod pool;
mod reasons;
mod record;
mod replay;
mod ranking;
mod ranking_by_value;
mod rulebook;
mod seed;
mod slots;
mod values;
pub mod thompson;
mod words; // of the domain, in documents

pub use alarm::{Alarm, AlarmRules, Census, alarm};
pub use candidate::{Candidate, Declined, TaskFacts};
pub use compare::{Change, Comparison};
pub use composite::{Occasion, Standing, Terms, Weighed, weigh};
pub use content::{Content, ContentHash};
pub use decide::decide;
pub use draw::{Drawn, Entrant, Lane, draw, key_of, uniform};
pub use gates::{Gate, gate};
pub use gavel_domain::ladder::{Ladder, Progress, Tier, Trend, mean_half_up};
pub use policy::{Policy, PolicyError};
pub use pool::Pool;
pub use ranking::{Ranking, Surroundings, ranking};
pub use reasons::reason_in_words;
pub use record::{Chosen, Method, Question, Reason, Record};
pub use replay::{BENCHMARK, CandidateRecord, ReplayError, Stored, document, record, table};
pub use rulebook::{Rulebook, RulebookError, Rules};
pub use seed::seed;
pub use slots::{Slots, agents_wanted, slots};
