//! What would a policy do to a market?
//!
//! A market is made up from a seed: agents with a quality nobody sees, tasks, a noisy judge, noisy buyers, newcomers
//! and leavers, and those who cheat. Every policy then lives through the same market: an agent that is asked does the
//! same work in the same task, whoever asked it. Each decision is made by the shipped code, from exactly the state that
//! the product keeps. An oracle that knows all qualities shows how much utility each policy loses.
//!
//! The same plan gives the same report, byte by byte, however many threads work on it. What such a market can show and
//! what it cannot stands in `docs/triage.md`.

mod plan;
mod scenario;
mod contestant;
mod run;
mod report;
mod table;

mod model;
mod dice;
mod world;
mod season;
mod fate;
mod life;
mod books;
mod choose;
mod desk;
mod pools;
mod tally;
mod estimate;

pub use contestant::Contestant;
pub use estimate::Estimate;
pub use plan::{Plan, PlanError};
pub use report::{Claim, Report, Row};
pub use run::run;
pub use scenario::{Kind, Scenario};
