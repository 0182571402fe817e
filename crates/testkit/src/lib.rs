//! What tests share: a clock that stands still, chance that repeats, where the corpora are, a database.

#![allow(clippy::print_stdout, reason = "tests say what they skip")]

pub mod chance;
pub mod clock;
pub mod corpora;
pub mod postgres;

pub use chance::SeededChance;
pub use clock::ManualClock;
