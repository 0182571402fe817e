//! How an agent is doing: what a probe of it means, and when to probe again.
//!
//! Who fails some probes in a row is out of the pool, the first success brings it back. Who fails for long is hidden
//! until an operator has seen to it. Nothing here asks anybody: the finding, the time and the chance are handed in.

use crate::invitation::Probe;
use crate::{Chance, Timestamp};
use chrono::TimeDelta;

/// A dispatch to an agent that was not probed for this long starts a probe beside it.
pub const FRESH_FOR: TimeDelta = TimeDelta::seconds(30);
/// A worker that fetches its work waits up to 30 s for it; one that did not come back within three such waits is gone.
pub const SEEN_WITHIN: TimeDelta = TimeDelta::seconds(90);
/// A pause between two probes that is longer than this and than a few turns is no accident.
const UNWATCHED_LEAST: TimeDelta = TimeDelta::minutes(5);
/// The longest account of a failure that is kept.
const PROBLEM_CHARS_MAX: usize = 500;
/// Probes are spread by a fifth either way, so that agents registered together are not always asked together.
const JITTER_MILLI: i32 = 200;

/// How an agent is doing, as far as the last probe tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Failed probes in a row.
    pub fails: u32,
    /// What the last probe said.
    pub last_probe: Probe,
    /// When the last probe began.
    pub probed_at: Option<Timestamp>,
    /// When the first of the failed probes in a row began.
    pub failing_since: Option<Timestamp>,
    /// What is wrong, in words for its developer.
    pub problem: Option<String>,
    /// The version it last gave itself.
    pub version: Option<String>,
    /// In what it describes itself otherwise than it is registered: a flag, never a failure.
    pub drift: Option<String>,
}

impl Default for Health {
    fn default() -> Self {
        Health {
            fails: 0,
            last_probe: Probe::Unknown,
            probed_at: None,
            failing_since: None,
            problem: None,
            version: None,
            drift: None,
        }
    }
}

/// What an agent that is well says of itself; all of it is optional.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// What it calls itself.
    pub agent: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The categories it works in.
    pub capabilities: Option<Vec<String>>,
}

/// What one probe of an agent found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is well.
    Well(Report),
    /// It is not; why, in words for its developer.
    Failing(String),
    /// It could not be probed: our fault, which says nothing of the agent.
    NotProbed(String),
}

/// What an agent is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its short name.
    pub slug: String,
    /// The categories it was registered for.
    pub capabilities: Vec<String>,
}

/// How often to probe, and what failing leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Failures in a row that take an agent out of the pool.
    pub fails_max: u32,
    /// Between two probes of an agent in the pool.
    pub every: TimeDelta,
    /// Between two probes of one that is out.
    pub every_while_out: TimeDelta,
    /// An agent that has failed for so long is hidden; `None`: never.
    pub hide_after: Option<TimeDelta>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            fails_max: 3,
            every: TimeDelta::seconds(60),
            every_while_out: TimeDelta::seconds(30),
            hide_after: Some(TimeDelta::days(1)),
        }
    }
}

/// What a probe changed for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is not asked any more until it is well.
    LeftPool,
    /// It is asked again.
    CameBack,
    /// It is hidden until an operator moves it back.
    Hidden,
}

/// What one probe leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How the agent is doing now.
    pub health: Health,
    /// What that changed.
    pub change: Option<Change>,
    /// When to probe again.
    pub next_at: Timestamp,
}

impl Rules {
    /// What is known of an agent after a probe that began at `at`.
    pub fn judge(
        &self,
        before: Health,
        finding: Finding,
        registered: &Registered,
        at: Timestamp,
        chance: &dyn Chance,
    ) -> Verdict {
        let out_before = self.is_out(&before);
        let mut health = match finding {
            Finding::Well(report) => well(report, registered, at),
            Finding::Failing(problem) => failing(before, problem, at),
            Finding::NotProbed(_) => {
                let next_at = self.next_at(&before, at, chance);
                return Verdict { health: before, change: None, next_at };
            }
        };
        let change = match (out_before, self.is_out(&health)) {
            (_, true) if self.is_to_be_hidden(&health, at) => Some(Change::Hidden),
            (false, true) => Some(Change::LeftPool),
            (true, false) => Some(Change::CameBack),
            (true, true) | (false, false) => None,
        };
        if change == Some(Change::Hidden) {
            health.problem = Some(hidden_because(&health));
        }
        let next_at = self.next_at(&health, at, chance);
        Verdict { health, change, next_at }
    }

