//! The whole matching step in a process of our own: the agents that have changed are read, it is decided, and the round is
//! recorded durably. Between two steps the round before is ended, so that as many agents have changed as in real life.

use super::CHANGE;
use crate::bench::Bench;
use crate::raw::commit::Commits;
use crate::samples::Samples;
use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use futures::stream;
use gavel_candidates::Candidates;
use gavel_domain::account::Developer;
use gavel_domain::agent::{Agent, ExecutionMode, Visibility};
use gavel_domain::clock::SystemClock;
use gavel_domain::event::Actor;
use gavel_domain::health::Health;
use gavel_domain::invitation::Invitation;
use gavel_domain::task::{Brief, Task, Wishes};
use gavel_domain::{AccountId, AgentId, Chance, Clock, DeveloperId, InvitationId, Money, TaskId};
use gavel_store::rounds::{FirstSends, NewRound};
use gavel_store::{Claimed, Guarded, Store};
use gavel_triage::Chosen;
use gavel_vault::OsChance;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Agents that are registered side by side: they share commits.
const AT_ONCE: usize = 64;

pub(super) struct Matching {
    /// From the claim to the recorded round.
    pub(super) step: Samples,
    /// Of it, looking for changes and deciding.
    decided: Samples,
    /// The first look, at everybody.
    first_look: Duration,
    pub(super) commit: Samples,
    agents: usize,
}

impl Matching {
    pub(super) fn told(&self) -> Value {
        json!({
            "agents": self.agents,
            "step": self.step.latency(),
            "look_and_decision": self.decided.latency(),
            "bare_commit": self.commit.latency(),
            "first_look_ms": self.first_look.as_secs_f64() * 1_000.0,
        })
    }
}

struct Ground {
    store: Store,
    candidates: Candidates,
    buyer: AccountId,
}

pub(super) async fn measure(bench: &Bench, agents: usize) -> anyhow::Result<Matching> {
    bench.say("agents are registered");
    let ground = Ground::with(bench, agents).await?;
    let mut commits = Commits::open(&bench.ground.database("bare").await?).await?;
    bench.say("tasks are matched");
    let mut told = Matching {
        step: Samples::default(),
        decided: Samples::default(),
        first_look: Duration::ZERO,
        commit: Samples::default(),
        agents,
    };
    for turn in 0..=bench.plan.matchings {
        told.commit.push(commits.one().await?);
        let task = ground.posted().await?;
        let claimed = ground.claimed().await?;
        let began = Instant::now();
        let looked = ground.matched(claimed).await?;
        let took = began.elapsed();
        if turn == 0 {
            told.first_look = looked; // everybody is read once
        } else {
            told.decided.push(looked);
            told.step.push(took);
        }
        let ended = ground.store.cancel(task, Actor::Buyer, "measured", SystemClock.now()).await?;
        ensure!(ended.is_ok(), "a task that was matched could not be ended");
    }
    ground.store.close().await;
    Ok(told)
}

impl Ground {
    async fn with(bench: &Bench, agents: usize) -> anyhow::Result<Ground> {
        let store = Store::open(&bench.ground.database("triage").await?.url()).await?;
        let (now, chance) = (SystemClock.now(), &OsChance);
        let buyer = store.ensure_account("buyer", AccountId::new(now, chance), now).await?;
        let account = store.ensure_account("developer", AccountId::new(now, chance), now).await?;
        let developer = Developer {
            id: DeveloperId::new(now, chance),
            account,
            name: "developer".to_owned(),
            created_at: now,
        };
        store.add_developer(&developer, b"sealed").await?;
        let registered = stream::iter(0..agents).map(|n| register(&store, &developer, n));
        let mut registered = registered.buffer_unordered(AT_ONCE);
        while let Some(done) = registered.next().await {
            done?;
        }
        drop(registered);
        let candidates = Candidates::new(store.clone(), Arc::default(), false);
        Ok(Ground { store, candidates, buyer })
    }

    async fn posted(&self) -> anyhow::Result<TaskId> {
        let now = SystemClock.now();
        let brief = Brief {
            title: "A post about tea".to_owned(),
            description: "Write about green tea for people who only know black tea.".to_owned(),
            category: "content-writing".to_owned(),
            task_type: "blog-post".to_owned(),
            ..Brief::default()
        };
        let id = TaskId::new(now, &OsChance);
        let agents = u8::try_from(CHANGE).ok();
        let task = Task {
            wishes: Wishes { agents, experimentation_milli: 300, ..Wishes::default() },
            ..Task::posted(id, self.buyer, (brief, Money::from_minor(2500)), now)
        };
        self.store.create_task(&task).await?;
        Ok(id)
    }

    async fn claimed(&self) -> anyhow::Result<Claimed> {
        let now = SystemClock.now();
        let claimed = self.store.claim("bench", now, now + chrono::TimeDelta::seconds(30)).await?;
        claimed.context("the task that was posted cannot be claimed")
    }

    /// As the loop does it; gives how long the look and the decision took.
    async fn matched(&self, claimed: Claimed) -> anyhow::Result<Duration> {
        let (task, now) = (claimed.task().clone(), SystemClock.now());
        let began = Instant::now();
        let mut seed = [0; 8];
        OsChance.fill(&mut seed);
        let decision = self.candidates.decide(&task, u64::from_be_bytes(seed), now).await?;
        let looked = began.elapsed();
        let chosen = decision.record.chosen.iter();
        let invited = chosen.map(|chosen| invitation(&task, chosen, now)).collect::<anyhow::Result<_>>()?;
        let round = NewRound {
            decision: decision.stored(),
            invitations: invited,
            letter: task.brief.description.clone(),
            phase_deadline: now + chrono::TimeDelta::seconds(420),
            under_supplied: decision.record.under_supplied,
        };
        let recorded = self.store.record_round(claimed, round, |_| FirstSends::default(), now).await?;
        ensure!(matches!(recorded, Guarded::Done(_)), "the round could not be recorded");
        self.candidates.noted(&task, &decision, now).await;
        Ok(looked)
    }
}

fn invitation(task: &Task, chosen: &Chosen, now: gavel_domain::Timestamp) -> anyhow::Result<Invitation> {
    Ok(Invitation {
        id: InvitationId::new(now, &OsChance),
        task: task.id,
        round: 1,
        agent: chosen.agent.parse().context("an agent without an id")?,
        created_at: now,
        deadline_at: now + chrono::TimeDelta::seconds(120),
        deadline_is_own_limit: true,
        boosted: chosen.boosted,
        ended: None,
    })
}

async fn register(store: &Store, developer: &Developer, n: usize) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let mut draw_number = [0; 8];
    OsChance.fill(&mut draw_number);
    let agent = Agent {
        id: AgentId::new(now, &OsChance),
        draw_number: u64::from_be_bytes(draw_number),
        developer: developer.id,
        test: false,
        name: format!("Agent {n}"),
        slug: format!("agent-{n}"),
        description: String::new(),
        capabilities: vec!["content-writing".to_owned()],
        specialist_task_types: Vec::new(),
        framework: None,
        model: None,
        endpoint_url: format!("https://agents.example.com/{n}"),
        execution_mode: ExecutionMode::Sync,
        max_concurrency: 8,
        min_price: Money::ZERO,
        active: true,
        visibility: Visibility::Live,
        paused: false,
        health: Health::default(),
        created_at: now,
        activated_at: Some(now),
    };
    store.add_agent(&agent, b"sealed").await?;
    Ok(())
}
