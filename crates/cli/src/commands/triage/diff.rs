//! `gavel triage diff`: the latest decisions again, by other parameters.

use crate::args::DiffArgs;
use crate::commands::looked_at;
use crate::{Failure, output, settings};
use anyhow::{Context as _, anyhow};
use gavel_domain::AgentId;
use gavel_store::Store;
use gavel_triage::{Change, Comparison, Record, ReplayError, Rulebook, Stored};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Prototypes of an agent that its latency is taken from.
const LATENCIES: u32 = 50;
/// Agents in each list that is printed.
const SHOWN: usize = 20;

/// What came of it.
struct Compared {
    comparison: Comparison,
    seconds: Change<Option<f64>>,
    /// Decisions that could not be made again: stored before their inputs were.
    skipped: u64,
}

pub(in crate::commands) async fn diff(args: DiffArgs) -> Result<(), Failure> {
    let policy = settings::triage_policy(&args.policy)?;
    let other = Arc::new(
        Rulebook::new(policy).map_err(|e| Failure::Usage(format!("{}: {e}", args.policy.display())))?,
    );
    let (config, store) = looked_at(&args.place).await?;
    if let Some(slug) = args.category.as_deref().filter(|slug| config.catalog.category(slug).is_none()) {
        return Err(Failure::Usage(format!("{slug:?} is no category of the catalogue")));
    }
    let compared = compare(&store, &args, &other).await;
    store.close().await;
    let compared = compared?;
    if compared.comparison.decisions == 0 {
        return Err(Failure::Usage("there are no decisions that could be made again".to_owned()));
    }
    if args.json {
        output::json(&json!({ "comparison": compared.comparison, "seconds": compared.seconds,
                              "skipped": compared.skipped, "parameters": other.hash() }));
    } else {
        print(&compared);
    }
    Ok(())
}

async fn compare(store: &Store, args: &DiffArgs, other: &Arc<Rulebook>) -> Result<Compared, Failure> {
    let (mut comparison, mut pairs, mut skipped) = (Comparison::default(), Vec::new(), 0);
    for decided in store.latest_decisions(args.category.as_deref(), args.last).await? {
        let stored = gavel_candidates::stored(store, decided.task, decided.round).await;
        let Some(stored) = stored.map_err(anyhow::Error::new)? else { continue };
        match again(&stored, other) {
            Ok((before, after)) => {
                comparison.add(&before, &after);
                pairs.push((before, after));
            }
            Err(ReplayError::Benchmark) => {}
            Err(ReplayError::Version(_)) => skipped += 1,
            Err(error) => return Err(anyhow!(error).context(format!("task {}", decided.task)).into()),
        }
    }
    let latencies = latencies(store, &pairs).await?;
    let borrowed: Vec<(&Record, &Record)> = pairs.iter().map(|(before, after)| (before, after)).collect();
    let seconds = Comparison::mean(&borrowed, |slug| latencies.get(slug).copied());
    Ok(Compared { comparison: comparison.finished(), seconds, skipped })
}

fn again(stored: &Stored, other: &Arc<Rulebook>) -> Result<(Record, Record), ReplayError> {
    Ok((stored.record()?, stored.replay_by(Arc::clone(other))?))
}

/// How long the agents that are asked by either rules take, in seconds.
async fn latencies(store: &Store, pairs: &[(Record, Record)]) -> Result<BTreeMap<String, f64>, Failure> {
    let mut seconds = BTreeMap::new();
    let asked = pairs.iter().flat_map(|(before, after)| before.chosen.iter().chain(&after.chosen));
    for chosen in asked {
        if seconds.contains_key(&chosen.slug) {
            continue;
        }
        let agent: AgentId = chosen.agent.parse().context("an agent of a stored decision has no id")?;
        let taken = store.latencies(agent, LATENCIES).await?;
        if !taken.is_empty() {
            let mean = taken.iter().map(std::time::Duration::as_secs_f64).sum::<f64>() / taken.len() as f64;
            seconds.insert(chosen.slug.clone(), mean);
        }
    }
    Ok(seconds)
}

fn print(Compared { comparison, seconds, skipped }: &Compared) {
    let Comparison { decisions, changed, seats, newcomers, agents } = comparison;
    output::line(&format!("Of {decisions} decisions {changed} would have asked somebody else."));
    if *skipped > 0 {
        output::line(&format!(
            "{skipped} were stored by an older version, without what they were made from."
        ));
    }
    output::line(&format!("Seats: {} before, {} after.", seats.before, seats.after));
    output::line(&format!("Of them newcomers': {} before, {} after.", newcomers.before, newcomers.after));
    if let (Some(before), Some(after)) = (seconds.before, seconds.after) {
        output::line(&format!("Mean time of those asked: {before:.1} s before, {after:.1} s after."));
    }
    let difference = |change: &Change<u64>| change.after.cast_signed() - change.before.cast_signed();
    let mut moved: Vec<(&String, &Change<u64>)> = agents.iter().collect();
    moved.sort_by_key(|(slug, change)| (-difference(change), (*slug).clone()));
    let gains = moved.iter().filter(|(_, change)| difference(change) > 0).take(SHOWN);
    let losses = moved.iter().rev().filter(|(_, change)| difference(change) < 0).take(SHOWN);
    for (slug, change) in gains.chain(losses) {
        output::line(&format!(
            "  {:+}  {slug}  ({} before, {} after)",
            difference(change),
            change.before,
            change.after
        ));
    }
    if agents.len() > 2 * SHOWN {
        output::line(&format!("  and {} more; --json lists them all", agents.len() - 2 * SHOWN));
    }
}
