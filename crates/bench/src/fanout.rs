//! Tasks with five fast agents each, so many on their way at once: bids per second that are stored durably, and judged.
//! The raw limits of the same round: calls of a client that only signs, sends and parses, and bids per second of the
//! same engine when it only commits, in groups.

use crate::agents::{Agents, echoes};
use crate::bench::Bench;
use crate::buyer::brief;
use crate::database::Look;
use crate::flow::{Load, Ours, flow};
use crate::place::Place;
use crate::plan::{AGENTS, Plan};
use crate::raw::call::{Flood, flood};
use crate::raw::commit::Commits;
use crate::report::Measured;
use crate::rounds::{Rounds, rounds};
use crate::samples::rounded;
use crate::stage::Stage;
use bytes::Bytes;
use serde_json::{Value, json};

struct Fanout<'a> {
    plan: &'a Plan,
    stage: Stage,
    agents: Agents,
    look: Look,
    commits: Commits,
    brief: Value,
}

struct Round {
    raw: Flood,
    engine_bids_per_second: f64,
    ours: Ours,
}

pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let mut fanout = Fanout::set(bench).await?;
    fanout.round().await?; // connections are opened, caches are filled
    let rounds = rounds(bench, async || fanout.round().await).await?;
    fanout.stage.server.kill();
    fanout.agents.stop();
    Ok(told(&rounds))
}

impl Fanout<'_> {
    async fn set(bench: &Bench) -> anyhow::Result<Fanout<'_>> {
        let agents = Agents::start(bench, &echoes("echo", AGENTS, 0)).await?;
        let stage = Stage::of(Place::new(bench, "fanout").await?, &agents).await?;
        let look = stage.place.database.look().await?;
        let commits = Commits::open(&bench.ground.database("raw").await?).await?;
        Ok(Fanout { plan: &bench.plan, stage, agents, look, commits, brief: brief(AGENTS) })
    }

    async fn round(&mut self) -> anyhow::Result<Round> {
        let (urls, body) = (self.agents.urls(), Bytes::from(self.brief.to_string()));
        let raw = flood(urls, self.plan.tasks_at_once, self.plan.raw_calls_for, body).await?;
        let engine_bids_per_second = self.commits.bids_per_second(self.plan.raw_groups).await?;
        let load = Load { brief: &self.brief, at_once: self.plan.tasks_at_once, time: self.plan.post_for };
        let ours = flow(&self.stage, &mut self.look, load).await?;
        Ok(Round { raw, engine_bids_per_second, ours })
    }
}

fn told(rounds: &Rounds<Round>) -> Measured {
    let cpu_ratio = |round: &Round| Some(round.ours.cpu_us_per_bid()? / round.raw.cpu_us_per_call?);
    let per_call = |round: &Round| round.ours.durable_bids_per_second() / round.raw.calls_per_second;
    let per_commit = |round: &Round| round.ours.durable_bids_per_second() / round.engine_bids_per_second;
    let judged = |round: &Round| round.ours.judged_bids_per_second() / round.raw.calls_per_second;
    let ratios = [
        ("bids_per_raw_call", Some(rounds.median(per_call))),
        ("judged_bids_per_raw_call", Some(rounds.median(judged))),
        ("bids_per_engine_commit", Some(rounds.median(per_commit))),
        ("cpu_per_raw_call", rounds.median_if_told(cpu_ratio)),
        ("commits_per_bid", rounds.median_if_told(|round| round.ours.commits_per_bid())),
    ];
    let us = |figure: Option<f64>| figure.map(|us| rounded(us, 1));
    let figures = json!({
        "tasks_per_second": rounds.told(1, |round| round.ours.tasks_per_second()),
        "durable_bids_per_second": rounds.told(0, |round| round.ours.durable_bids_per_second()),
        "judged_bids_per_second": rounds.told(0, |round| round.ours.judged_bids_per_second()),
        "cpu_us_per_bid": us(rounds.median_if_told(|round| round.ours.cpu_us_per_bid())),
        "post": rounds.samples(|round| &round.ours.posts).latency(),
        "raw_calls_per_second": rounds.told(0, |round| round.raw.calls_per_second),
        "raw_cpu_us_per_call": us(rounds.median_if_told(|round| round.raw.cpu_us_per_call)),
        "engine_bids_per_second": rounds.told(0, |round| round.engine_bids_per_second),
    });
    Measured::new(ratios, figures, rounds.noise.clone())
}
