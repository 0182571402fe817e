//! How long a post takes until it is answered, one after another on a quiet server. The raw limit is the sum of its two
//! unavoidable parts: a request over loopback, and one durable commit of the same text on the same disk.

use crate::buyer::{at_rest, brief, post};
use crate::place::{Server, Subject};
use crate::plan::Plan;
use crate::raw::answer::{self, Answering};
use crate::raw::commit::Commits;
use crate::rounds::{Noise, Rounds, rounds};
use crate::samples::{Latency, Samples};
use gavel::client::Client;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

/// What it came to.
#[derive(Debug, Serialize)]
pub struct Create {
    /// From the first byte sent to the answer read.
    pub post: Latency,
    /// A request to a server that only answers.
    pub raw_answer: Latency,
    /// A commit of a database that only commits.
    pub raw_commit: Latency,
    /// The middle post over the sum of both middles.
    pub ratio: f64,
    #[serde(flatten)]
    #[expect(missing_docs, reason = "described where it is made")]
    pub noise: Noise,
}

#[derive(Default)]
struct Round {
    post: Samples,
    raw_answer: Samples,
    raw_commit: Samples,
}

struct Bench {
    server: Server,
    brief: Value,
    _answering: Answering,
    raw: Client,
    commits: Commits,
}

/// Measures it. No agent is registered: each task ends at once and leaves the server quiet for the next.
///
/// # Errors
/// When the server, the disk or the network fails.
pub async fn measure(plan: &Plan, subject: &Subject, disk: &Path) -> anyhow::Result<Create> {
    let mut bench = Bench::set(subject, disk).await?;
    bench.turn(&mut Round::default()).await?; // connections are opened, files are made
    let rounds = rounds(plan, "create", async || bench.round(plan.creates).await).await?;
    bench.commits.close().await?;
    bench.server.stop().await;
    Ok(told(rounds))
}

impl Bench {
    async fn set(subject: &Subject, disk: &Path) -> anyhow::Result<Bench> {
        let server = Server::start(subject, disk).await?;
        let brief = brief();
        let task = server.buyer.post("/tasks", &brief).await?;
        let answering = answer::start(task.to_string().into()).await?;
        let commits = Commits::open(server.folder(), brief.to_string()).await?;
        let raw = Client::new(&answering.base_url, "nobody");
        Ok(Bench { server, brief, _answering: answering, raw, commits })
    }

    async fn round(&mut self, turns: usize) -> anyhow::Result<Round> {
        let mut round = Round::default();
        for _ in 0..turns {
            self.turn(&mut round).await?;
        }
        Ok(round)
    }

    async fn turn(&mut self, round: &mut Round) -> anyhow::Result<()> {
        let began = Instant::now();
        self.raw.post("/tasks", &self.brief).await?;
        round.raw_answer.push(began.elapsed());

        round.raw_commit.push(self.commits.commit().await?);

        let began = Instant::now();
        let task = post(&self.server.buyer, &self.brief).await?;
        round.post.push(began.elapsed());
        at_rest(&self.server.buyer, &task).await?;
        Ok(())
    }
}

fn told(rounds: Rounds<Round>) -> Create {
    Create {
        post: rounds.samples(|round| &round.post).latency(),
        raw_answer: rounds.samples(|round| &round.raw_answer).latency(),
        raw_commit: rounds.samples(|round| &round.raw_commit).latency(),
        ratio: rounds.told(2, |round| round.post.p50() / (round.raw_answer.p50() + round.raw_commit.p50())),
        noise: rounds.noise,
    }
}
