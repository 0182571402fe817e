//! Killed without warning while thousands of calls are open and bids come in: what a buyer was shown must still be there,
//! and every call that was open is made again. Beside it, what a start takes that finds nothing.

use crate::agents::{Agents, echoes};
use crate::bench::Bench;
use crate::buyer::{brief, in_review, only, post, scored_bids};
use crate::hold::{patient, post_many, reached, slow, whole_tasks};
use crate::place::{PATIENCE, Place};
use crate::plan::AGENTS;
use crate::report::{Measured, Noise};
use crate::samples::{median, rounded};
use crate::stage::Stage;
use anyhow::{bail, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long a claim of a process that died holds; with the default others would wait half a minute.
const LEASE_SECONDS: &str = "2";
/// Starts on an empty database; the middle one counts.
const EMPTY_STARTS: usize = 5;
/// Tasks whose bids are seen side by side.
const SEEN_AT_ONCE: usize = 4;
/// Far above what a server needs that finds its way.
const CLAIMED_WITHIN: Duration = Duration::from_secs(90);
/// How often claims are counted.
const COUNT: Duration = Duration::from_millis(5);

/// What a buyer was told: it may not be lost.
#[derive(Default)]
struct Seen {
    tasks: BTreeSet<String>,
    bids: BTreeSet<(String, String)>,
}

/// What came after the crash, each since the start.
struct After {
    ready: Duration,
    claimed_again: Duration,
    open_again: Duration,
}

/// One crash: a call is sent twice and never a third time, so that there is no second round.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let empty_ms = empty_start(bench).await?;
    let calls = whole_tasks(bench.plan.calls);
    let (mut stage, mut agents) = in_flight(bench, calls).await?;
    let seen = seen(bench, &stage, &agents).await?;
    let calls_before = agents.told().await?.calls;
    bench.say("killed, and started again");
    let after = crash(&mut stage, &mut agents, calls).await?;
    let calls_repeated = agents.told().await?.calls - calls_before;
    let missing = missing(&stage, &seen).await?;
    stage.server.kill();
    agents.stop();
    let figures = json!({
        "calls_in_flight": calls,
        "acknowledged_bids": seen.bids.len(),
        "acknowledged_bids_missing": missing.bids.len(),
        "acknowledged_tasks": seen.tasks.len(),
        "acknowledged_tasks_missing": missing.tasks.len(),
        "calls_sent_after_the_crash": calls_repeated,
        "empty_ready_in_ms": rounded(empty_ms, 1),
        "ready_in_ms": rounded(ms(after.ready), 1),
        "claimed_again_in_ms": rounded(ms(after.claimed_again), 1),
        "open_again_in_ms": rounded(ms(after.open_again), 1),
        "lease_seconds": LEASE_SECONDS.parse::<u32>().unwrap_or_default(),
    });
    let ratios = [
        ("ready_per_empty_start", Some(ms(after.ready) / empty_ms)),
        ("bids_missing", Some(missing.bids.len() as f64 / seen.bids.len() as f64)),
    ];
    Ok(Measured::new(ratios, figures, Noise::of_one_round()))
}

/// How long a server takes that finds an empty database, the middle of some starts.
async fn empty_start(bench: &Bench) -> anyhow::Result<f64> {
    let place = Place::new(bench, "empty").await?;
    place.serve().await?.kill(); // the tables are made
    let mut starts = Vec::new();
    for _ in 0..EMPTY_STARTS {
        let mut server = place.serve().await?;
        starts.push(ms(server.ready_in));
        server.kill();
    }
    Ok(median(starts))
}

/// A server with so many calls open to slow agents, and some fast agents beside them.
async fn in_flight(bench: &Bench, calls: usize) -> anyhow::Result<(Stage, Agents)> {
    let wanted = [echoes("fast", AGENTS, 0), slow(calls)].concat();
    let mut agents = Agents::start(bench, &wanted).await?;
    let place = patient(Place::new(bench, "recover").await?).with("WORK__LEASE_SECONDS", LEASE_SECONDS);
    let stage = Stage::of(place, &agents).await?;
    bench.say(&format!("{calls} calls are opened"));
    post_many(&stage, &for_agents(&agents, "slow"), calls / AGENTS).await?;
    reached(&mut agents, calls).await?;
    Ok((stage, agents))
}

/// What a buyer is told in the last seconds; more tasks are on their way when this returns.
async fn seen(bench: &Bench, stage: &Stage, agents: &Agents) -> anyhow::Result<Seen> {
    let seen = RefCell::default();
    tokio::select! {
        failed = see(stage, for_agents(agents, "fast"), &seen) => failed?,
        waited = enough(&seen, bench.plan.see_for) => waited?,
    }
    Ok(seen.into_inner())
}

fn for_agents(agents: &Agents, kind: &str) -> Value {
    let slugs = agents.doors.iter().map(|door| door.slug.clone()).filter(|slug| slug.starts_with(kind));
    only(brief(AGENTS), &slugs.collect::<Vec<_>>())
}

/// Posts tasks to fast agents and looks at their galleries, until it is dropped.
async fn see(stage: &Stage, brief: Value, seen: &RefCell<Seen>) -> anyhow::Result<()> {
    let one_after_another = async || loop {
        let task = post(&stage.buyer, &brief).await?;
        seen.borrow_mut().tasks.insert(task.clone());
        in_review(&stage.buyer, &task).await?;
        for bid in scored_bids(&stage.buyer, &task).await? {
            seen.borrow_mut().bids.insert((task.clone(), bid));
        }
    };
    let all: anyhow::Result<Vec<()>> = try_join_all((0..SEEN_AT_ONCE).map(|_| one_after_another())).await;
    all.map(|_| ())
}

/// Waits for so long, and until a bid was seen.
async fn enough(seen: &RefCell<Seen>, time: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < time || seen.borrow().bids.is_empty() {
        ensure!(began.elapsed() < PATIENCE, "no bid came while all calls were open");
        sleep(COUNT).await;
    }
    Ok(())
}

/// Kills the server and starts it again; returns when all calls are open again.
async fn crash(stage: &mut Stage, agents: &mut Agents, calls: usize) -> anyhow::Result<After> {
    let mut look = stage.place.database.look().await?;
    let claimer = look.claimer().await?;
    stage.restart().await?;
    // The server told how long it took until it was ready; what follows is counted from its start, too.
    let (ready, counted_from) = (stage.server.ready_in, Instant::now());
    let since_start = || ready + counted_from.elapsed();
    let mut left = u64::MAX;
    while left > 0 {
        left = look.claimed_by(&claimer).await?;
        if since_start() > CLAIMED_WITHIN {
            bail!("{left} tasks were not claimed again within {} s", CLAIMED_WITHIN.as_secs());
        }
        sleep(COUNT).await;
    }
    let claimed_again = since_start();
    reached(agents, calls).await?;
    Ok(After { ready, claimed_again, open_again: since_start() })
}

/// What was seen before and is not there any more.
async fn missing(stage: &Stage, seen: &Seen) -> anyhow::Result<Seen> {
    let mut missing = Seen::default();
    for task in &seen.tasks {
        let (status, _) = stage.buyer.page(&format!("/api/v1/tasks/{task}")).await?;
        if status != 200 {
            missing.tasks.insert(task.clone());
        }
    }
    for (task, bid) in &seen.bids {
        let (status, _) = stage.buyer.page(&format!("/api/v1/tasks/{task}/bids/{bid}")).await?;
        if status != 200 {
            missing.bids.insert((task.clone(), bid.clone()));
        }
    }
    Ok(missing)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
