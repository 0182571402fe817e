//! Tasks that flow through the loop, so many on their way at once, from the post to their judged bids.

use crate::buyer::post;
use crate::database::Look;
use crate::place::PATIENCE;
use crate::plan::AGENTS;
use crate::samples::Samples;
use crate::stage::Stage;
use anyhow::bail;
use futures::future::try_join_all;
use serde_json::Value;
use std::cell::Cell;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

/// How often is counted what costs more to be counted than stored bids, when nobody posts any more.
const COUNT_SELDOM: Duration = Duration::from_millis(10);

/// What is sent through the loop.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) brief: &'a Value,
    pub(crate) at_once: usize,
    pub(crate) time: Duration,
}

/// Posts tasks for a while, so many on their way at once: the next is posted when the bids of one are stored. Returns
/// when all are judged and the loop is at rest.
pub(crate) async fn flow(stage: &Stage, look: &mut Look, load: Load<'_>) -> anyhow::Result<Ours> {
    let (bids_before, cpu_before, commits_before) = (look.bids().await?, stage.cpu(), stage.commits().await);
    let traffic =
        Traffic { window: Semaphore::new(load.at_once), posted: Cell::new(0), over: Cell::new(false) };
    let began = Instant::now();
    let (posts, durable_in) = tokio::try_join!(
        traffic.post(stage, load, began + load.time),
        traffic.count(look, bids_before, began)
    )?;
    let judged_in = judged(look, began).await?;
    at_rest(look).await?;
    let cpu = stage.cpu().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    let commits = stage.commits().await.zip(commits_before).map(|(after, before)| after - before);
    let tasks = traffic.posted.get();
    let bids = (tasks * AGENTS as u64) as f64;
    Ok(Ours { tasks, bids, durable_in, judged_in, cpu, commits, posts })
}

/// Tasks that went through the loop side by side.
pub(crate) struct Ours {
    pub(crate) tasks: u64,
    bids: f64,
    durable_in: Duration,
    judged_in: Duration,
    cpu: Option<Duration>,
    commits: Option<u64>,
    pub(crate) posts: Samples,
}

impl Ours {
    pub(crate) fn durable_bids_per_second(&self) -> f64 {
        self.bids / self.durable_in.as_secs_f64()
    }

    pub(crate) fn judged_bids_per_second(&self) -> f64 {
        self.bids / self.judged_in.as_secs_f64()
    }

    /// Tasks per second, until their last bid is stored.
    pub(crate) fn tasks_per_second(&self) -> f64 {
        self.tasks as f64 / self.durable_in.as_secs_f64()
    }

    pub(crate) fn cpu_us_per_bid(&self) -> Option<f64> {
        self.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / self.bids)
    }

    /// Processor time per task, to its judged end.
    pub(crate) fn cpu_us_per_task(&self) -> Option<f64> {
        self.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / self.tasks as f64)
    }

    pub(crate) fn commits_per_bid(&self) -> Option<f64> {
        self.commits.map(|commits| commits as f64 / self.bids)
    }
}

/// Tasks on their way.
struct Traffic {
    window: Semaphore,
    posted: Cell<u64>,
    /// Nobody posts any more.
    over: Cell<bool>,
}

impl Traffic {
    async fn post(&self, stage: &Stage, load: Load<'_>, until: Instant) -> anyhow::Result<Samples> {
        let poster = async || {
            let mut samples = Samples::default();
            while let Ok(Ok(permit)) = timeout_at(until, self.window.acquire()).await {
                permit.forget(); // given back by whoever counts the bids
                let began = std::time::Instant::now();
                post(&stage.buyer, load.brief).await?;
                samples.push(began.elapsed());
                self.posted.set(self.posted.get() + 1);
                if Instant::now() >= until {
                    break;
                }
            }
            anyhow::Ok(samples)
        };
        let samples = try_join_all((0..load.at_once).map(|_| poster())).await?;
        self.over.set(true);
        Ok(Samples::together(&samples))
    }

    /// Counts stored bids and lets as many tasks follow; how long it took until the last was stored.
    async fn count(&self, look: &mut Look, before: u64, began: Instant) -> anyhow::Result<Duration> {
        let (mut stored, mut last) = (0, Instant::now());
        loop {
            let now = look.bids().await?.saturating_sub(before);
            if now > stored {
                let agents = AGENTS as u64;
                self.window.add_permits((now / agents - stored / agents) as usize);
                (stored, last) = (now, Instant::now());
            }
            if self.over.get() && stored >= self.posted.get() * AGENTS as u64 {
                return Ok(last - began);
            }
            if last.elapsed() > PATIENCE {
                bail!("{stored} bids of {} tasks were stored, then none came", self.posted.get());
            }
            sleep(look.rest()).await;
        }
    }
}

async fn judged(look: &mut Look, began: Instant) -> anyhow::Result<Duration> {
    let until = Instant::now() + PATIENCE;
    while look.unjudged().await? > 0 {
        if Instant::now() >= until {
            bail!("some bids are not judged");
        }
        sleep(COUNT_SELDOM).await;
    }
    Ok(began.elapsed())
}

/// Waits until the loop has nothing more to do.
pub(crate) async fn at_rest(look: &mut Look) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while look.at_work().await? > 0 {
        if Instant::now() >= until {
            bail!("some tasks are still at work");
        }
        sleep(COUNT_SELDOM).await;
    }
    Ok(())
}
