//! What a developer is told of its agent's benchmark. Tasks are made again from other seeds, but what is right in one of
//! them must not be learnt from a report: of what the judge alone knows it is told what was looked for, never what
//! should have been found there.

use crate::error::StepError;
use gavel_contract::rest::{BenchmarkCategory, BenchmarkDimension, BenchmarkFeedback, BenchmarkGate};
use gavel_domain::benchmark::{CategoryVerdict, Missing, Rules, TaskScore};
use gavel_domain::invitation::Outcome;
use gavel_domain::{Ppm, Timestamp};
use gavel_judge::benchmark::Suite;
use gavel_judge::{DimensionScore, Evidence, Gate, GateKind, HiddenKind, Statement, Verdict};
use gavel_store::benchmarks::{Left, RunTask, TaskEnd};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Findings of one dimension that are told: the costliest.
const TOLD_MAX: usize = 8;

/// What came of a task.
pub(super) fn end_of(
    suite: &Suite,
    task: &RunTask,
    left: &Left,
    now: Timestamp,
) -> Result<TaskEnd, StepError> {
    let outcome = left.outcome.as_ref().map(|(outcome, _)| *outcome);
    let verdict = left.verdict.as_deref().map(read).transpose()?;
    let grave = verdict.as_ref().is_some_and(|verdict| verdict.gates.iter().any(|gate| gate.kind.is_high()));
    let told = BenchmarkFeedback {
        detail: left.outcome.as_ref().and_then(|(_, detail)| detail.clone()),
        dimensions: verdict.as_ref().map(|verdict| dimensions(suite, task, verdict)).unwrap_or_default(),
        gates: verdict.iter().flat_map(|verdict| &verdict.gates).map(gate).collect(),
        token_usage: left.token_usage.as_deref().and_then(|text| serde_json::from_str(text).ok()),
    };
    Ok(TaskEnd {
        at: now,
        ours: is_ours(outcome, left.score),
        outcome,
        score: left.score,
        grave,
        report: Some(text(&told)?),
    })
}

/// Whether the agent cannot help it. A bid without a score is one that our judge failed at.
const fn is_ours(outcome: Option<Outcome>, score: Option<Ppm>) -> bool {
    match outcome {
        None | Some(Outcome::Late | Outcome::Superseded | Outcome::Cancelled | Outcome::PlatformFault) => {
            true
        }
        Some(Outcome::Valid) => score.is_none(),
        Some(
            Outcome::InvalidResponse
            | Outcome::Timeout
            | Outcome::Unreachable
            | Outcome::Declined
            | Outcome::RateLimited
            | Outcome::AgentError
            | Outcome::ServerError
            | Outcome::Unavailable,
        ) => false,
    }
}

fn read(document: &str) -> Result<Verdict, StepError> {
    serde_json::from_str(document).map_err(|source| StepError::Document { what: "verdict", source })
}

pub(super) fn text<T: Serialize>(value: &T) -> Result<String, StepError> {
    serde_json::to_string(value).map_err(|source| StepError::Document { what: "report", source })
}

fn dimensions(suite: &Suite, task: &RunTask, verdict: &Verdict) -> BTreeMap<String, BenchmarkDimension> {
    let instance = suite.template(&task.template).map(|template| template.instance(task.seed));
    let hidden: BTreeMap<String, String> = instance
        .iter()
        .flat_map(|instance| &instance.checks)
        .map(|check| (check.id.clone(), without_the_answer(&check.kind)))
        .collect();
    let told = |(name, score): (&String, &DimensionScore)| (name.clone(), dimension(score, &hidden));
    verdict.dimensions.iter().map(told).collect()
}

fn dimension(score: &DimensionScore, hidden: &BTreeMap<String, String>) -> BenchmarkDimension {
    let lost = |evidence: &Evidence| evidence.possible.get().saturating_sub(evidence.effect.get());
    let mut costly: Vec<&Evidence> = score.evidence.iter().filter(|evidence| lost(evidence) > 0).collect();
    costly.sort_by_key(|evidence| std::cmp::Reverse(lost(evidence)));
    let words = |evidence: &&Evidence| match hidden.get(&evidence.check_id) {
        Some(told) => told.clone(),
        None => format!("not met in full: {}", evidence.text),
    };
    let mut seen = BTreeSet::new(); // many facts, one sentence
    let feedback = costly.iter().map(words).filter(|told| seen.insert(told.clone())).take(TOLD_MAX);
    BenchmarkDimension {
        value: score.value.as_f64(),
        coverage: score.coverage.as_f64(),
        feedback: feedback.collect(),
    }
}

/// What a check looks for, and where, as far as that does not say what is right.
fn without_the_answer(kind: &HiddenKind) -> String {
    match kind {
        HiddenKind::Fact(statement) => {
            format!("a number or a name that follows from the brief is missing or wrong{}", place(statement))
        }
        HiddenKind::NoFact(statement) => {
            format!("a mistake in what the brief brings along is given back as true{}", place(statement))
        }
        HiddenKind::Cell { row, column, .. } => {
            let row = row.join("\" and \"");
            format!("the value under \"{column}\" in the row of \"{row}\" is missing or wrong")
        }
        HiddenKind::Rows { columns, .. } if columns.is_empty() => {
            "a table lacks rows, or has too many".to_owned()
        }
        HiddenKind::Rows { columns, .. } => {
            format!("the table with \"{}\" lacks rows, or has too many", columns.join("\" and \""))
        }
        HiddenKind::Columns { .. } => "no table has all the columns that are asked for".to_owned(),
        HiddenKind::Cites { .. } => {
            "sources are not cited by their signs, or some that are not there".to_owned()
        }
        HiddenKind::Order { .. } => "the sections do not stand in the order that is asked for".to_owned(),
        HiddenKind::SectionWords { name, .. } => {
            format!("the section \"{name}\" has not the length it should have, or is missing")
        }
        HiddenKind::Lines { .. } => "lines that should begin alike are missing, or too long".to_owned(),
        HiddenKind::File { kind } => format!("there is no {} file", kind.name()),
        HiddenKind::Json { at, .. } => format!("the value at {at} of the JSON is missing or wrong"),
        HiddenKind::ShortSentences { .. } => "the sentences are too long".to_owned(),
        HiddenKind::Listed(_) => "a demand of the brief is not met".to_owned(),
    }
}

