//! Chance is an argument too: a seeded test repeats, a draw replays.

/// Where random bytes come from. Real chance lives in `gavel-vault`, seeded chance in `gavel-testkit`.
pub trait Chance: Send + Sync {
    /// Fills `out` with bytes nobody can predict (or, in tests, with a fixed sequence).
    fn fill(&self, out: &mut [u8]);
}
