//! Scores as integers: parts per million of a perfect 1.0, so that every sum and comparison is exact.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Parts per million, 0..=1,000,000. Shown as 0.0..=1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ppm(u32);

impl Ppm {
    /// Nothing.
    pub const ZERO: Ppm = Ppm(0);
    /// Everything.
    pub const ONE: Ppm = Ppm(1_000_000);

    /// Cuts to the range.
    pub const fn new(ppm: u32) -> Self {
        if ppm > 1_000_000 { Self::ONE } else { Self(ppm) }
    }

    /// The nearest part per million, half up; `None` for NaN.
    pub fn from_f64(value: f64) -> Option<Self> {
        if value.is_nan() {
            return None;
        }
        let scaled = (value * 1e6 + 0.5).floor().clamp(0.0, 1e6);
        Some(Self(scaled as u32))
    }

    /// The integer.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// 0.0..=1.0 for people and JSON.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

impl fmt::Display for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.as_f64())
    }
}

/// What a prototype is judged on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Does it do the whole of what was asked?
    TaskCompletion,
    /// Is what it says true, as far as that can be told?
    FactualAccuracy,
    /// Is it well made?
    OutputQuality,
    /// Has it the format that was asked for?
    FormatCompliance,
    /// Is it more than boilerplate or a copy?
    Originality,
}

impl Dimension {
    /// All five, in the order of every table.
    pub const ALL: [Dimension; 5] = [
        Dimension::TaskCompletion,
        Dimension::FactualAccuracy,
        Dimension::OutputQuality,
        Dimension::FormatCompliance,
        Dimension::Originality,
    ];

    /// The name in JSON and in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Dimension::TaskCompletion => "task_completion",
            Dimension::FactualAccuracy => "factual_accuracy",
            Dimension::OutputQuality => "output_quality",
            Dimension::FormatCompliance => "format_compliance",
            Dimension::Originality => "originality",
        }
    }
}

/// How much each dimension counts in a category, in basis points; the five sum to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights([u16; 5]);

/// Weights that do not sum to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the five weights sum to {sum} basis points; they must sum to 10000")]
pub struct WeightsError {
    /// What they sum to.
    pub sum: u32,
}

impl Weights {
    /// Weights in basis points, in the order of [`Dimension::ALL`].
    pub fn new(basis_points: [u16; 5]) -> Result<Self, WeightsError> {
        let sum = basis_points.iter().map(|w| u32::from(*w)).sum();
        if sum == 10_000 { Ok(Self(basis_points)) } else { Err(WeightsError { sum }) }
    }

    /// The weight of one dimension in basis points.
    pub const fn of(&self, dimension: Dimension) -> u16 {
        self.0[dimension as usize]
    }
}

/// The weights of one task, and where they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rubric {
    /// How much each dimension counts.
    pub weights: Weights,
    /// Where that comes from.
    pub origin: Origin,
}

/// What counts how much where nothing else is said.
impl Default for Rubric {
    fn default() -> Self {
        const WEIGHTS: Weights = Weights([3000, 2000, 2500, 1500, 1000]);
        Rubric { weights: WEIGHTS, origin: Origin::Ours }
    }
}

/// Where something that could be otherwise comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A marketplace published it.
    Published,
    /// Chosen by this project, or by an operator.
    #[default]
    Ours,
}

impl Origin {
    /// The name in JSON and in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Origin::Published => "published",
            Origin::Ours => "ours",
        }
    }
}
