//! What tests share: a clock that stands still, chance that repeats, and where the corpora are.

pub mod chance;
pub mod clock;
pub mod corpora;

pub use chance::SeededChance;
pub use clock::ManualClock;
