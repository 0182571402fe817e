//! How much each dimension counts, by category. What counts in a category stands in the catalogue; a policy file says
//! what counts elsewhere, and may say otherwise for any.

use gavel_domain::score::{Dimension, Origin, Rubric, Weights, WeightsError};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The weights of all categories: right once they are read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Rubrics {
    default: Option<Rubric>,
    category: BTreeMap<String, Rubric>,
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
        self.category.get(category).copied().or(self.default).unwrap_or_default()
    }

    /// Whether it says something of every category: it names a default.
    pub fn says_all(&self) -> bool {
        self.default.is_some()
    }

    /// With the weights of categories that it does not name.
    pub fn completed_by(mut self, rows: impl IntoIterator<Item = (String, Rubric)>) -> Self {
        for (category, rubric) in rows {
            self.category.entry(category).or_insert(rubric);
        }
        self
    }
}

/// The shipped default, as `config/policy/judge.toml` has it.
impl Default for Rubrics {
    fn default() -> Self {
        Rubrics { default: Some(Rubric::default()), category: BTreeMap::new() }
    }
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    default: Option<RubricRow>,
    #[serde(default)]
    category: BTreeMap<String, RubricRow>,
}

/// One row as it is written, in basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RubricRow {
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
        let read = |category: String, row: RubricRow| match row.read() {
            Ok(rubric) => Ok((category, rubric)),
            Err(source) => Err(RubricError { category, source }),
        };
        let default = table.default.map(|row| read("default".to_owned(), row)).transpose()?;
        let category = table.category.into_iter().map(|(category, row)| read(category, row));
        Ok(Rubrics {
            default: default.map(|(_, rubric)| rubric),
            category: category.collect::<Result<_, _>>()?,
        })
    }
}

impl RubricRow {
    /// The weights, if they make a whole.
    ///
    /// # Errors
    /// What they sum to instead.
    pub fn read(self) -> Result<Rubric, WeightsError> {
        let row = Dimension::ALL.map(|dimension| match dimension {
            Dimension::TaskCompletion => self.task_completion,
            Dimension::FactualAccuracy => self.factual_accuracy,
            Dimension::OutputQuality => self.output_quality,
            Dimension::FormatCompliance => self.format_compliance,
            Dimension::Originality => self.originality,
        });
        Ok(Rubric { weights: Weights::new(row)?, origin: self.origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../config/policy/judge.toml");

    fn row(originality: u16) -> String {
        let rest = 10_000 - originality;
        format!(
            "origin = \"ours\"\ntask_completion = {rest}\nfactual_accuracy = 0\noutput_quality = 0\n\
             format_compliance = 0\noriginality = {originality}\n"
        )
    }

    #[test]
    fn the_shipped_table() {
        let rubrics: Rubrics = toml::from_str(SHIPPED).unwrap();
        assert_eq!(rubrics, Rubrics::default());
        let rubric = rubrics.for_category("anything");
        assert_eq!(Dimension::ALL.map(|d| rubric.weights.of(d)), [3000, 2000, 2500, 1500, 1000]);
        assert_eq!(rubric.origin, Origin::Ours);
    }

    #[test]
    fn what_a_table_names_wins_and_the_catalogue_gives_the_rest() {
        let catalogue = || ["a", "b"].map(|slug| (slug.to_owned(), Rubric::default()));
        let check = |text: &str, says_all, [a, b, c]: [u16; 3]| {
            let rubrics: Rubrics = toml::from_str(text).unwrap();
            assert_eq!(rubrics.says_all(), says_all, "{text}");
            let rubrics = rubrics.completed_by(catalogue());
            let of = |slug| rubrics.for_category(slug).weights.of(Dimension::Originality);
            assert_eq!(["a", "b", "c"].map(of), [a, b, c], "{text}");
        };
        check("", false, [1000, 1000, 1000]);
        check(&format!("[category.a]\n{}", row(7)), false, [7, 1000, 1000]);
        check(&format!("[default]\n{}[category.a]\n{}", row(8), row(7)), true, [7, 1000, 8]);
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
