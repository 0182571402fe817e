//! Tasks and bids per second through the whole loop, from the post to the review, with agents that answer at once. The
//! raw limits: calls of a client that only signs, sends and parses, and commits of a database that only commits.

use crate::agents;
use crate::buyer::{brief, in_review, post, scored_bids};
use crate::place::{Server, Subject};
use crate::plan::{AGENTS, Plan};
use crate::process::cpu_of_process;
use crate::raw::call::{Flood, flood};
use crate::raw::commit::Commits;
use crate::rounds::{Noise, Rounds, rounds};
use crate::samples::{Latency, Samples, rounded};
use anyhow::{anyhow, ensure};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use gavel::client::Client;
use gavel_agentfarm::Farm;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};

/// Commits that the raw rate is measured with.
const RAW_COMMITS: u32 = 200;
/// Galleries counted at once, when the clock has stopped.
const COUNTED_AT_ONCE: usize = 4;

/// What it came to.
#[derive(Debug, Serialize)]
pub struct Throughput {
    /// Tasks per second, from the first post to the last review.
    pub tasks_per_second: f64,
    /// Bids per second that are stored, judged and in the gallery.
    pub bids_per_second: f64,
    /// The server's processor time per bid; absent where it cannot be told from ours.
    pub cpu_us_per_bid: Option<f64>,
    /// Posts while the server is busy.
    pub post: Latency,
    /// Calls per second of the bare client, on one thread.
    pub raw_calls_per_second: f64,
    /// The bare client's processor time per call.
    pub raw_cpu_us_per_call: Option<f64>,
    /// Commits per second of the bare database, one after another.
    pub raw_commits_per_second: f64,
    /// Bids per second over raw calls per second.
    pub bids_to_raw_calls: f64,
    /// Bids per second over raw commits per second: below 1, more than one commit was made per bid.
    pub bids_to_raw_commits: f64,
    /// Processor time per bid over processor time per raw call.
    pub cpu_to_raw_cpu: Option<f64>,
    #[serde(flatten)]
    #[expect(missing_docs, reason = "described where it is made")]
    pub noise: Noise,
}

struct Round {
    raw: Flood,
    commits_per_second: f64,
    batch: Batch,
}

/// Tasks that went through the loop side by side.
struct Batch {
    tasks: f64,
    bids: f64,
    took: f64,
    cpu: Option<Duration>,
    posts: Samples,
}

struct Bench {
    server: Server,
    farm: Farm,
    commits: Commits,
    brief: Value,
}

/// Measures it.
///
/// # Errors
/// When the server, the disk or an agent fails, or a task does not get all its bids.
pub async fn measure(plan: &Plan, subject: &Subject, disk: &Path) -> anyhow::Result<Throughput> {
    let mut bench = Bench::set(subject, disk).await?;
    bench.batch(plan.at_once.min(plan.tasks), plan.at_once).await?; // connections are opened
    let rounds = rounds(plan, "throughput", async || bench.round(plan).await).await?;
    bench.commits.close().await?;
    bench.server.stop().await;
    bench.farm.stop().await;
    Ok(told(rounds))
}

impl Bench {
    async fn set(subject: &Subject, disk: &Path) -> anyhow::Result<Bench> {
        let server = Server::start(subject, disk).await?;
        let farm = agents::start(&server, &agents::echo(0), AGENTS).await?;
        let brief = brief();
        let commits = Commits::open(server.folder(), brief.to_string()).await?;
        Ok(Bench { server, farm, commits, brief })
    }

    async fn round(&mut self, plan: &Plan) -> anyhow::Result<Round> {
        let urls = self.farm.agents().map(|agent| agent.url()).collect();
        let body = Bytes::from(self.brief.to_string());
        let raw = flood(urls, plan.at_once, plan.raw_calls_for, body).await?;
        let commits_per_second = self.commits.rate(RAW_COMMITS).await?;
        let batch = self.batch(plan.tasks, plan.at_once).await?;
        Ok(Round { raw, commits_per_second, batch })
    }