fn place(Statement { near, within, .. }: &Statement) -> String {
    let beside = (!near.is_empty()).then(|| format!(", beside \"{}\"", near.join("\" or \"")));
    let inside = within.as_ref().map(|section| format!(", in the section \"{section}\""));
    beside.into_iter().chain(inside).collect()
}

/// The words of a gate for what only the judge knows would say what is right.
fn gate(gate: &Gate) -> BenchmarkGate {
    let text = match gate.kind {
        GateKind::Essential => "what this task cannot do without is missing or wrong".to_owned(),
        _ => gate.text.clone(),
    };
    BenchmarkGate { text, cap: gate.cap.as_f64(), grave: gate.kind.is_high() }
}

/// What is said of a category.
pub(super) fn category(verdict: &CategoryVerdict, tasks: &[RunTask], rules: &Rules) -> BenchmarkCategory {
    let missing = verdict.missing.iter().map(|missing| sentence(missing, verdict, tasks, rules));
    BenchmarkCategory {
        category: verdict.category.clone(),
        passed: Some(verdict.passed()),
        mean: (!verdict.tasks.is_empty()).then(|| verdict.mean.as_f64()),
        missing: missing.collect(),
    }
}

fn sentence(missing: &Missing, verdict: &CategoryVerdict, tasks: &[RunTask], rules: &Rules) -> String {
    let name = |template: &str| {
        let task = tasks.iter().find(|task| task.template == template);
        task.map_or_else(|| template.to_owned(), |task| format!("{} ({})", task.task_type, task.level))
    };
    let score = |template: &str| {
        let of_it = |task: &&TaskScore| task.template == template;
        verdict.tasks.iter().find(of_it).map_or(Ppm::ZERO, |task| task.score)
    };
    match missing {
        Missing::Mean => {
            format!("its tasks score {} together; {} is needed", verdict.mean, rules.pass_mean)
        }
        Missing::Score(template) => {
            format!("{} scores {}; each task needs {}", name(template), score(template), rules.pass_each)
        }
        Missing::Grave(template) => {
            format!("{} has a fault that no other merit makes up for; see its gates", name(template))
        }
        Missing::NotSent => "its tasks were not sent: nothing came of those before".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_domain::benchmark::{Came, Planned, Purpose, Sent, verdict};
    use gavel_domain::{Clock, TaskId, clock::SystemClock};

    #[test]
    fn who_cannot_help_it_is_not_charged() {
        let check = |outcome, score: Option<u32>, ours| {
            assert_eq!(is_ours(outcome, score.map(Ppm::new)), ours, "{outcome:?}");
        };
        check(None, None, true);
        for outcome in Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Valid) {
            let passing = gavel_domain::invitation::Probe::Passing;
            let none = outcome.reliability(passing) == gavel_domain::invitation::Reliability::None;
            check(Some(outcome), None, none && outcome != Outcome::Declined);
        }
        check(Some(Outcome::Valid), Some(1), false);
        check(Some(Outcome::Valid), None, true);
    }

    #[test]
    fn what_is_missing_is_told_in_words() {
        let task = |template: &str, level: &str| RunTask {
            position: 1,
            task: TaskId::from_uuid(uuid()),
            category: "a".to_owned(),
            task_type: "blog-post".to_owned(),
            level: level.to_owned(),
            template: template.to_owned(),
            seed: 1,
            purpose: Purpose::First,
            posted_at: SystemClock.now(),
            ended: None,
        };
        let planned = |template: &str| Planned { category: "a".to_owned(), template: template.to_owned() };
        let plan =
            [planned("a/easy"), planned("a/hard"), Planned { category: "b".to_owned(), ..planned("b/easy") }];
        let sent = |template: &str, score, grave| Sent {
            template: template.to_owned(),
            came: Came::Judged { score: Ppm::new(score), grave },
        };
        let rules = Rules::default();
        let verdicts =
            verdict(&plan, &[sent("a/easy", 700_000, true), sent("a/hard", 320_000, false)], &rules);
        let tasks = [task("a/easy", "easy"), task("a/hard", "hard")];
        let told = category(&verdicts[0], &tasks, &rules);
        assert_eq!((told.passed, told.mean), (Some(false), Some(0.51)));
        assert_eq!(
            told.missing,
            [
                "its tasks score 0.510 together; 0.600 is needed",
                "blog-post (hard) scores 0.320; each task needs 0.450",
                "blog-post (easy) has a fault that no other merit makes up for; see its gates",
            ]
        );
        let told = category(&verdicts[1], &tasks, &rules);
        assert_eq!((told.mean, told.missing.len()), (None, 1));
    }

    fn uuid() -> uuid::Uuid {
        uuid::Uuid::nil()
    }
}
