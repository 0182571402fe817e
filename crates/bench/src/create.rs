//! How long a post takes until it is answered, and how long until its agents have it: one after another on a quiet
//! server, as many at once as the server carries, and steadily at half of what it carries. The raw limits: a request
//! over loopback, one durable commit of the same text on the same disk, and as many signed requests that leave at once.

use crate::agents::{Door, bid_text, noting, spec};
use crate::bench::Bench;
use crate::buyer::{brief, in_review, post};
use crate::client::Client;
use crate::database::Look;
use crate::flow::{Load, Ours, at_rest, flow};
use crate::place::Place;
use crate::plan::{AGENTS, Plan};
use crate::raw::answer::{self, Answering};
use crate::raw::call::Caller;
use crate::raw::commit::Commits;
use crate::report::Measured;
use crate::rounds::{Rounds, rounds};
use crate::samples::{Samples, rounded};
use crate::stage::Stage;
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::try_join_all;
use futures::stream::FuturesUnordered;
use gavel_agentfarm::Farm;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

/// Group commits after which the bare database's log has grown and is written from its start again.
const LOG_GROWN_BY: u32 = 8;

struct Create<'a> {
    plan: &'a Plan,
    stage: Stage,
    look: Look,
    /// In this process, so that their clock is ours.
    farm: Farm,
    /// Agents tell times since then.
    farm_began: Instant,
    callers: Vec<Caller>,
    raw: Client,
    _answering: Answering,
    commits: Commits,
    brief: Value,
}

#[derive(Default)]
struct Round {
    raw_answer: Samples,
    raw_commit: Samples,
    raw_agents: Samples,
    post: Samples,
    first_agent: Samples,
    agents: Samples,
}

/// Posts and the way to the agents while the server is at work.
#[derive(Default)]
struct Steady {
    post: Samples,
    agents: Samples,
}

pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let mut create = Create::set(bench).await?;
    create.turn(&mut Round::default()).await?; // connections are opened, files are made
    let rounds = rounds(bench, async || create.round().await).await?;

    bench.say("as many at once as the server carries");
    let load = Load { brief: &create.brief, at_once: bench.plan.tasks_at_once, time: bench.plan.post_for };
    let full = flow(&create.stage, &mut create.look, load).await?;
    bench.say("half of that");
    let half = create.steadily(full.tasks_per_second() / 2.0).await?;
    create.stage.server.kill();
    create.farm.stop().await;
    Ok(told(&rounds, &full, &half))
}

