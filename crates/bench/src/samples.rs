//! Times that were measured. Few enough to keep them all, so percentiles are exact.

use serde::Serialize;
use std::time::Duration;

/// Times in milliseconds, in the order they were measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Samples(Vec<f64>);

/// What is told of many times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Latency {
    /// How many.
    pub(crate) samples: usize,
    /// Half took no longer.
    pub p50_ms: f64,
    /// 95 of 100 took no longer.
    pub p95_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// None took longer.
    pub(crate) max_ms: f64,
}

impl Samples {
    /// Adds a time.
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1_000.0);
    }

    /// The time that half of them do not exceed; 0 without any.
    pub(crate) fn p50(&self) -> f64 {
        at_rank(&self.sorted(), 50)
    }

    /// All of several rounds together.
    pub(crate) fn together<'a>(rounds: impl IntoIterator<Item = &'a Samples>) -> Samples {
        Samples(rounds.into_iter().flat_map(|round| round.0.iter().copied()).collect())
    }

    /// What is told of them.
    pub(crate) fn latency(&self) -> Latency {
        let sorted = self.sorted();
        let rank = |percent| rounded(at_rank(&sorted, percent), 3);
        Latency {
            samples: sorted.len(),
            p50_ms: rank(50),
            p95_ms: rank(95),
            p99_ms: rank(99),
            max_ms: rank(100),
        }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// The middle of some figures; 0 without any.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    at_rank(&sorted, 50)
}

/// Digits beyond what was measured only look exact.
pub(crate) fn rounded(figure: f64, digits: i32) -> f64 {
    let shift = 10_f64.powi(digits);
    (figure * shift).round() / shift
}

/// The smallest figure that `percent` of all do not exceed.
fn at_rank(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let mut samples = Samples::default();
        (1..=200).rev().for_each(|ms| samples.push(Duration::from_millis(ms)));
        let told = samples.latency();
        assert_eq!(
            (told.samples, told.p50_ms, told.p95_ms, told.p99_ms, told.max_ms),
            (200, 100.0, 190.0, 198.0, 200.0)
        );
        assert_eq!(Samples::default().latency().max_ms, 0.0);
    }

    #[test]
    fn the_middle_of_figures() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([]), 0.0);
        assert_eq!(rounded(1.23456, 2), 1.23);
    }
}
