//! The outcome in words and as one document. Pure.

use crate::case::{Case, Severity, Verdict, Via};
use crate::contact::Silence;
use crate::judge::counted;
use serde_json::{Value, json};
use std::time::Duration;

/// How one case ended.
pub struct Outcome {
    /// Which.
    pub case: &'static Case,
    /// Over which transport.
    pub via: Via,
    /// How.
    pub verdict: Verdict,
    /// After how long.
    pub took: Duration,
}

/// How a case counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The promise is kept.
    Passed,
    /// A promise is broken.
    Failed,
    /// Something costs the agent, but breaks nothing.
    Warned,
    /// It could not be judged.
    Skipped,
}

impl Outcome {
    /// How it counts.
    pub fn mark(&self) -> Mark {
        match (&self.verdict, self.case.severity) {
            (Verdict::Passed, _) => Mark::Passed,
            (Verdict::Failed(_) | Verdict::Unanswered { .. }, Severity::Must) => Mark::Failed,
            (Verdict::Failed(_) | Verdict::Unanswered { .. }, Severity::Should) => Mark::Warned,
            (Verdict::Skipped(_), _) => Mark::Skipped,
        }
    }

    /// Why, where it did not pass.
    pub fn reason(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Passed => None,
            Verdict::Failed(why) | Verdict::Unanswered { why, .. } | Verdict::Skipped(why) => Some(why),
        }
    }

    /// What to do, where it failed.
    pub fn fix(&self) -> Option<&'static str> {
        match &self.verdict {
            Verdict::Passed | Verdict::Skipped(_) => None,
            Verdict::Failed(_) => Some(self.case.fix),
            Verdict::Unanswered { fix, .. } => Some(fix),
        }
    }
}

impl Mark {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Mark::Passed => "passed",
            Mark::Failed => "failed",
            Mark::Warned => "warned",
            Mark::Skipped => "skipped",
        }
    }

    const ALL: [Mark; 4] = [Mark::Passed, Mark::Failed, Mark::Warned, Mark::Skipped];
}

/// All outcomes of a run.
pub struct Report {
    /// The agent's endpoint; empty where it only fetches.
    pub url: String,
    /// One after another.
    pub outcomes: Vec<Outcome>,
    /// The transports over which nobody answered anything.
    pub silences: Vec<Silence>,
}

impl Report {
    /// How many ended so.
    pub fn count(&self, mark: Mark) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.mark() == mark).count()
    }

    /// Whether anything of the contract itself was judged: health alone proves nothing.
    pub fn is_judged(&self) -> bool {
        let beyond = |outcome: &&Outcome| outcome.case.group != "health" && !self.is_silent(outcome.via);
        self.outcomes.iter().filter(beyond).any(|outcome| outcome.mark() != Mark::Skipped)
    }

    /// Whether no promise was found broken. A warning breaks none.
    pub fn is_passed(&self) -> bool {
        self.count(Mark::Failed) == 0
    }

    /// `61 passed, 2 failed, 3 warned, 4 skipped`
    pub fn tally(&self) -> String {
        let counts = Mark::ALL.map(|mark| format!("{} {}", self.count(mark), mark.name()));
        counts.join(", ")
    }

    /// The report for people: that nobody answered; else per heading what passed in one line, then everything else with
    /// its reason and the fix.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.silences.iter().flat_map(|silence| self.silent(silence)).collect();
        for (via, group) in self.headings().into_iter().filter(|(via, _)| !self.is_silent(*via)) {
            let here: Vec<&Outcome> =
                self.outcomes.iter().filter(|o| o.via == via && o.case.group == group).collect();
            let passed = here.iter().filter(|outcome| outcome.mark() == Mark::Passed).count();
            lines.push(format!("{}: {group} ({passed} of {} passed)", via.name(), here.len()));
            lines.extend(broken(&here));
            lines.extend(skipped(&here));
        }
        lines.push(String::new());
        lines.push(format!("{}. {}", self.tally(), self.said()));
        lines
    }

    fn is_silent(&self, via: Via) -> bool {
        self.silences.iter().any(|silence| silence.via == via)
    }

    /// Of an agent that nobody heard of there is nothing else to say.
    fn silent(&self, silence: &Silence) -> [String; 2] {
        let (via, url) = (silence.via.name(), &self.url);
        [format!("{via}: nothing answered at {url}: {}", silence.why), format!("  fix: {}", silence.fix)]
    }

    fn said(&self) -> &'static str {
        match (self.is_passed(), self.is_judged()) {
            (false, false) if !self.silences.is_empty() => "Nothing answered, so nothing could be judged.",
            (false, _) => "The agent does not keep the contract.",
            (true, false) => "Nothing could be judged.",
            (true, true) if self.count(Mark::Skipped) > 0 => {
                "The agent keeps the contract as far as it was judged (warnings do not fail the run)."
            }
            (true, true) => "The agent keeps the contract (warnings do not fail the run).",
        }
    }

    /// The headings in the order of the run, each once.
    pub fn headings(&self) -> Vec<(Via, &'static str)> {
        let mut headings = Vec::new();
        for outcome in &self.outcomes {
            let heading = (outcome.via, outcome.case.group);
            if !headings.contains(&heading) {
                headings.push(heading);
            }
        }
        headings
    }

    /// One JSON document.
    pub fn document(&self) -> Value {
        let counts: serde_json::Map<String, Value> =
            Mark::ALL.iter().map(|mark| (mark.name().to_owned(), json!(self.count(*mark)))).collect();
        json!({
            "url": self.url,
            "passed": self.is_passed() && self.is_judged(),
            "judged": self.is_judged(),
            "counts": counts,
            "unanswered": self.silences.iter().map(Silence::document).collect::<Vec<_>>(),
            "cases": self.outcomes.iter().map(described).collect::<Vec<_>>(),
        })
    }
}

