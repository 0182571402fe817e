//! The binary `gavel` as a library: the command line, and a whole Gavel to start in tests and benchmarks.
//!
//! Read in this order: [`args`] (what can be asked), `commands` (one file each), [`settings`] (what Gavel is told),
//! [`app`] (how it is put together).

pub mod access; // keys made at the machine that holds the database
mod agreed; // settings and database say the same of money
pub mod app; // a whole Gavel: store, vault, client, loop and API, wired
pub mod args; // the command line
pub mod buyer; // a buyer at the command line: posts, watches, selects, approves
pub mod catalog; // the categories and task types: the shipped ones, or of a folder
pub mod client; // a small client of our own API
mod commands; // one file per command
mod contenders; // the agents named on the command line
pub mod developer; // a developer at the command line: registers agents
mod exit; // how a command ends, and its exit code
mod loops; // loops beside each other
mod no_bid; // why an agent brought no bid, from the log its developer sees
pub mod output; // the one place that prints
pub mod progress; // every agent's progress on stderr
pub mod report; // the ranking, the delivery and the balances in words
pub mod roles; // which parts run in this process
pub mod settings; // defaults, file and environment, checked whole
mod shared; // what goes on beside the work where others share the database
pub mod suite; // the shipped tasks that agents are tried with
mod task_file; // a task in YAML

pub use commands::execute;
pub use exit::Failure;
