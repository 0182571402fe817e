//! What a call costs more than a bare one: the same bodies to the same agents, by our guarded client (signed, its
//! address checked, its answer read) and by a client that only signs, sends and parses, in turns.

use crate::agents::{Agents, echoes};
use crate::bench::Bench;
use crate::raw::call::Caller;
use crate::report::{Measured, Noise};
use crate::rounds::{Rounds, rounds};
use crate::samples::Samples;
use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use gavel_contract::agent::answer::Expectation;
use gavel_dispatcher::transport::Transport;
use gavel_dispatcher::{Ask, Call, Credentials, Ended, Said, reply, request};
use gavel_domain::clock::SystemClock;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::Mode;
use gavel_domain::network::Guard;
use gavel_domain::{AccountId, AgentId, Clock, Currency, DeveloperId, InvitationId, Money, TaskId};
use gavel_outbound::{Limits, Outbound};
use gavel_vault::{OsChance, new_developer_key, new_signing_secret};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls at once.
const AT_ONCE: [usize; 3] = [1, 100, 1_000];
/// What the ratio of each is called.
const RATIOS: [&str; 3] =
    ["call_per_raw_call", "call_per_raw_call_100_at_once", "call_per_raw_call_1000_at_once"];
/// Calls at once per agent: what an agent takes that says nothing else, and what our client keeps open.
const PER_AGENT: usize = 8;
/// Far above what a call takes here.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many calls at once.
struct Level {
    at_once: usize,
    rounds: Rounds<(Samples, Samples)>,
}

pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let mut levels = Vec::new();
    for at_once in AT_ONCE.into_iter().filter(|at_once| *at_once <= bench.plan.overhead_at_once) {
        levels.push(level(bench, at_once).await?);
    }
    let ratios = levels.iter().zip(RATIOS).map(|(level, name)| (name, Some(level.ratio())));
    let figures = json!({ "levels": levels.iter().map(Level::told).collect::<Vec<_>>() });
    Ok(Measured::new(ratios, figures, noise(&levels)))
}

async fn level(bench: &Bench, at_once: usize) -> anyhow::Result<Level> {
    bench.say(&format!("{at_once} calls at once"));
    let agents = Agents::start(bench, &echoes("echo", at_once.div_ceil(PER_AGENT), 0)).await?;
    let urls = agents.urls();
    let each = (bench.plan.overhead_calls / at_once).max(2);
    let ours = Ours::new()?;
    let rounds = rounds(bench, async || {
        let raw = raw(&urls, (at_once, each)).await?;
        Ok((raw, ours.calls(&urls, (at_once, each)).await?))
    });
    let rounds = rounds.await?;
    agents.stop();
    Ok(Level { at_once, rounds })
}

impl Level {
    /// Ours over raw, both in the middle.
    fn ratio(&self) -> f64 {
        self.rounds.median(|(raw, ours)| ours.p50() / raw.p50())
    }

    fn told(&self) -> Value {
        json!({
            "at_once": self.at_once,
            "raw": self.rounds.samples(|(raw, _)| raw).latency(),
            "ours": self.rounds.samples(|(_, ours)| ours).latency(),
            "added_p50_ms": self.rounds.told(3, |(raw, ours)| ours.p50() - raw.p50()),
        })
    }
}

/// All levels together.
fn noise(levels: &[Level]) -> Noise {
    let of = |count: fn(&Noise) -> usize| levels.iter().map(|level| count(&level.rounds.noise)).sum();
    Noise {
        rounds: of(|noise| noise.rounds),
        rounds_left_out: of(|noise| noise.rounds_left_out),
        calm: levels.iter().all(|level| level.rounds.noise.calm),
    }
}

async fn raw(urls: &[String], (at_once, each): (usize, usize)) -> anyhow::Result<Samples> {
    let body = body();
    let callers = try_join_all(urls.iter().cycle().take(at_once).map(|url| Caller::connect(url))).await?;
    let calling = callers.into_iter().map(|mut caller| {
        let body = body.clone();
        tokio::spawn(async move {
            let mut samples = Samples::default();
            for _ in 0..each {
                let began = Instant::now();
                caller.call(&body).await?;
                samples.push(began.elapsed());
            }
            anyhow::Ok(samples)
        })
    });
    together(calling.collect()).await
}

/// Our client with a developer's key and an agent's secret.
struct Ours {
    client: Arc<Outbound>,
    credentials: Credentials,
}

impl Ours {
    fn new() -> anyhow::Result<Ours> {
        let allow = "127.0.0.0/8".parse().context("loopback is a network")?;
        let guard = Guard { allow, ports: vec![443], own_hosts: Vec::new() };
        let client = Arc::new(Outbound::new(guard, Limits::default())?);
        let credentials = Credentials {
            key: new_developer_key(&OsChance).expose().to_owned(),
            secrets: vec![new_signing_secret(&OsChance).expose().to_owned()],
            callback_secret: None,
        };
        Ok(Ours { client, credentials })
    }

    async fn calls(&self, urls: &[String], (at_once, each): (usize, usize)) -> anyhow::Result<Samples> {
        let calling = urls.iter().cycle().take(at_once).map(|url| {
            let (client, call) = (Arc::clone(&self.client), self.call(url)?);
            anyhow::Ok(tokio::spawn(async move {
                let mut samples = Samples::default();
                for _ in 0..each {
                    let began = Instant::now();
                    send(&*client, &call).await?;
                    samples.push(began.elapsed());
                }
                anyhow::Ok(samples)
            }))
        });
        together(calling.collect::<anyhow::Result<_>>()?).await
    }

    fn call(&self, url: &str) -> anyhow::Result<Call> {
        let now = SystemClock.now();
        let ask = Ask {
            agent: AgentId::new(now, &OsChance),
            agent_max: 8,
            developer: DeveloperId::new(now, &OsChance),
            host: String::new(),
            buyer: AccountId::new(now, &OsChance),
        };
        let invitation = InvitationId::new(now, &OsChance);
        let currency = Currency::new("USD")?;
        Ok(Call {
            key: ExchangeKey { invitation, mode: Mode::Prototype, revision: 0 },
            ask,
            task: TaskId::new(now, &OsChance),
            url: url.to_owned(),
            body: body(),
            deadline_at: now,
            deadline_is_own_limit: true,
            acknowledge_within: None,
            sends_so_far: 0,
            credentials: self.credentials.clone(),
            user_agent: "AITasker/1.0 (Agent Executor)".to_owned(),
            expectation: Expectation { mode: Mode::Prototype, budget: Money::from_minor(4_000), currency },
        })
    }
}

/// One send as a dispatch makes it, without what is written to the database around it.
async fn send(client: &dyn Transport, call: &Call) -> anyhow::Result<()> {
    let until = tokio::time::Instant::now() + PATIENCE;
    let sent = client.send(request::build(call, SystemClock.now(), until)).await;
    match reply::read(sent, call, Ended::out_of_time(true)) {
        Said::Ended(ended) if ended.answer.is_some() => Ok(()),
        other => Err(anyhow!("the agent did not give a bid: {other:?}")),
    }
}

async fn together(calling: Vec<tokio::task::JoinHandle<anyhow::Result<Samples>>>) -> anyhow::Result<Samples> {
    let mut all = Vec::new();
    for samples in calling {
        all.push(samples.await??);
    }
    ensure!(!all.is_empty(), "nothing was measured");
    Ok(Samples::together(&all))
}

/// About 2 KiB, as agents are sent.
fn body() -> Bytes {
    Bytes::from(serde_json::json!({ "description": "a line of a brief ".repeat(110) }).to_string())
}
