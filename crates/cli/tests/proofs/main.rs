//! What a Gavel that is killed, paused, cut off from its database or out of room may not do: lose what it acknowledged,
//! or do anything twice. The real binary, real databases, real sockets; buyers and agents write down what they were
//! told, and a pure checker compares it with what is there.
//!
//! The runs are short here. `just kills`, `just replicas` and `just disk-full` make long ones; `GAVEL_SEED` says which.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod kills;
mod replicas;
mod full;
mod synced;
mod support;
