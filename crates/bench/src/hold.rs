//! Memory per call that a slow agent holds open: told from some calls to all, so that what the first of all cost drops
//! out. The raw limit is the same of a client that does nothing but hold calls, in this process.

use crate::agents::{Agents, Wanted, echoes};
use crate::bench::Bench;
use crate::buyer::{brief, post};
use crate::place::{PATIENCE, Place};
use crate::plan::AGENTS;
use crate::process::resident_bytes;
use crate::raw::held::Held;
use crate::report::{Measured, Noise};
use crate::samples::rounded;
use crate::stage::Stage;
use anyhow::{bail, ensure};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Calls at once that an agent gets on the average; it takes a thousand, and each task asks some by lot.
const CALLS_PER_AGENT: usize = 600;
/// Longer than anything here takes: no call ends by itself.
pub(crate) const HOLD: Duration = Duration::from_secs(900);
/// What was just begun is over when it has had this long.
const SETTLED: Duration = Duration::from_millis(500);
/// Tasks that are posted at once.
const POSTS_AT_ONCE: usize = 32;
/// How often the agents are asked what they have.
const ASK: Duration = Duration::from_millis(20);

/// Memory in use with some calls open, and with all.
#[derive(Clone, Copy)]
struct Slope {
    first: Option<u64>,
    all: Option<u64>,
}

/// One round: memory is counted, not timed, and only in a fresh process what grows is what the calls take.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let (first, all) = (whole_tasks(bench.plan.first_calls), whole_tasks(bench.plan.calls));
    let mut agents = Agents::start(bench, &slow(all)).await?;
    let raw = raw(bench, &mut agents, first, all).await?;

    let mut stage = Stage::of(patient(Place::new(bench, "hold").await?), &agents).await?;
    sleep(SETTLED).await;
    let ready = stage.resident();
    open(bench, &stage, &mut agents, (0, first)).await?;
    let some = stage.resident();
    open(bench, &stage, &mut agents, (first, all)).await?;
    let ours = Slope { first: some, all: stage.resident() };
    stage.server.kill();
    agents.stop();

    let (raw, per_our_call) = (per_call(raw, all - first), per_call(ours, all - first));
    let bytes = |figure: Option<f64>| figure.map(|bytes| rounded(bytes, 0));
    let figures = json!({
        "calls_held": all,
        "bytes_per_call": bytes(per_our_call),
        "raw_bytes_per_call": bytes(raw),
        "ready_bytes": ready,
        "first_bytes": ours.first,
        "held_bytes": ours.all,
    });
    let ratio = per_our_call.zip(raw).map(|(ours, raw)| ours / raw);
    Ok(Measured::new([("memory_per_raw_call", ratio)], figures, Noise::of_one_round()))
}

async fn raw(bench: &Bench, agents: &mut Agents, first: usize, all: usize) -> anyhow::Result<Slope> {
    bench.say(&format!("{all} bare calls are held open"));
    let (urls, body) = (agents.urls(), Bytes::from(brief(AGENTS).to_string()));
    let mut held = Held::default();
    held.add(&urls, first, &body).await?;
    under_way(agents, first).await?;
    let some = resident_bytes(std::process::id());
    held.add(&urls, all - first, &body).await?;
    under_way(agents, all).await?;
    let slope = Slope { first: some, all: resident_bytes(std::process::id()) };
    drop(held);
    under_way(agents, 0).await?;
    Ok(slope)
}

/// Posts tasks until so many calls are open, and waits until all are.
async fn open(
    bench: &Bench,
    stage: &Stage,
    agents: &mut Agents,
    (from, to): (usize, usize),
) -> anyhow::Result<()> {
    bench.say(&format!("{to} calls are held open by the server"));
    let brief = brief(AGENTS);
    post_many(stage, &brief, (to - from) / AGENTS).await?;
    under_way(agents, to).await
}

/// Posts so many tasks; they are on their way when this returns.
pub(crate) async fn post_many(stage: &Stage, brief: &serde_json::Value, tasks: usize) -> anyhow::Result<()> {
    let posts = stream::iter(0..tasks).map(|_| post(&stage.buyer, brief)).buffer_unordered(POSTS_AT_ONCE);
    posts.try_for_each(|_| async { Ok(()) }).await
}

/// Waits until so many calls are open and everything has settled.
async fn under_way(agents: &mut Agents, wanted: usize) -> anyhow::Result<()> {
    reached(agents, wanted).await?;
    sleep(SETTLED).await;
    let open = agents.told().await?.under_way;
    ensure!(open == wanted as u64, "{open} calls are open, not {wanted}");
    Ok(())
}

/// Waits until so many calls are open; as long as something moves.
pub(crate) async fn reached(agents: &mut Agents, wanted: usize) -> anyhow::Result<()> {
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let open = agents.told().await?.under_way;
        if open == wanted as u64 {
            return Ok(());
        }
        if open != last {
            (last, moved) = (open, Instant::now());
        }
        if moved.elapsed() > PATIENCE {
            bail!("{open} of {wanted} calls are open, and nothing moves");
        }
        sleep(ASK).await;
    }
}

/// As many slow agents as it takes that none has all places taken while others are free.
pub(crate) fn slow(calls: usize) -> Vec<Wanted> {
    let hold_ms = u64::try_from(HOLD.as_millis()).unwrap_or(u64::MAX);
    echoes("slow", calls.div_ceil(CALLS_PER_AGENT).max(AGENTS), hold_ms)
}

/// A place whose limits are longer than the calls are held.
pub(crate) fn patient(place: Place) -> Place {
    let seconds = HOLD.as_secs().to_string();
    place.with("TIMERS__PROTOTYPE_CALL_SECONDS", &seconds).with("TIMERS__PHASE_SECONDS", &seconds)
}

/// The calls of whole tasks.
pub(crate) const fn whole_tasks(calls: usize) -> usize {
    calls / AGENTS * AGENTS
}

/// Less than before is told as it is: memory was given back meanwhile.
fn per_call(slope: Slope, calls: usize) -> Option<f64> {
    let (first, all) = (slope.first? as f64, slope.all? as f64);
    (calls > 0).then(|| (all - first) / calls as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_takes() {
        let check = |first, all, calls, expected| assert_eq!(per_call(Slope { first, all }, calls), expected);
        check(Some(8_000), Some(24_000), 8, Some(2_000.0));
        check(Some(8_800), Some(8_000), 8, Some(-100.0));
        check(Some(8_000), Some(8_000), 0, None);
        check(None, Some(8_000), 1, None);
    }
}
