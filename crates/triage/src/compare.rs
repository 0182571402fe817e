//! What other rules would have decided: who gains and who loses.

use crate::{Chosen, Record, Tier};
use serde::Serialize;
use std::collections::BTreeMap;

/// Decisions, made once more by other rules.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// How many decisions.
    pub decisions: u64,
    /// In how many of them somebody else would have been asked.
    pub changed: u64,
    /// Seats in all.
    pub seats: Change<u64>,
    /// Seats of newcomers.
    pub newcomers: Change<u64>,
    /// Seats of each agent, by its short name; those for whom nothing changes are left out.
    pub agents: BTreeMap<String, Change<u64>>,
}

/// What was, and what would have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// By the rules of then.
    pub before: T,
    /// By the others.
    pub after: T,
}

impl Comparison {
    /// Takes a decision in, as it was and as it would have been.
    pub fn add(&mut self, before: &Record, after: &Record) {
        self.decisions += 1;
        self.changed += u64::from(asked(before) != asked(after));
        for (record, side) in [(before, Side::Before), (after, Side::After)] {
            for chosen in &record.chosen {
                side.of(&mut self.seats);
                side.of(self.agents.entry(chosen.slug.clone()).or_default());
                if chosen.tier == Tier::NewChallenger {
                    side.of(&mut self.newcomers);
                }
            }
        }
    }

    /// Without those for whom nothing changes.
    #[must_use]
    pub fn finished(mut self) -> Comparison {
        self.agents.retain(|_, seats| seats.before != seats.after);
        self
    }

    /// The mean of something over all seats, before and after: an agent's latency, its price. Agents of whom it is not
    /// known do not count.
    pub fn mean(pairs: &[(&Record, &Record)], of: impl Fn(&str) -> Option<f64>) -> Change<Option<f64>> {
        let mean = |records: Vec<&Record>| {
            let known: Vec<f64> =
                records.iter().flat_map(|r| &r.chosen).filter_map(|chosen| of(&chosen.slug)).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        Change {
            before: mean(pairs.iter().map(|(before, _)| *before).collect()),
            after: mean(pairs.iter().map(|(_, after)| *after).collect()),
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

impl Side {
    const fn of(self, change: &mut Change<u64>) {
        match self {
            Side::Before => change.before += 1,
            Side::After => change.after += 1,
        }
    }
}

fn asked(record: &Record) -> Vec<&str> {
    let mut agents: Vec<&str> = record.chosen.iter().map(|Chosen { agent, .. }| agent.as_str()).collect();
    agents.sort_unstable();
    agents
}
