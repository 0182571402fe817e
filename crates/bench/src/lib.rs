//! Benchmarks of the real binary. They print one JSON document: what was measured, the raw limit measured beside it
//! in the same run, and the ratio of the two. Figures alone say more about the machine and its neighbours than about
//! Gavel; ratios of interleaved runs can be compared.
//!
//! Read in this order: [`plan`] (how much is measured), the measurements [`create`], [`wire`], [`overhead`],
//! [`throughput`], [`memory`] and [`size`], then what they stand on: [`place`] (the Gavel that is measured), [`agents`], [`buyer`],
//! [`raw`] (the limits), [`rounds`] (raw and ours in turns), [`samples`], [`process`].

pub mod plan; // how much is measured, and for how long
pub mod report; // the document

pub mod create; // a task is posted and durable
pub mod overhead; // what a call costs more than a bare one
pub mod memory; // idle, and with calls held open
pub mod size; // the binary
pub mod throughput; // tasks and bids, sustained
pub mod wire; // from the post to the agents

pub mod agents; // on loopback, in this process
pub mod buyer; // posts and watches
pub mod place; // the Gavel that is measured
pub mod process; // memory and processor time, as the kernel counts them
pub mod raw; // the limits
pub mod rounds; // raw and ours in turns; restless rounds are left out
pub mod samples; // exact percentiles
mod suite; // everything that was asked for

pub use suite::run;
