//! What tests share: a clock that stands still, chance that repeats, where the corpora are, a database, a small disk.

#![allow(clippy::print_stdout, reason = "tests say what they skip")]

pub mod chance;
pub mod clock;
pub mod corpora;
pub mod disk;
pub mod postgres;

pub use chance::SeededChance;
pub use clock::ManualClock;

/// Tells figures, and why a test checks nothing, also when it passes: what is printed in the usual way is shown for
/// failures only.
pub fn aloud(sentence: &str) {
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{sentence}\n"));
}