/// What failed, each with its reason; what one fix mends stands above that fix.
fn broken(outcomes: &[&Outcome]) -> Vec<String> {
    let mut by_fix: Vec<(&str, Vec<&Outcome>)> = Vec::new();
    for outcome in outcomes {
        let Some(fix) = outcome.fix() else { continue };
        match by_fix.iter_mut().find(|(known, _)| *known == fix) {
            Some((_, mended)) => mended.push(outcome),
            None => by_fix.push((fix, vec![outcome])),
        }
    }
    by_fix.into_iter().flat_map(|(fix, mended)| mended_by(fix, &mended)).collect()
}

fn mended_by(fix: &str, outcomes: &[&Outcome]) -> Vec<String> {
    let told = |outcome: &&Outcome| {
        let (mark, case) = (outcome.mark().name(), outcome.case);
        let why = outcome.reason().unwrap_or_default();
        [format!("  {mark}   {}: {}", case.name, case.about), format!("           but {why}")]
    };
    let mut lines: Vec<String> = outcomes.iter().flat_map(told).collect();
    let which = match outcomes.len() {
        0 | 1 => "fix".to_owned(),
        several => format!("fix for these {}", counted(several, "case")),
    };
    lines.push(format!("           {which}: {fix}"));
    lines
}

/// What was skipped for the same reason stands in one line.
fn skipped(outcomes: &[&Outcome]) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.mark() == Mark::Skipped) {
        let why = outcome.reason().unwrap_or_default();
        match by_reason.iter_mut().find(|(known, _)| *known == why) {
            Some((_, names)) => names.push(outcome.case.name),
            None => by_reason.push((why, vec![outcome.case.name])),
        }
    }
    by_reason.into_iter().map(|(why, names)| format!("  skipped  {}: {why}", names.join(", "))).collect()
}

fn described(outcome: &Outcome) -> Value {
    json!({
        "name": outcome.case.name,
        "transport": outcome.via.name(),
        "group": outcome.case.group,
        "severity": outcome.case.severity.name(),
        "about": outcome.case.about,
        "verdict": outcome.mark().name(),
        "reason": outcome.reason(),
        "fix": outcome.fix(),
        "seconds": (outcome.took.as_secs_f64() * 1000.0).round() / 1000.0,
    })
}

/// One line of `--list`.
pub fn listed(case: &Case) -> String {
    let via: Vec<&str> = case.via.iter().map(|via| via.name()).collect();
    format!("{:<28} {:<6} {:<15} {}", case.name, case.severity.name(), via.join(","), case.about)
}

/// The same as data.
pub fn described_case(case: &Case) -> Value {
    let via: Vec<&str> = case.via.iter().map(|via| via.name()).collect();
    json!({
        "name": case.name, "group": case.group, "severity": case.severity.name(), "transports": via,
        "about": case.about, "fix": case.fix,
    })
}
