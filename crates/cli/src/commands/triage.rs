//! `gavel triage`: why agents were asked, the same decisions again, and what other rules would do.

mod diff;
mod simulate;

pub(super) use diff::diff;
pub(super) use simulate::simulate;

use super::looked_at;
use crate::args::{DecisionArgs, ExplainArgs, ExportArgs, PlaceArgs, ReplayArgs};
use crate::{Failure, output};
use anyhow::{Context as _, anyhow};
use gavel_domain::TaskId;
use gavel_triage::{CandidateRecord, Record, Stored, document, reason_in_words};
use serde_json::{Value, json};
use std::path::Path;

pub(super) async fn explain(args: ExplainArgs) -> Result<(), Failure> {
    let stored = decision(Some(args.task), &args.decision).await?;
    let (record, table) = (opened(stored.record())?, opened(stored.table())?);
    if args.decision.file.is_some() && opened(stored.replay())? != record {
        let why = "the file was changed: what it says does not follow from what it was made from";
        return Err(Failure::Usage(why.to_owned()));
    }
    let Some(wanted) = &args.agent else { return all(&record, &table, args.json) };
    let Some(row) = table.iter().find(|row| row.slug == *wanted || row.agent == *wanted) else {
        let others = record.question.no_capability;
        return Err(Failure::Usage(format!(
            "{wanted} was no candidate: it does not declare the category {} (as {others} agents do not), or there is no such agent",
            record.question.task.category
        )));
    };
    if args.json {
        output::json(&explained(row, &record)?);
    } else {
        output::line(&format!("{} ({})", row.slug, word(row)));
        reason_in_words(row, &record).iter().for_each(|sentence| output::line(&format!("  {sentence}")));
    }
    Ok(())
}

/// Every candidate with its reason in a word, and the sums.
fn all(record: &Record, table: &[CandidateRecord], as_json: bool) -> Result<(), Failure> {
    if as_json {
        let rows = table.iter().map(|row| explained(row, record)).collect::<Result<Vec<_>, _>>()?;
        output::json(&json!({ "reasons": record.reasons, "candidates": rows }));
        return Ok(());
    }
    for row in table {
        output::line(&format!("{}  {}  {}", row.slug, row.tier.name(), word(row)));
    }
    let sums = record.reasons.iter().map(|(reason, n)| format!("{n} {}", said(reason)));
    output::line(&format!("{} candidates: {}", table.len(), sums.collect::<Vec<_>>().join(", ")));
    Ok(())
}

fn explained(row: &CandidateRecord, record: &Record) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(row).context("the reason cannot be written")?;
    value["in_words"] = json!(reason_in_words(row, record));
    Ok(value)
}

pub(super) async fn replay(args: ReplayArgs) -> Result<(), Failure> {
    let stored = decision(args.task, &args.decision).await?;
    let again = opened(stored.replay())?;
    let text = document(&again).context("the decision cannot be written")?;
    let same = text == stored.document;
    if args.json {
        output::json(&json!({ "same": same, "candidates": again.reasons.values().sum::<u64>(),
                              "chosen": slugs(&again), "parameters": again.parameters }));
    } else {
        output::line(&told(&again));
    }
    if !same {
        let at = text.bytes().zip(stored.document.bytes()).take_while(|(a, b)| a == b).count();
        return Err(anyhow!("the decision made again differs from the stored one, from byte {at} on").into());
    }
    if !args.json {
        output::line(&format!("Made again, it is the same to the byte ({} bytes).", text.len()));
    }
    Ok(())
}

/// `aitasker-v1 chose 5 of 8 candidates (seed 42): atlas (fast), ...`
fn told(record: &Record) -> String {
    let chosen: Vec<String> =
        record.chosen.iter().map(|chosen| format!("{} ({})", chosen.slug, said(&chosen.lane))).collect();
    format!(
        "{} chose {} of {} candidates (seed {}): {}",
        record.policy.name(),
        chosen.len(),
        record.reasons.values().sum::<u64>(),
        record.question.seed,
        chosen.join(", ")
    )
}

fn slugs(record: &Record) -> Vec<&str> {
    record.chosen.iter().map(|chosen| chosen.slug.as_str()).collect()
}

pub(super) async fn export(args: ExportArgs) -> Result<(), Failure> {
    let stored = from_database(args.task, args.round, &args.place).await?;
    output::json(&serde_json::to_value(&stored).context("the decision cannot be written")?);
    Ok(())
}

/// The decision that is meant, from a file or from the database.
async fn decision(task: Option<TaskId>, wanted: &DecisionArgs) -> Result<Stored, Failure> {
    match (&wanted.file, task) {
        (Some(file), _) => from_file(file),
        (None, Some(task)) => from_database(task, wanted.round, &wanted.place).await,
        (None, None) => Err(Failure::Usage("a task or --file is needed".to_owned())),
    }
}

fn from_file(file: &Path) -> Result<Stored, Failure> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let wrong = |e| Failure::Usage(format!("{} is no exported decision: {e}", file.display()));
    serde_json::from_str(&text).map_err(wrong)
}

async fn from_database(task: TaskId, round: u32, place: &PlaceArgs) -> Result<Stored, Failure> {
    let (_, store) = looked_at(place).await?;
    let found = gavel_candidates::stored(&store, task, round).await;
    let removed = store.bodies_removed_at(task).await;
    store.close().await;
    match (found.map_err(anyhow::Error::new)?, removed?) {
        (Some(stored), _) => Ok(stored),
        (None, Some(at)) => Err(Failure::Usage(format!("the decisions of task {task} were removed at {at}"))),
        (None, None) => Err(Failure::Usage(format!("task {task} has no decision in round {round}"))),
    }
}

/// What a stored decision says, or why it cannot be read.
fn opened<T>(read: Result<T, gavel_triage::ReplayError>) -> Result<T, Failure> {
    read.map_err(|error| anyhow::Error::new(error).into())
}

fn word(row: &CandidateRecord) -> String {
    said(&row.reason)
}

fn said(value: &impl serde::Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    word.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}
