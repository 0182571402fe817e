//! `gavel bench`: one workload on a whole Gavel, on the embedded database or on PostgreSQL, and in the same run the raw
//! limits beside it. One JSON document says what was measured and the ratio of the two. Figures alone say more about
//! the machine and its neighbours than about Gavel; ratios of interleaved rounds can be compared.
//!
//! The server that is measured is the binary itself as a process of its own, with a throw-away database; its agents are
//! another process. What is known of it is what its users know: its command line, its API, and the rows it stored.
//!
//! Read in this order: [`workload`] (what can be measured), [`plan`] (how much of it), the workloads themselves, then
//! what they stand on.

pub mod bench; // one run
pub mod ground; // throw-away databases
pub mod plan; // how much is measured, and for how long
pub mod report; // the document
pub mod workload; // what can be measured

mod create; // a task is posted and durable, and reaches its agents
mod fanout; // tasks and bids, sustained
mod growth; // the same work on few and on many stored tasks
mod hold; // memory per call held open
mod overhead; // what a call costs more than a bare one
mod recover; // killed with calls in flight, and started again
mod triage; // whom to ask, among many agents
mod size; // the binary, and a server that has nothing to do
mod watch; // viewers of a task's events

pub mod agents; // strangers on loopback, in a process of their own
mod buyer; // posts, watches, selects, approves
mod client; // a small client of the API
mod database; // what was stored, counted beside the store
mod flow; // tasks on their way, many at once
mod fill; // one task's rows copied a million times
mod place; // the Gavel that is measured
mod process; // memory and processor time, as the kernel counts them
mod raw; // the limits
mod rounds; // raw and ours in turns; restless rounds are left out
mod samples; // exact percentiles
mod stage; // a Gavel with its agents and its buyer

pub use bench::Bench;
pub use ground::{Ground, NoGround};
pub use plan::Plan;
pub use report::Report;
pub use workload::Workload;
