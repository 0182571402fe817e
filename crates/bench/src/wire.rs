//! From the post until the last of eight agents has its request, one task after another on a quiet server. The raw
//! limit is eight signed requests that leave at once from a client that does nothing else.

use crate::agents;
use crate::buyer::{brief, in_review, post, until};
use crate::place::{Server, Subject};
use crate::plan::{AGENTS, Plan};
use crate::raw::call::Caller;
use crate::rounds::{Noise, Rounds, rounds};
use crate::samples::{Latency, Samples};
use anyhow::ensure;
use bytes::Bytes;
use futures::future::try_join_all;
use gavel_agentfarm::{Behaviour, Farm, Reply, Script};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// What it came to.
#[derive(Debug, Serialize)]
pub struct Wire {
    /// From the first byte of the post to the last agent having read its request.
    pub post_to_last_agent: Latency,
    /// The same to the first agent.
    pub post_to_first_agent: Latency,
    /// Eight bare requests: from the first byte to the last agent having read its own.
    pub raw_to_last_agent: Latency,
    /// The middle of ours over the middle of raw.
    pub ratio: f64,
    #[serde(flatten)]
    #[expect(missing_docs, reason = "described where it is made")]
    pub noise: Noise,
}

#[derive(Default)]
struct Round {
    last: Samples,
    first: Samples,
    raw_last: Samples,
}

struct Bench {
    server: Server,
    farm: Farm,
    /// Agents tell times since then.
    farm_began: Instant,
    callers: Vec<Caller>,
    brief: Value,
}

/// Measures it.
///
/// # Errors
/// When the server or an agent fails.
pub async fn measure(plan: &Plan, subject: &Subject, disk: &Path) -> anyhow::Result<Wire> {
    let mut bench = Bench::set(subject, disk).await?;
    bench.round(1).await?; // connections are opened
    let rounds = rounds(plan, "wire", async || bench.round(plan.wires).await).await?;
    bench.server.stop().await;
    bench.farm.stop().await;
    Ok(told(rounds))
}

impl Bench {
    async fn set(subject: &Subject, disk: &Path) -> anyhow::Result<Bench> {
        let server = Server::start(subject, disk).await?;
        let farm_began = Instant::now();
        let farm = agents::start(&server, &noting(), AGENTS).await?;
        let urls: Vec<String> = farm.agents().map(|agent| agent.url()).collect();
        let callers = try_join_all(urls.iter().map(|url| Caller::connect(url))).await?;
        Ok(Bench { server, farm, farm_began, callers, brief: brief() })
    }

    /// So many turns of raw, then ours; the agents noted when each request came.
    async fn round(&mut self, turns: usize) -> anyhow::Result<Round> {
        let before = usize::try_from(agents::calls(&self.farm))? / AGENTS;
        let mut sent = Vec::new();
        for _ in 0..turns {
            sent.push(self.farm_began.elapsed());
            self.raw_volley().await?;
            sent.push(self.farm_began.elapsed());
            self.task().await?;
        }
        self.read_off(&sent, before)
    }

    async fn raw_volley(&mut self) -> anyhow::Result<()> {
        let body = Bytes::from(self.brief.to_string());
        try_join_all(self.callers.iter_mut().map(|caller| caller.call(&body))).await?;
        Ok(())
    }

    async fn task(&self) -> anyhow::Result<()> {
        let wanted = agents::calls(&self.farm) + AGENTS as u64;
        let task = post(&self.server.buyer, &self.brief).await?;
        until("all agents are asked", || agents::calls(&self.farm) >= wanted).await?;
        in_review(&self.server.buyer, &task).await
    }

    /// One request after another was sent to each agent, so the n-th that came is the n-th that was sent.
    fn read_off(&self, sent: &[Duration], before: usize) -> anyhow::Result<Round> {
        let came: Vec<Vec<Duration>> = self.farm.agents().map(|agent| times(agent, before)).collect();
        ensure!(
            came.iter().all(|times| times.len() == sent.len()),
            "an agent was called more than once for a task"
        );
        let mut round = Round::default();
        for (turn, sent) in sent.iter().enumerate() {
            let times = || came.iter().map(|times| times[turn].saturating_sub(*sent));
            let (first, last) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
            if turn % 2 == 0 {
                round.raw_last.push(last);
            } else {
                round.first.push(first);
                round.last.push(last);
            }
        }
        Ok(round)
    }
}

fn times(agent: &gavel_agentfarm::Agent, before: usize) -> Vec<Duration> {
    agent.requests().iter().skip(before).map(|received| received.at).collect()
}

/// An agent that notes when it was asked, which the constant one does not, and gives a bid of the same size.
fn noting() -> Behaviour {
    let text =
        "The same honest answer, given to every caller, so that only the caller is measured. ".repeat(48);
    let bid = json!({ "full_text": text, "summary": "The constant answer of a benchmark agent." });
    Behaviour::Script(Script::always(Reply::answer(200, bid.to_string())))
}

fn told(rounds: Rounds<Round>) -> Wire {
    Wire {
        post_to_last_agent: rounds.samples(|round| &round.last).latency(),
        post_to_first_agent: rounds.samples(|round| &round.first).latency(),
        raw_to_last_agent: rounds.samples(|round| &round.raw_last).latency(),
        ratio: rounds.told(2, |round| round.last.p50() / round.raw_last.p50()),
        noise: rounds.noise,
    }
}
