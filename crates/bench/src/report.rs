//! The document that is printed.

use crate::plan::Plan;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Digits of a ratio: more would only look exact.
const DIGITS: i32 = 4;

/// What a run came to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The workload's name.
    pub workload: &'static str,
    /// Ours over raw, each the middle of its rounds.
    pub ratios: Ratios,
    /// The figures they are made of, and others; absent where the system does not tell.
    pub figures: Map<String, Value>,
    /// How restless the machine was.
    pub noise: Noise,
    /// Where and how it was measured.
    pub run: Run,
}

/// Ratios by name.
pub type Ratios = BTreeMap<&'static str, f64>;

/// How restless the machine was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Noise {
    /// Rounds that count.
    pub rounds: usize,
    /// Rounds left out because the machine's speed moved.
    pub rounds_left_out: usize,
    /// False where it moved in every round: then all of them count, and the figures are worth little.
    pub calm: bool,
}

impl Noise {
    /// Of what is counted or happens once, and is not timed against something raw.
    pub(crate) fn of_one_round() -> Noise {
        Noise { rounds: 1, rounds_left_out: 0, calm: true }
    }
}

/// Where and how it was measured.
#[derive(Debug, Serialize)]
pub struct Run {
    /// `sqlite` or `postgres`.
    pub database: &'static str,
    /// How the binary was built.
    pub profile: &'static str,
    /// Processors that this process may use; server, agents and load share them.
    pub processors: usize,
    /// The operating system.
    pub system: &'static str,
    /// The machine's architecture.
    pub architecture: &'static str,
    /// What a fixed piece of work took before everything, in microseconds.
    pub kernel_before_us: f64,
    /// The same behind it: far from the first, the machine was busy with something else.
    pub kernel_after_us: f64,
    /// How long everything took.
    pub took_seconds: f64,
    /// How much was measured.
    pub plan: Plan,
}

/// What a workload measured.
pub(crate) struct Measured {
    pub(crate) ratios: Ratios,
    pub(crate) figures: Map<String, Value>,
    pub(crate) noise: Noise,
}

impl Measured {
    /// Ratios that could not be told are left out, and so are figures that are null.
    pub(crate) fn new(
        ratios: impl IntoIterator<Item = (&'static str, Option<f64>)>,
        figures: Value,
        noise: Noise,
    ) -> Measured {
        let told = ratios.into_iter().filter_map(|(name, ratio)| Some((name, significant(ratio?)?)));
        let figures = match figures {
            Value::Object(figures) => figures.into_iter().filter(|(_, figure)| !figure.is_null()).collect(),
            _ => Map::new(),
        };
        Measured { ratios: told.collect(), figures, noise }
    }
}

/// A figure to its first digits; none where nothing was measured to divide by.
fn significant(figure: f64) -> Option<f64> {
    if !figure.is_finite() {
        return None;
    }
    if figure == 0.0 {
        return Some(0.0);
    }
    let shift = 10_f64.powi(DIGITS - 1 - figure.abs().log10().floor() as i32);
    Some((figure * shift).round() / shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ratios_have_their_first_digits() {
        let check =
            |figure: f64, expected: Option<f64>| assert_eq!(significant(figure), expected, "{figure}");
        check(0.012_345_67, Some(0.01235));
        check(123.456, Some(123.5));
        check(-0.5, Some(-0.5));
        check(0.0, Some(0.0));
        check(f64::INFINITY, None);
        check(f64::NAN, None);
    }

    #[test]
    fn what_was_not_measured_is_absent() {
        let noise = Noise { rounds: 1, rounds_left_out: 0, calm: true };
        let ratios = [("told", Some(2.0)), ("untold", None)];
        let measured = Measured::new(ratios, json!({ "a": 1, "b": null }), noise);
        assert_eq!(measured.ratios, [("told", 2.0)].into());
        assert_eq!(Value::Object(measured.figures), json!({ "a": 1 }));
    }
}
