//! Agents that acknowledge a call and bring the result later, to its `callback_url`, honestly or not.

use crate::agent::{Agent, UnderWay};
use crate::answers;
use crate::client::{self, Outgoing};
use crate::record::{Received, Step};
use crate::script::Payload;
use crate::sign;
use crate::spec::Work;
use crate::wire::{Answer, pair, pause};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::task::JoinSet;

/// A task that no task is.
const OTHER_TASK: &str = "00000000-0000-7000-8000-00000000dead";

/// Callbacks an agent may owe, each with its brief. Above the 10,000 calls in flight of a restart test.
const OWED_MAX: usize = 12_000;

/// How an agent acknowledges and calls back. In JSON every field may be missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Callbacks {
    /// The status of the acknowledgement.
    pub ack_status: u16,
    /// Its body.
    pub ack_body: Payload,
    /// When the result comes.
    pub order: Order,
    /// Milliseconds before the callback: large for one that is late.
    pub after_ms: u64,
    /// What the result says.
    pub work: Work,
    /// What is sent.
    pub report: Report,
    /// A result that is too short comes first, as a message of its own.
    pub invalid_first: bool,
    /// How often the same message is sent.
    pub times: u32,
    /// All of them at once, instead of one after the other.
    pub at_once: bool,
    /// How it is signed.
    pub signature: Signature,
    /// The secret it is signed with; `None`: the call's `callback_secret`.
    pub secret: Option<String>,
    /// How many seconds its timestamp is behind.
    pub age_s: i64,
    /// How often one that met no answer, or a 5xx, is sent again.
    pub retries: u32,
    /// Milliseconds before each of these.
    pub retry_ms: u64,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self {
            ack_status: 202,
            ack_body: Payload::default(),
            order: Order::default(),
            after_ms: 0,
            work: Work::default(),
            report: Report::default(),
            invalid_first: false,
            times: 1,
            at_once: false,
            signature: Signature::default(),
            secret: None,
            age_s: 0,
            retries: 0,
            retry_ms: 100,
        }
    }
}

/// When the result comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// After the acknowledgement.
    #[default]
    AckFirst,
    /// Before it.
    CallbackFirst,
    /// Never.
    Never,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The result.
    #[default]
    Result,
    /// The result, naming the call's task and mode.
    Named,
    /// The result, naming another task.
    OtherTask,
    /// `{"error": ...}` with this code.
    Error(String),
}

/// How a callback is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signature {
    /// The Standard Webhooks trio.
    #[default]
    Trio,
    /// `X-AITasker-Signature` and `X-AITasker-Timestamp`.
    Pair,
    /// Both.
    Both,
    /// The trio, made over another body.
    Bad,
    /// `X-AITasker-Signature`, made over another body.
    BadPair,
    /// Not at all.
    None,
}

/// What of a call matters for its callback.
#[derive(Debug, Clone, Deserialize)]
struct Ticket {
    callback_url: String,
    callback_secret: String,
    #[serde(default)]
    task_id: String,
    #[serde(default)]
    mode: String,
}

/// Answers the call, and sees to its callback.
pub(crate) async fn acknowledge(
    agent: &Arc<Agent>,
    callbacks: &Callbacks,
    under_way: Arc<UnderWay>,
    call: &Received,
) -> Answer {
    let ticket = match serde_json::from_slice::<Ticket>(&call.body) {
        Ok(ticket) => ticket,
        Err(e) => return answers::refusal(400, "no_callback", &format!("nowhere to bring the result: {e}")),
    };
    // This call is counted already.
    if agent.under_way() > OWED_MAX {
        return answers::refusal(503, "overloaded", "this agent owes too many results");
    }
    let job = Arc::new(Job { agent: Arc::clone(agent), plan: callbacks.clone(), ticket });
    let brief = call.body.clone();
    let errand = async move {
        job.call_back(&brief).await;
        drop(under_way); // Only now is the agent done with this call.
    };
    match callbacks.order {
        Order::AckFirst => agent.later(Box::pin(errand)),
        Order::CallbackFirst => errand.await,
        Order::Never => {}
    }
    answers::json_bytes(callbacks.ack_status, callbacks.ack_body.to_bytes())
}

/// One callback to be made.
struct Job {
    agent: Arc<Agent>,
    plan: Callbacks,
    ticket: Ticket,
}

