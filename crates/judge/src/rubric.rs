//! How much each dimension counts, by category.

use gavel_domain::score::{Dimension, Weights, WeightsError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The weights of all categories, as the policy file has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rubrics {
    /// For categories that are not listed.
    pub default: WeightRow,
    /// By slug of the category.
    #[serde(default)]
    pub category: BTreeMap<String, WeightRow>,
}

/// One row of the table, in basis points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightRow {
    /// Where the numbers come from: `published` or `ours`.
    pub origin: Origin,
    /// Does it do the whole of what was asked?
    pub task_completion: u16,
    /// Is what it says true, as far as that can be told?
    pub factual_accuracy: u16,
    /// Is it well made?
    pub output_quality: u16,
    /// Has it the format that was asked for?
    pub format_compliance: u16,
    /// Is it more than boilerplate or a copy?
    pub originality: u16,
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

/// The weights of one task, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rubric {
    /// How much each dimension counts.
    pub weights: Weights,
    /// Where that comes from.
    pub origin: Origin,
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
    /// Refuses a table with a row that does not sum to one.
    ///
    /// # Errors
    /// The first such row.
    pub fn check(&self) -> Result<(), RubricError> {
        let rows = self.category.iter().map(|(slug, row)| (slug.as_str(), row));
        rows.chain([("default", &self.default)]).try_for_each(|(slug, row)| row.rubric(slug).map(|_| ()))
    }
}

impl Rubric {
    /// The weights of a category, or the default ones.
    ///
    /// # Errors
    /// The row does not sum to one.
    pub fn for_category(rubrics: &Rubrics, category: &str) -> Result<Self, RubricError> {
        match rubrics.category.get(category) {
            Some(row) => row.rubric(category),
            None => rubrics.default.rubric("default"),
        }
    }
}

impl WeightRow {
    fn rubric(&self, category: &str) -> Result<Rubric, RubricError> {
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

    fn shipped() -> Rubrics {
        toml::from_str(include_str!("../../../config/policy/judge.toml")).unwrap()
    }

    #[test]
    fn the_shipped_table() {
        let rubrics = shipped();
        rubrics.check().unwrap();
        let check = |category, expected: [u16; 5], origin| {
            let rubric = Rubric::for_category(&rubrics, category).unwrap();
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
        let mut rubrics = shipped();
        rubrics.default.originality += 1;
        let error = rubrics.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "judge weights of `default`: the five weights sum to 10001 basis points; they must sum to 10000"
        );
        assert!(toml::from_str::<Rubrics>("[default]\norigin = \"ours\"\nstyle = 1").is_err());
    }
}