    /// After a longer pause between two probes (we were down, the agent was paused or hidden) nobody knows that it
    /// failed all the while: how long it has been failing is counted anew.
    pub fn unwatched_after(&self) -> TimeDelta {
        UNWATCHED_LEAST.max(self.every.max(self.every_while_out) * 3)
    }

    /// Whether triage keeps the agent out.
    pub fn is_out(&self, health: &Health) -> bool {
        health.fails >= self.fails_max
    }

    fn is_to_be_hidden(&self, health: &Health, now: Timestamp) -> bool {
        let failing_for = health.failing_since.map(|since| now - since);
        self.hide_after.zip(failing_for).is_some_and(|(most, failing_for)| failing_for >= most)
    }

    fn next_at(&self, health: &Health, now: Timestamp, chance: &dyn Chance) -> Timestamp {
        let every = if self.is_out(health) { self.every_while_out } else { self.every };
        let mut luck = [0; 2];
        chance.fill(&mut luck);
        let spread = i32::from(u16::from_be_bytes(luck)) * 2 * JITTER_MILLI / i32::from(u16::MAX);
        now + every * (1000 - JITTER_MILLI + spread) / 1000
    }
}

/// How a worker that fetches its work is doing: that it asks for work is its probe.
pub fn of_worker(seen_at: Option<Timestamp>, now: Timestamp) -> Finding {
    match seen_at {
        Some(at) if now - at <= SEEN_WITHIN => Finding::Well(Report::default()),
        Some(at) => Finding::Failing(format!(
            "no worker has asked for work since {}; is it running, and can it reach this server?",
            second(at)
        )),
        None => Finding::Failing("no worker has asked for work yet; start one".to_owned()),
    }
}

fn well(report: Report, registered: &Registered, at: Timestamp) -> Health {
    Health {
        fails: 0,
        last_probe: Probe::Passing,
        probed_at: Some(at),
        failing_since: None,
        problem: None,
        drift: drift(&report, registered),
        version: report.version,
    }
}

/// What it last said of itself stays: it says nothing new.
fn failing(before: Health, problem: String, at: Timestamp) -> Health {
    Health {
        fails: before.fails.saturating_add(1),
        last_probe: Probe::Failing,
        probed_at: Some(at),
        failing_since: before.failing_since.or(Some(at)),
        problem: Some(kept(&problem)),
        ..before
    }
}

/// U+0000 is no text to every database.
fn kept(problem: &str) -> String {
    problem.chars().filter(|c| *c != '\0').take(PROBLEM_CHARS_MAX).collect()
}

/// A time as a developer reads it.
fn second(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn hidden_because(health: &Health) -> String {
    let since = health.failing_since.map(second).unwrap_or_default();
    let last = health.problem.as_deref().unwrap_or("no answer");
    format!("hidden, because it has been failing since {since}; an operator can move it back. Last: {last}")
}

/// Where an agent's word of itself and its registration differ.
fn drift(report: &Report, registered: &Registered) -> Option<String> {
    let mut differences = Vec::new();
    if let Some(name) = report.agent.as_ref().filter(|name| **name != registered.slug) {
        differences.push(format!("it calls itself {name:?}, is registered as {:?}", registered.slug));
    }
    if let Some(reported) = &report.capabilities {
        let without = |from: &[String], known: &[String]| {
            let rest: Vec<&str> = from.iter().filter(|c| !known.contains(c)).map(String::as_str).collect();
            rest.join(", ")
        };
        let (missing, added) =
            (without(&registered.capabilities, reported), without(reported, &registered.capabilities));
        if !missing.is_empty() {
            differences.push(format!("it does not name {missing}, for which it is registered"));
        }
        if !added.is_empty() {
            differences.push(format!("it also names {added}, for which it is not registered"));
        }
    }
    (!differences.is_empty()).then(|| kept(&differences.join("; ")))
}

#[cfg(test)]
mod tests;
