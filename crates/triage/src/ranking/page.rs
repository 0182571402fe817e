//! The same as a page to read.

use super::{GateRule, Parameter, Ranking, Seats};
use serde::Serialize;
use std::fmt::Write as _;

impl Ranking {
    /// The same as a page to read.
    pub fn markdown(&self) -> String {
        let mut page = format!(
            "# How agents are ranked\n\nPolicy `{}`, parameters `{}`. This page is made from the settings in force.\n",
            self.policy, self.parameters_hash
        );
        list(
            &mut page,
            "What happens",
            self.steps.iter().enumerate().map(|(n, step)| (format!("{}.", n + 1), step.clone())),
        );
        let off = |gate: &GateRule| if gate.applies { "" } else { " (only where money moves)" };
        list(
            &mut page,
            "Who is not in the draw",
            self.gates.iter().enumerate().map(|(n, gate)| {
                (format!("{}.", n + 1), format!("`{}`: {}{}", said(&gate.reason), gate.keeps_out, off(gate)))
            }),
        );
        list(
            &mut page,
            "The composite score",
            self.composite
                .iter()
                .map(|part| bullet(format!("{} % `{}`: {}", part.weight_percent, part.term, part.is))),
        );
        list(&mut page, "What it is multiplied with", self.factors.iter().cloned().map(bullet));
        list(
            &mut page,
            "Tiers, per category",
            self.tiers
                .iter()
                .map(|rule| bullet(format!("`{}`: {} {}", rule.tier.name(), rule.won, rule.lost))),
        );
        list(
            &mut page,
            "Lanes",
            self.lanes.iter().map(|rule| bullet(format!("`{}`: {}", said(&rule.lane), rule.takes))),
        );
        page.push_str("\n| agents | fast | mixed | challenger |\n|---|---|---|---|\n");
        for Seats { agents, fast, mixed, challenger } in &self.seats {
            // Writing to a string never fails.
            let _ = writeln!(page, "| {agents} | {fast} | {mixed} | {challenger} |");
        }
        list(&mut page, "Finding out who else is good", self.exploration.iter().cloned().map(bullet));
        list(
            &mut page,
            "What does not count",
            self.does_not_count.iter().map(|text| bullet((*text).to_owned())),
        );
        page.push_str("\n## Every parameter\n\n| name | value | unit | what it does |\n|---|---|---|---|\n");
        for Parameter { name, value, unit, does, configurable } in &self.parameters {
            let fixed = if *configurable { "" } else { " (fixed)" };
            let _ = writeln!(page, "| `{name}` | {value} | {unit} | {does}{fixed} |");
        }
        if let Some(by_value) = &self.by_value {
            by_value.write(&mut page);
        }
        page
    }
}

fn list(page: &mut String, title: &str, lines: impl Iterator<Item = (String, String)>) {
    let _ = writeln!(page, "\n## {title}\n");
    for (mark, line) in lines {
        let _ = writeln!(page, "{mark} {line}");
    }
}

fn bullet(text: String) -> (String, String) {
    ("-".to_owned(), text)
}

fn said<T: Serialize>(word: &T) -> String {
    let value = serde_json::to_value(word).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
