//! The report as a table for people.

use crate::{Estimate, Kind, Report, Row};
use std::fmt;

/// A column: its head, its width, and what stands in it.
type Column = (&'static str, usize, fn(&Row) -> String);

const COLUMNS: [Column; 10] = [
    ("policy", 17, |row| row.policy.name().to_owned()),
    ("regret", 11, |row| told(row.regret, 1)),
    ("good %", 9, |row| told(row.good_percent, 1)),
    ("calls", 5, |row| row.calls.map_or_else(nothing, |calls| format!("{:.2}", calls.mean))),
    ("net/task", 11, |row| told(row.net_per_task, 2)),
    ("gini", 9, |row| told(row.exposure_gini, 2)),
    ("starved %", 9, |row| told(row.starved_percent, 0)),
    ("top %", 8, |row| told(row.top_performers_percent, 1)),
    ("found after", 11, |row| told(row.newcomer_found_tasks, 0)),
    ("newcomer %", 10, |row| told(row.newcomer_share_percent, 1)),
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        write!(f, "{} market, {} seeds, {} tasks each", plan.scenario.name(), plan.seeds, plan.tasks)?;
        if plan.judge_shift != 0.0 {
            write!(f, ", the judge's scores shifted by {:+.2}", plan.judge_shift)?;
        }
        writeln!(f, "; ± is a 95 % confidence interval")?;
        writeln!(f)?;
        line(f, COLUMNS.map(|(head, width, _)| (head.to_owned(), width)))?;
        for row in &self.policies {
            line(f, COLUMNS.map(|(_, width, cell)| (cell(row), width)))?;
        }
        self.exposure(f)?;
        self.conclusions(f)
    }
}

impl Report {
    /// What cheats get, where there are any.
    fn exposure(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = |kind: &Kind| self.policies.iter().any(|row| row.exposure.contains_key(kind));
        let kinds: Vec<Kind> = Kind::CHEATS.into_iter().filter(there).collect();
        if kinds.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nCalls against the fair share (1.00 = as by turns):\n")?;
        let heads = kinds.iter().map(|kind| (kind.name().to_owned(), width(*kind)));
        line(f, std::iter::once(("policy".to_owned(), 17)).chain(heads))?;
        for row in &self.policies {
            let cells = kinds.iter().map(|kind| (told(row.exposure.get(kind).copied(), 2), width(*kind)));
            line(f, std::iter::once((row.policy.name().to_owned(), 17)).chain(cells))?;
        }
        Ok(())
    }

    fn conclusions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for claim in &self.claims {
            let verdict = if claim.holds { "holds" } else { "does not hold" };
            writeln!(f, "{}: {verdict}, by {}", claim.says, told(Some(claim.margin), 1))?;
        }
        match &self.alarm {
            Some(alarm) => writeln!(f, "ALARM: {alarm}"),
            None => Ok(()),
        }
    }
}

fn width(kind: Kind) -> usize {
    kind.name().len().max(9)
}

/// The first cell to the left, all others to the right.
fn line(f: &mut fmt::Formatter<'_>, cells: impl IntoIterator<Item = (String, usize)>) -> fmt::Result {
    let mut text = String::new();
    for (at, (cell, width)) in cells.into_iter().enumerate() {
        let padded = if at == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
        text.push_str(&padded);
    }
    writeln!(f, "{}", text.trim_end())
}

fn told(estimate: Option<Estimate>, digits: usize) -> String {
    estimate.map_or_else(nothing, |e| format!("{:.digits$}±{:.digits$}", e.mean, e.half_width))
}

fn nothing() -> String {
    "-".to_owned()
}
