//! What is told of the categories that are decided by `thompson`.

use crate::content::ContentHash;
use crate::{Method, Rules};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The shipped parameters; what each does stands beside it.
const SHIPPED: &str = include_str!("../../../config/policy/thompson.toml");

/// How agents are ranked where the categories were opened to `thompson`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByValue {
    /// The policy.
    pub policy: &'static str,
    /// These categories; all others are ranked as above.
    pub categories: Vec<String>,
    /// Tells these parameters from others: decisions name it.
    pub parameters_hash: ContentHash,
    /// What decides, in words.
    pub steps: Vec<&'static str>,
    /// Every parameter with its value and what it does.
    pub parameters: Vec<ValueParameter>,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueParameter {
    /// Its name in the settings.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// What it does.
    pub does: String,
}

impl ByValue {
    /// Nothing where no category was opened.
    pub(crate) fn of(rules: &Rules) -> Option<ByValue> {
        let first = rules.by_value().first()?;
        let rulebook = rules.of(first);
        let written = serde_json::to_value(rulebook.thompson()?).ok()?;
        let does = described();
        let parameters = written.as_object()?.iter().map(|(name, value)| ValueParameter {
            name: name.clone(),
            value: value.clone(),
            does: does.get(name.as_str()).copied().unwrap_or_default().to_owned(),
        });
        Some(ByValue {
            policy: Method::Values.name(),
            categories: rules.by_value().iter().cloned().collect(),
            parameters_hash: rulebook.hash(),
            steps: STEPS.to_vec(),
            parameters: parameters.collect(),
        })
    }

    pub(crate) fn write(&self, page: &mut String) {
        // Writing to a string never fails.
        let _ = writeln!(
            page,
            "\n## Categories that are ranked by value\n\nPolicy `{}`, parameters `{}`: {}. The gates and the number of agents \
             are those above; lanes, tiers and the newcomer's boost do not apply.\n",
            self.policy,
            self.parameters_hash,
            self.categories.join(", ")
        );
        for (n, step) in self.steps.iter().enumerate() {
            let _ = writeln!(page, "{}. {step}", n + 1);
        }
        page.push_str("\n| name | value | what it does |\n|---|---|---|\n");
        for ValueParameter { name, value, does } in &self.parameters {
            let _ = writeln!(page, "| `{name}` | {value} | {does} |");
        }
    }
}

const STEPS: [&str; 4] = [
    "What an agent has shown in the category, and in the type, gives a guess of its quality and how sure that guess is.",
    "A quality is drawn from the guess: who is little known is drawn high now and then, and so becomes known.",
    "What it may be worth is that quality, less price and waiting, with what buyers chose, times how surely it answers.",
    "The highest values are asked; in a share of the tasks the last seat is drawn by the weights above instead.",
];

/// `name = value # what it does`
fn described() -> BTreeMap<&'static str, &'static str> {
    let line = |line: &'static str| {
        let (name, rest) = line.split_once(" = ")?;
        Some((name, rest.split_once(" # ")?.1))
    };
    SHIPPED.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thompson;

    #[test]
    fn every_parameter_is_told_with_what_it_does() {
        let opened = |categories: &[&str]| {
            let categories = categories.iter().map(|slug| (*slug).to_owned()).collect();
            Rules::default().opened(thompson::Policy::default(), categories).unwrap()
        };
        assert_eq!(ByValue::of(&opened(&[])), None);
        let told = ByValue::of(&opened(&["marketing", "translation"])).unwrap();
        assert_eq!(told.categories, ["marketing", "translation"]);
        for parameter in &told.parameters {
            assert!(!parameter.does.is_empty(), "{}", parameter.name);
        }
        assert!(told.parameters.iter().any(|p| p.name == "floor_share" && p.value == 0.5));
    }
}
