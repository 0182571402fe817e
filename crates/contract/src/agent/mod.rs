//! The agent protocol: what an agent is sent, and what its answer means.

pub mod answer;
pub mod artifacts;
pub mod envelope;
pub mod message;
pub mod outcome;
