//! A worker that is not called but fetches its work, honestly or not.

use crate::agent::{Agent, UnderWay};
use crate::client::{self, Outgoing, PATIENCE, Returned};
use crate::record::{Received, Step};
use crate::spec::Work;
use crate::wire::{pair, pause};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Between two fetches that gave nothing at once: an error, or a server that does not wait.
const BREATH_MS: u64 = 50;
/// A fetch that gave nothing and was faster than this did not wait.
const AT_ONCE: Duration = Duration::from_millis(20);
/// How often a result that met no answer, or a 5xx, is sent again.
const RESULT_RETRIES: u32 = 3;

/// How a worker works. In JSON only `base_url` and `key` are required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Where the API is: `http://127.0.0.1:8080/api/v1`.
    pub base_url: String,
    /// The bearer key.
    pub key: String,
    /// Seconds a fetch asks the server to wait.
    #[serde(default = "half_a_minute")]
    pub wait_s: u64,
    /// Invitations worked on at once; no more are fetched until one is done.
    #[serde(default = "eight")]
    pub at_once: usize,
    /// What the result says.
    #[serde(default)]
    pub work: Work,
    /// Milliseconds from the invitation to the result: large for one that is late.
    #[serde(default)]
    pub work_ms: u64,
    /// Milliseconds between heartbeats; 0: none.
    #[serde(default = "a_second")]
    pub heartbeat_ms: u64,
    /// What it does with an invitation.
    #[serde(default)]
    pub conduct: Conduct,
}

/// What a worker does with an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conduct {
    /// Sends the result.
    #[default]
    Work,
    /// Sends the result twice.
    WorkTwice,
    /// Declines, for this reason.
    Decline(String),
    /// Dies with its first invitation, and fetches no more.
    Die,
}

impl Worker {
    /// An honest worker.
    pub fn new(base_url: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            key: key.into(),
            wait_s: half_a_minute(),
            at_once: eight(),
            work: Work::default(),
            work_ms: 0,
            heartbeat_ms: a_second(),
            conduct: Conduct::default(),
        }
    }
}

#[derive(Deserialize)]
struct Fetched {
    invitations: Vec<Invitation>,
}

/// An invitation: its lease comes back as it came, its envelope is kept byte for byte.
#[derive(Debug, Clone, Deserialize)]
struct Invitation {
    id: String,
    lease: Value,
    envelope: Box<RawValue>,
}

/// Fetches and works until it is dropped, or dies.
pub(crate) async fn work(agent: Arc<Agent>, worker: Worker) {
    let mut jobs = JoinSet::new();
    loop {
        while jobs.try_join_next().is_some() {}
        if jobs.len() >= worker.at_once.max(1) {
            jobs.join_next().await;
            continue;
        }
        let since = Instant::now();
        let taken = fetch(&agent, &worker).await;
        if taken.is_empty() && since.elapsed() < AT_ONCE {
            pause(BREATH_MS).await;
        }
        if worker.conduct == Conduct::Die && !taken.is_empty() {
            return;
        }
        for (invitation, under_way) in taken {
            let job = Job { agent: Arc::clone(&agent), worker: worker.clone(), invitation };
            jobs.spawn(async move {
                job.run().await;
                drop(under_way);
            });
        }
    }
}

/// The invitations that came, each under way from now on.
async fn fetch(agent: &Arc<Agent>, worker: &Worker) -> Vec<(Invitation, UnderWay)> {
    let url = format!("{}/pull/invitations?wait={}", worker.base_url, worker.wait_s);
    let out = outgoing(worker, Step::Fetch, "", url, Bytes::new());
    let patience = PATIENCE + Duration::from_secs(worker.wait_s);
    let Some(returned) = client::exchange(agent, &out, patience).await else { return Vec::new() };
    let fetched = serde_json::from_slice(&returned.body).unwrap_or(Fetched { invitations: Vec::new() });
    let take = |invitation: Invitation| {
        note(agent, &invitation, &returned);
        (invitation, agent.begin())
    };
    fetched.invitations.into_iter().map(take).collect()
}

/// An invitation that was fetched is a call like any other.
fn note(agent: &Agent, invitation: &Invitation, returned: &Returned) {
    let received = Received {
        at: agent.at(),
        method: "PULL".to_owned(),
        path: format!("/pull/invitations/{}", invitation.id),
        peer: returned.peer,
        headers: Vec::new(),
        body: Bytes::copy_from_slice(invitation.envelope.get().as_bytes()),
    };
    agent.note_call();
    agent.tally(&received, Some(&invitation.id));
    agent.keep(received);
}

struct Job {
    agent: Arc<Agent>,
    worker: Worker,
    invitation: Invitation,
}

impl Job {
    async fn run(&self) {
        if let Conduct::Decline(reason) = &self.worker.conduct {
            let body = json!({ "lease": self.invitation.lease, "reason": reason });
            self.post(Step::Decline, "decline", body.to_string().into()).await;
            return;
        }
        tokio::select! {
            () = pause(self.worker.work_ms) => {}
            () = self.beat() => {}
        }
        let body = self.worker.work.body(self.invitation.envelope.get().as_bytes());
        let times = if self.worker.conduct == Conduct::WorkTwice { 2 } else { 1 };
        for _ in 0..times {
            let ask = format!("result?lease={}", self.lease());
            self.post(Step::Result, &ask, body.clone()).await;
        }
    }

    /// Says that it is still at it, for ever. What comes back is on record; the work goes on all the same.
    async fn beat(&self) {
        if self.worker.heartbeat_ms == 0 {
            return std::future::pending().await;
        }
        loop {
            pause(self.worker.heartbeat_ms).await;
            let body = json!({ "lease": self.invitation.lease }).to_string();
            let out = self.outgoing(Step::Heartbeat, "heartbeat", body.into());
            client::exchange(&self.agent, &out, PATIENCE).await;
        }
    }

    async fn post(&self, step: Step, what: &str, body: Bytes) {
        let make = || self.outgoing(step, what, body.clone());
        client::persist(&self.agent, RESULT_RETRIES, BREATH_MS, make).await;
    }

    fn outgoing(&self, step: Step, what: &str, body: Bytes) -> Outgoing {
        let url = format!("{}/pull/invitations/{}/{what}", self.worker.base_url, self.invitation.id);
        outgoing(&self.worker, step, &self.invitation.id, url, body)
    }

    fn lease(&self) -> String {
        self.invitation.lease.as_str().map_or_else(|| self.invitation.lease.to_string(), str::to_owned)
    }
}

fn outgoing(worker: &Worker, step: Step, message: &str, url: String, body: Bytes) -> Outgoing {
    let key = pair("authorization", format!("Bearer {}", worker.key));
    let headers = vec![key, pair("content-type", "application/json")];
    Outgoing { step, message: message.to_owned(), url, headers, body }
}

const fn half_a_minute() -> u64 {
    30
}

const fn eight() -> usize {
    8
}

const fn a_second() -> u64 {
    1_000
}
