//! The binary as its users meet it: started as a process, spoken to over HTTP, killed without warning.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod backup;
#[cfg(feature = "bench")]
mod bench;
mod conformance;
mod demo;
mod doctor;
mod kill;
mod money;
mod replicas;
mod run;
mod serve;
mod support;
