//! Raw and ours are measured in turns, several times. Before and after each round the machine does the same piece of
//! work; a round in which its speed moved is left out: it tells of the neighbours, not of us.

use crate::bench::Bench;
use crate::report::Noise;
use crate::samples::{Samples, median, rounded};
use serde_json::Value;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How much the machine's speed may move during a round that counts.
const DRIFT_MAX: f64 = 0.15;
/// The piece of work: parsing a text of some KiB this often takes about a millisecond.
const PARSES: usize = 100;
/// The best of so many: one interruption is no change of speed.
const TRIES: usize = 7;

/// Rounds that count.
#[derive(Debug)]
pub(crate) struct Rounds<T> {
    /// What was measured, round by round.
    pub(crate) kept: Vec<T>,
    /// How restless the machine was.
    pub(crate) noise: Noise,
}

/// Measures as many rounds as are planned, fewer where time runs out, and at least one.
pub(crate) async fn rounds<T>(
    bench: &Bench,
    mut round: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<Rounds<T>> {
    let began = Instant::now();
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    let planned = bench.plan.rounds.max(1);
    for number in 1..=planned {
        if number > 1 && began.elapsed() > bench.plan.time {
            break;
        }
        bench.say(&format!("round {number} of {planned}"));
        let before = kernel();
        let measured = round().await?;
        let moved = drift(before, kernel());
        if moved <= DRIFT_MAX { kept.push(measured) } else { left_out.push(measured) }
    }
    Ok(sorted_out(kept, left_out))
}

impl<T> Rounds<T> {
    /// The middle of a figure of each round: of pairs of raw and ours, the middle of their ratios.
    pub(crate) fn median(&self, figure: impl Fn(&T) -> f64) -> f64 {
        median(self.kept.iter().map(figure))
    }

    /// The same of a figure that the system may not tell; what one round cannot tell, none can.
    pub(crate) fn median_if_told(&self, figure: impl Fn(&T) -> Option<f64>) -> Option<f64> {
        let told: Option<Vec<f64>> = self.kept.iter().map(figure).collect();
        told.map(median)
    }

    /// The middle of a figure of each round, to so many digits.
    pub(crate) fn told(&self, digits: i32, figure: impl Fn(&T) -> f64) -> f64 {
        rounded(self.median(figure), digits)
    }

    /// All times of all rounds.
    pub(crate) fn samples<'a>(&'a self, of: impl Fn(&'a T) -> &'a Samples) -> Samples {
        Samples::together(self.kept.iter().map(of))
    }
}

fn sorted_out<T>(kept: Vec<T>, left_out: Vec<T>) -> Rounds<T> {
    if kept.is_empty() {
        let noise = Noise { rounds: left_out.len(), rounds_left_out: 0, calm: false };
        return Rounds { kept: left_out, noise };
    }
    let noise = Noise { rounds: kept.len(), rounds_left_out: left_out.len(), calm: true };
    Rounds { kept, noise }
}

/// How long the piece of work takes at this moment.
pub(crate) fn kernel() -> Duration {
    let text = document();
    let once = || {
        let began = Instant::now();
        for _ in 0..PARSES {
            black_box(serde_json::from_str::<Value>(black_box(&text)).is_ok());
        }
        began.elapsed()
    };
    (0..TRIES).map(|_| once()).min().unwrap_or_default()
}

fn document() -> String {
    let lines: Vec<Value> =
        (0..64).map(|n| serde_json::json!({ "n": n, "text": "a line of a text" })).collect();
    Value::Array(lines).to_string()
}

fn drift(before: Duration, after: Duration) -> f64 {
    let (before, after) = (before.as_secs_f64(), after.as_secs_f64());
    (before - after).abs() / before.min(after).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_in_which_the_speed_moved_are_left_out() {
        let (calm, restless) = (Duration::from_millis(11), Duration::from_millis(13));
        let ten = Duration::from_millis(10);
        assert!(drift(ten, calm) <= DRIFT_MAX && drift(calm, ten) <= DRIFT_MAX);
        assert!(drift(ten, restless) > DRIFT_MAX && drift(restless, ten) > DRIFT_MAX);
        let some = sorted_out(vec![1.0, 5.0, 2.0], vec![9.0]);
        assert_eq!((some.median(|n| *n), some.noise.rounds_left_out, some.noise.calm), (2.0, 1, true));
    }

    #[test]
    fn where_no_round_was_calm_all_count_and_it_is_told() {
        let all = sorted_out(vec![], vec![4.0, 4.0]);
        assert_eq!((all.kept.len(), all.noise.calm), (2, false));
    }
}