impl Create<'_> {
    async fn set(bench: &Bench) -> anyhow::Result<Create<'_>> {
        let wanted = noting(AGENTS, &bid_text()).into_iter().map(spec).collect();
        let farm = Farm::start(wanted).await.context("the agents cannot be started")?;
        let door =
            |agent: &gavel_agentfarm::Agent| Door { slug: agent.spec().slug.clone(), url: agent.url() };
        let doors: Vec<Door> = farm.agents().map(door).collect();
        let stage = Stage::set(Place::new(bench, "create").await?, &doors).await?;
        let mut look = stage.place.database.look().await?;
        let callers = try_join_all(doors.iter().map(|door| Caller::connect(&door.url))).await?;
        let brief = brief(AGENTS);
        // The bare server answers with as much as ours does.
        let answering = answer::start(stage.buyer.post("/tasks", &brief).await?.to_string().into()).await?;
        let raw = Client::new(&answering.base_url, "nobody");
        let mut commits = Commits::open(&bench.ground.database("raw").await?).await?;
        // A log that grows is slower than one that is written again, as ours is after a while.
        commits.bids_per_second(LOG_GROWN_BY).await?;
        at_rest(&mut look).await?;
        let plan = &bench.plan;
        Ok(Create {
            plan,
            stage,
            look,
            farm_began: farm.started(),
            farm,
            callers,
            raw,
            _answering: answering,
            commits,
            brief,
        })
    }

    async fn round(&mut self) -> anyhow::Result<Round> {
        let mut round = Round::default();
        for _ in 0..self.plan.creates {
            self.turn(&mut round).await?;
        }
        Ok(round)
    }

    /// Raw, then ours, each part of it.
    async fn turn(&mut self, round: &mut Round) -> anyhow::Result<()> {
        let began = Instant::now();
        self.raw.post("/tasks", &self.brief).await?;
        round.raw_answer.push(began.elapsed());
        round.raw_commit.push(self.commits.one().await?);

        let (body, sent) = (Bytes::from(self.brief.to_string()), self.farm_began.elapsed());
        try_join_all(self.callers.iter_mut().map(|caller| caller.call(&body))).await?;
        let came = self.farm.agents().filter_map(|agent| agent.requests().last().map(|call| call.at));
        round.raw_agents.push(came.max().unwrap_or_default().saturating_sub(sent));

        let (began, sent) = (Instant::now(), self.farm_began.elapsed());
        let task = post(&self.stage.buyer, &self.brief).await?;
        round.post.push(began.elapsed());
        in_review(&self.stage.buyer, &task).await?;
        let came = self.came();
        let (first, last) = came.get(&task).copied().context("no agent was asked")?;
        round.first_agent.push(first.saturating_sub(sent));
        round.agents.push(last.saturating_sub(sent));
        Ok(())
    }

    /// Posts at this rate, whatever becomes of the posts before.
    async fn steadily(&mut self, per_second: f64) -> anyhow::Result<Steady> {
        let tasks = (per_second * self.plan.post_for.as_secs_f64()).ceil().max(1.0) as u32;
        let (began, gap) = (tokio::time::Instant::now(), Duration::from_secs_f64(1.0 / per_second));
        let mut posting: FuturesUnordered<_> = (0..tasks)
            .map(|number| {
                let (buyer, brief, farm_began) = (&self.stage.buyer, &self.brief, self.farm_began);
                async move {
                    sleep_until(began + gap * number).await;
                    let sent = Instant::now();
                    let task = post(buyer, brief).await?;
                    anyhow::Ok((task, sent.duration_since(farm_began), sent.elapsed()))
                }
            })
            .collect();
        let mut posted = Vec::new();
        while let Some(one) = posting.next().await {
            posted.push(one?);
        }
        drop(posting);
        at_rest(&mut self.look).await?;
        let came = self.came();
        let mut steady = Steady::default();
        for (task, sent, took) in posted {
            steady.post.push(took);
            let (_, last) = came.get(&task).copied().context("no agent was asked")?;
            steady.agents.push(last.saturating_sub(sent));
        }
        ensure!(came.len() >= tasks as usize, "some tasks were not sent to their agents");
        Ok(steady)
    }

    /// When the first and the last agent had each task.
    fn came(&self) -> HashMap<String, (Duration, Duration)> {
        let mut came: HashMap<String, (Duration, Duration)> = HashMap::new();
        for call in self.farm.agents().flat_map(|agent| agent.requests()) {
            let Some(task) = call.header("x-aitasker-task-id") else { continue };
            let (first, last) = came.entry(task.to_owned()).or_insert((call.at, call.at));
            (*first, *last) = ((*first).min(call.at), (*last).max(call.at));
        }
        came
    }
}

fn told(rounds: &Rounds<Round>, full: &Ours, half: &Steady) -> Measured {
    let per_commit = |round: &Round| round.post.p50() / (round.raw_answer.p50() + round.raw_commit.p50());
    let per_call = |round: &Round| round.agents.p50() / round.raw_agents.p50();
    let ratios = [
        ("create_per_raw_commit", Some(rounds.median(per_commit))),
        ("agents_reached_per_raw_call", Some(rounds.median(per_call))),
    ];
    let figures = json!({
        "post": rounds.samples(|round| &round.post).latency(),
        "post_to_first_agent": rounds.samples(|round| &round.first_agent).latency(),
        "post_to_all_agents": rounds.samples(|round| &round.agents).latency(),
        "raw_answer": rounds.samples(|round| &round.raw_answer).latency(),
        "raw_commit": rounds.samples(|round| &round.raw_commit).latency(),
        "raw_to_all_agents": rounds.samples(|round| &round.raw_agents).latency(),
        "saturated_tasks_per_second": rounded(full.tasks_per_second(), 1),
        "saturated_post": full.posts.latency(),
        "half_saturated_post": half.post.latency(),
        "half_saturated_post_to_all_agents": half.agents.latency(),
    });
    Measured::new(ratios, figures, rounds.noise.clone())
}
