//! How much each dimension counts, by category.

use gavel_domain::score::{Dimension, Weights, WeightsError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The weights of all categories: read from a policy file, and right once they are read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Rubrics {
    default: Rubric,
    category: BTreeMap<String, Rubric>,
}

/// The weights of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rubric {
    /// How much each dimension counts.
    pub weights: Weights,
    /// Where that comes from.
    pub origin: Origin,
}

/// Where weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Published for the category.
    Published,
    /// Chosen by this project.
    Ours,
}

/// A row that does not make a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("judge weights of `{category}`: {source}")]
pub struct RubricError {
    /// The category, or `default`.
    pub category: String,
    /// What is wrong.
    pub source: WeightsError,
}

impl Rubrics {
    /// The weights of a category, or the default ones.
    pub fn for_category(&self, category: &str) -> Rubric {
        self.category.get(category).copied().unwrap_or(self.default)
    }
}

/// The shipped table, as `config/policy/judge.toml` has it: in the order of [`Dimension::ALL`].
impl Default for Rubrics {
    fn default() -> Self {
        let published = |weights| Rubric::new(weights, Origin::Published);
        let category = [
            ("content-writing", published([2500, 2000, 2500, 1500, 1500])),
            ("data-spreadsheets", published([3000, 3000, 2000, 1500, 500])),
            ("research-analysis", published([2500, 3000, 2000, 1000, 1500])),
            ("business-documents", published([3000, 1500, 2500, 2000, 1000])),
        ];
        Rubrics {
            default: Rubric::new([3000, 2000, 2500, 1500, 1000], Origin::Ours),
            category: category.map(|(slug, rubric)| (slug.to_owned(), rubric)).into(),
        }
    }
}

impl Rubric {
    /// A row of the shipped table.
    fn new(row: [u16; 5], origin: Origin) -> Self {
        let weights =
            Weights::new(row).expect("every row of the shipped table sums to one; a test reads them all");
        Rubric { weights, origin }
    }
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    default: Row,
    #[serde(default)]
    category: BTreeMap<String, Row>,
}

/// One row, in basis points.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    origin: Origin,
    task_completion: u16,
    factual_accuracy: u16,
    output_quality: u16,
    format_compliance: u16,
    originality: u16,
}

impl TryFrom<Table> for Rubrics {
    type Error = RubricError;
    fn try_from(table: Table) -> Result<Self, RubricError> {
        let rows = table.category.into_iter();
        let read = rows.map(|(slug, row)| row.read(&slug).map(|rubric| (slug, rubric)));
        Ok(Rubrics { default: table.default.read("default")?, category: read.collect::<Result<_, _>>()? })
    }
}

impl Row {
    fn read(&self, category: &str) -> Result<Rubric, RubricError> {
        let row = Dimension::ALL.map(|dimension| match dimension {
            Dimension::TaskCompletion => self.task_completion,
            Dimension::FactualAccuracy => self.factual_accuracy,
            Dimension::OutputQuality => self.output_quality,
            Dimension::FormatCompliance => self.format_compliance,
            Dimension::Originality => self.originality,
        });
        let weights =
            Weights::new(row).map_err(|source| RubricError { category: category.to_owned(), source })?;
        Ok(Rubric { weights, origin: self.origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../config/policy/judge.toml");

    #[test]
    fn the_shipped_table() {
        let rubrics: Rubrics = toml::from_str(SHIPPED).unwrap();
        assert_eq!(rubrics, Rubrics::default());
        let check = |category, expected: [u16; 5], origin| {
            let rubric = rubrics.for_category(category);
            assert_eq!(Dimension::ALL.map(|d| rubric.weights.of(d)), expected, "{category}");
            assert_eq!(rubric.origin, origin, "{category}");
        };
        check("content-writing", [2500, 2000, 2500, 1500, 1500], Origin::Published);
        check("data-spreadsheets", [3000, 3000, 2000, 1500, 500], Origin::Published);
        check("research-analysis", [2500, 3000, 2000, 1000, 1500], Origin::Published);
        check("business-documents", [3000, 1500, 2500, 2000, 1000], Origin::Published);
        check("anything-else", [3000, 2000, 2500, 1500, 1000], Origin::Ours);
    }

    #[test]
    fn bad_tables_are_refused() {
        let told = |text: &str| toml::from_str::<Rubrics>(text).unwrap_err().to_string();
        let surplus = told(&SHIPPED.replacen("3000", "3001", 1));
        assert!(surplus.contains("judge weights of `default`"), "{surplus}");
        assert!(surplus.contains("sum to 10001 basis points"), "{surplus}");
        assert!(told("[default]\norigin = \"ours\"\nstyle = 1").contains("style"));
    }
}
