//! The loop that lives the life of a task: claim what is ready, take one step, write it down guarded, let go.
//!
//! The folder `steps` reads as that life. The database is the workflow: a wake-up carries no data, and the same
//! path serves normal running, a restart and another replica.

mod alarms; // shares of tiers that are not as expected
pub mod benchmarks;
mod call;
mod calls;
pub mod context;
mod error;
mod journal;
pub mod patience;
pub mod probes;
pub mod pump;
pub mod retention;
mod slots;
pub mod steps;
pub mod webhooks;

pub use context::{Context, Settings};
pub use pump::run;