impl Job {
    async fn call_back(self: &Arc<Self>, brief: &[u8]) {
        pause(self.plan.after_ms).await;
        let (number, slug) =
            (self.agent.draws.fetch_add(1, Relaxed), self.agent.spec().slug.replace('.', "_"));
        let name = |kind: &str| format!("cb_{slug}_{}_{kind}{number}", self.ticket.task_id);
        if self.plan.invalid_first {
            let short = br#"{"full_text": "short", "summary": "Too short to be a bid."}"#;
            self.bring(&name("short"), &Bytes::from_static(short)).await;
        }
        let (id, body) = (name(""), body(&self.plan, &self.ticket, brief));
        if !self.plan.at_once {
            for _ in 0..self.plan.times {
                self.bring(&id, &body).await;
            }
            return;
        }
        let mut all = JoinSet::new();
        for _ in 0..self.plan.times {
            let (job, id, body) = (Arc::clone(self), id.clone(), body.clone());
            all.spawn(async move { job.bring(&id, &body).await });
        }
        all.join_all().await;
    }

    /// Signed anew each time it is sent: a retry has a fresh timestamp.
    async fn bring(&self, id: &str, body: &Bytes) {
        let make = || Outgoing {
            step: Step::Callback,
            message: id.to_owned(),
            url: self.ticket.callback_url.clone(),
            headers: signed(&self.plan, &self.ticket, id, body),
            body: body.clone(),
        };
        client::persist(&self.agent, self.plan.retries, self.plan.retry_ms, make).await;
    }
}

fn signed(plan: &Callbacks, ticket: &Ticket, id: &str, body: &[u8]) -> Vec<(String, String)> {
    let secret = plan.secret.as_deref().unwrap_or(&ticket.callback_secret);
    let (at, other) = (unix_now() - plan.age_s, [body, b" "].concat());
    let signature = match plan.signature {
        Signature::Trio => sign::trio(secret, id, at, body),
        Signature::Pair => sign::pair(secret, at, body),
        Signature::Both => [sign::trio(secret, id, at, body), sign::pair(secret, at, body)].concat(),
        Signature::Bad => sign::trio(secret, id, at, &other),
        Signature::BadPair => sign::pair(secret, at, &other),
        Signature::None => Vec::new(),
    };
    [vec![pair("content-type", "application/json")], signature].concat()
}

fn body(plan: &Callbacks, ticket: &Ticket, brief: &[u8]) -> Bytes {
    let result = plan.work.body(brief);
    let named = |task: &str| match serde_json::from_slice::<Value>(&result) {
        Ok(mut document) if document.is_object() => {
            document["task_id"] = json!(task);
            document["mode"] = json!(ticket.mode);
            document.to_string().into()
        }
        _ => result.clone(),
    };
    match &plan.report {
        Report::Result => result,
        Report::Named => named(&ticket.task_id),
        Report::OtherTask => named(OTHER_TASK),
        Report::Error(code) => json!({ "error": code, "message": "this agent gave up" }).to_string().into(),
    }
}

/// A stranger's own clock.
#[allow(clippy::disallowed_methods, reason = "agents stand outside of what must replay")]
fn unix_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Place, Shared};
    use crate::spec::{AgentSpec, Behaviour};
    use std::time::Duration;
    use tokio::sync::mpsc;

    fn owing(plan: &Callbacks) -> Arc<Agent> {
        let spec = AgentSpec::new("a", Behaviour::Async(plan.clone()));
        let place = Place { base: String::new(), rows: Default::default(), row_bases: Default::default() };
        Arc::new(Agent::new(spec, place, Shared::new(), mpsc::unbounded_channel().0))
    }

    fn call() -> Received {
        let brief = json!({ "callback_url": "http://127.0.0.1:1/", "callback_secret": "s" });
        Received {
            at: Duration::ZERO,
            method: "POST".to_owned(),
            path: "/execute".to_owned(),
            peer: ([127, 0, 0, 1], 1).into(),
            headers: Vec::new(),
            body: brief.to_string().into(),
        }
    }

    #[tokio::test]
    async fn whoever_owes_too_many_results_takes_no_more() {
        let plan = Callbacks { order: Order::Never, ..Callbacks::default() };
        let agent = owing(&plan);
        let mut owed: Vec<_> = (0..OWED_MAX).map(|_| agent.begin()).collect();
        let status = async || match acknowledge(&agent, &plan, Arc::new(agent.begin()), &call()).await {
            Answer::Whole { status, .. } => status,
            Answer::Wire(_) => 0,
        };
        assert_eq!(status().await, 503);
        owed.pop();
        assert_eq!(status().await, 202);
    }
}