    /// Sends `tasks` through the loop, `at_once` at a time. The oldest is watched alone: whoever watched all of them
    /// would measure the watching.
    async fn batch(&self, tasks: usize, at_once: usize) -> anyhow::Result<Batch> {
        let (buyer, window) = (&self.server.buyer, Semaphore::new(at_once));
        let (posted, watched) = mpsc::unbounded_channel();
        let (began, cpu_before) = (Instant::now(), self.cpu());
        let posting = post_all(buyer, &self.brief, (tasks, at_once), &window, posted);
        let (posts, done) = tokio::try_join!(posting, watch_all(buyer, watched, &window))?;
        let took = began.elapsed().as_secs_f64();
        let cpu = self.cpu().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
        let bids = count_bids(buyer, &done).await?;
        ensure!(bids == tasks * AGENTS, "{tasks} tasks got {bids} scored bids, not {AGENTS} each");
        Ok(Batch { tasks: tasks as f64, bids: bids as f64, took, cpu, posts })
    }

    fn cpu(&self) -> Option<Duration> {
        self.server.is_alone().then(|| cpu_of_process(self.server.pid())).flatten()
    }
}

/// Posts all tasks, no more than the window allows; tells each id.
async fn post_all(
    buyer: &Client,
    brief: &Value,
    (tasks, at_once): (usize, usize),
    window: &Semaphore,
    posted: mpsc::UnboundedSender<String>,
) -> anyhow::Result<Samples> {
    let one = async |posted: mpsc::UnboundedSender<String>| {
        window.acquire().await?.forget(); // given back by whoever sees the task in review
        let began = Instant::now();
        let id = post(buyer, brief).await?;
        let took = began.elapsed();
        posted.send(id).map_err(|_| anyhow!("nobody watches any more"))?;
        anyhow::Ok(took)
    };
    let mut posts = stream::iter(0..tasks).map(|_| one(posted.clone())).buffer_unordered(at_once);
    let mut samples = Samples::default();
    while let Some(took) = posts.next().await {
        samples.push(took?);
    }
    Ok(samples)
}

/// Watches the oldest task until it is in review, then the next; their ids when nobody posts any more.
async fn watch_all(
    buyer: &Client,
    mut watched: mpsc::UnboundedReceiver<String>,
    window: &Semaphore,
) -> anyhow::Result<Vec<String>> {
    let mut done = Vec::new();
    while let Some(task) = watched.recv().await {
        in_review(buyer, &task).await?;
        window.add_permits(1);
        done.push(task);
    }
    Ok(done)
}

async fn count_bids(buyer: &Client, tasks: &[String]) -> anyhow::Result<usize> {
    let counts = stream::iter(tasks).map(|task| scored_bids(buyer, task)).buffer_unordered(COUNTED_AT_ONCE);
    let counts: Vec<anyhow::Result<usize>> = counts.collect().await;
    counts.into_iter().sum()
}

impl Round {
    fn bids_per_second(&self) -> f64 {
        self.batch.bids / self.batch.took
    }

    fn cpu_us_per_bid(&self) -> Option<f64> {
        self.batch.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / self.batch.bids)
    }

    fn cpu_to_raw_cpu(&self) -> Option<f64> {
        Some(self.cpu_us_per_bid()? / self.raw.cpu_us_per_call?)
    }
}

fn told(rounds: Rounds<Round>) -> Throughput {
    // Where one round could not tell, none could.
    let optional = |digits, figure: fn(&Round) -> Option<f64>| {
        let told: Option<Vec<f64>> = rounds.kept.iter().map(figure).collect();
        told.map(|told| rounded(crate::samples::median(told), digits))
    };
    Throughput {
        tasks_per_second: rounds.told(1, |round| round.batch.tasks / round.batch.took),
        bids_per_second: rounds.told(0, Round::bids_per_second),
        cpu_us_per_bid: optional(1, Round::cpu_us_per_bid),
        post: rounds.samples(|round| &round.batch.posts).latency(),
        raw_calls_per_second: rounds.told(0, |round| round.raw.calls_per_second),
        raw_cpu_us_per_call: optional(1, |round| round.raw.cpu_us_per_call),
        raw_commits_per_second: rounds.told(0, |round| round.commits_per_second),
        bids_to_raw_calls: rounds.told(4, |round| round.bids_per_second() / round.raw.calls_per_second),
        bids_to_raw_commits: rounds.told(3, |round| round.bids_per_second() / round.commits_per_second),
        cpu_to_raw_cpu: optional(1, Round::cpu_to_raw_cpu),
        noise: rounds.noise,
    }
}
