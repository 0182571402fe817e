//! A network, a journal and a clock that do what a test says, all on the runtime's paused time.

#![allow(dead_code, reason = "each test file uses its own part")]

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use gavel_contract::agent::answer::Expectation;
use gavel_dispatcher::transport::{FailureKind, Reply, Request, SendFailure, Transport};
use gavel_dispatcher::{
    Ask, Begun, Call, Credentials, Dispatcher, Ended, Journal, Lanes, Said, Sendable, Settled, Stop,
};
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{AttemptResult, Mode};
use gavel_domain::{
    AccountId, AgentId, AttemptId, Clock, Currency, DeveloperId, InvitationId, Money, TaskId, Timestamp,
};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The developer's key in all tests.
pub(crate) const KEY: &str = "ait_0123456789abcdef";

/// The agent's signing secret in all tests.
pub(crate) const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A second, for scripts.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What the network does with one send.
#[derive(Clone)]
pub(crate) enum Step {
    /// Answers after a while.
    Answer(Duration, Reply),
    /// Fails after a while.
    Fail(Duration, FailureKind),
    /// Never comes back.
    Hang,
    /// A bug of ours.
    Panic,
}

/// One send as the network saw it.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) at: Duration,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Sent {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no header {name}"))
    }
}

/// A network with a script per URL.
pub(crate) struct Script {
    started: Instant,
    steps: Mutex<HashMap<String, VecDeque<Step>>>,
    sent: Mutex<Vec<Sent>>,
    open: Arc<AtomicUsize>,
}

impl Script {
    /// All that was sent, in order.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
    /// Sends under way.
    pub(crate) fn open(&self) -> usize {
        self.open.load(SeqCst)
    }
}

/// Counts a send while it is under way, also when it is dropped.
struct Open(Arc<AtomicUsize>);
impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request) -> Result<Reply, SendFailure> {
        self.open.fetch_add(1, SeqCst);
        let _open = Open(self.open.clone());
        let step = self.steps.lock().unwrap().get_mut(&request.url).and_then(VecDeque::pop_front);
        let (at, url) = (self.started.elapsed(), request.url.clone());
        self.sent.lock().unwrap().push(Sent { at, url, headers: request.headers, body: request.body });
        match step.unwrap_or_else(|| panic!("{} was sent more than its script says", request.url)) {
            Step::Answer(after, reply) => {
                sleep(after).await;
                Ok(reply)
            }
            Step::Fail(after, kind) => {
                sleep(after).await;
                Err(SendFailure::new(kind, format!("scripted {kind:?}")))
            }
            Step::Hang => std::future::pending().await,
            Step::Panic => panic!("a scripted bug"),
        }
    }
}

/// A clock that moves with the runtime's time.
pub(crate) struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        epoch() + TimeDelta::from_std(self.0.elapsed()).unwrap()
    }
}

/// When every test starts.
pub(crate) fn epoch() -> Timestamp {
    Timestamp::from_timestamp(1_767_225_600, 0).unwrap()
}

/// Writes second sends down, unless it is told to refuse, to hang or to panic.
pub(crate) struct Notebook {
    pub(crate) mood: Mood,
    /// How often a row was asked for while the agent was busy.
    pub(crate) asked: AtomicUsize,
    /// The numbers of the rows begun.
    pub(crate) begun: Mutex<Vec<u32>>,
    /// Where the agent lives now, when it has moved since its call was planned.
    pub(crate) moved_to: Mutex<Option<String>>,
    /// The rows completed, with their codes.
    pub(crate) ended: Mutex<Vec<(AttemptId, String)>>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    Willing,
    /// So often the agent's places are taken elsewhere.
    Busy(usize),
    Refusing,
    Hanging,
    Panicking,
}

#[async_trait]
impl Journal for Notebook {
    async fn end(&self, attempt: AttemptId, result: &AttemptResult) {
        self.ended.lock().unwrap().push((attempt, result.code.clone()));
    }

    async fn begin(&self, call: &Call, number: u32) -> Result<Option<Sendable>, Stop> {
        match self.mood {
            Mood::Willing => {}
            Mood::Busy(times) if self.asked.fetch_add(1, SeqCst) < times => return Ok(None),
            Mood::Busy(_) => {}
            Mood::Refusing => return Err(Stop("the task is closed".to_owned())),
            Mood::Hanging => std::future::pending().await,
            Mood::Panicking => panic!("a scripted bug"),
        }
        self.begun.lock().unwrap().push(number);
        let (attempt, url) = (attempt(200 + number as u8), self.moved_to.lock().unwrap().clone());
        let url = url.unwrap_or_else(|| call.url.clone());
        Ok(Some(Sendable { attempt, url, credentials: call.credentials.clone() }))
    }
}

/// A dispatcher over scripts, and what it can be asked afterwards.
pub(crate) struct Bench {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) network: Arc<Script>,
    pub(crate) notebook: Arc<Notebook>,
    pub(crate) clock: Arc<PausedClock>,
}

/// A bench whose agent `n` follows `scripts[n]`.
pub(crate) fn bench(scripts: &[&[Step]], mood: Mood) -> Bench {
    let started = Instant::now();
    let steps =
        scripts.iter().enumerate().map(|(n, steps)| (url(n), steps.iter().cloned().collect())).collect();
    let network =
        Arc::new(Script { started, steps: Mutex::new(steps), sent: Mutex::default(), open: Arc::default() });
    let notebook = Arc::new(Notebook {
        mood,
        asked: AtomicUsize::new(0),
        begun: Mutex::default(),
        moved_to: Mutex::default(),
        ended: Mutex::default(),
    });
    let clock = Arc::new(PausedClock(started));
    let dispatcher = Dispatcher {
        transport: network.clone(),
        journal: notebook.clone(),
        lanes: Lanes::default(),
        clock: clock.clone(),
    };
    Bench { dispatcher, network, notebook, clock }
}

/// The endpoint of agent `n`.
pub(crate) fn url(n: usize) -> String {
    format!("https://agent{n}.example/execute")
}

/// A prototype call to agent `n` that must be over `seconds` after the start.
pub(crate) fn call(n: usize, seconds: i64) -> Call {
    Call {
        key: ExchangeKey { invitation: invitation(n), mode: Mode::Prototype, revision: 0 },
        ask: Ask {
            agent: AgentId::from_uuid(uuid::Uuid::from_u128(n as u128)),
            agent_max: 8,
            developer: DeveloperId::from_uuid(uuid::Uuid::from_u128(n as u128)),
            host: format!("agent{n}.example"),
            buyer: AccountId::from_uuid(uuid::Uuid::from_u128(5)),
        },
        task: TaskId::from_uuid(uuid::Uuid::from_u128(7)),
        url: url(n),
        body: Bytes::from_static(b"{\"task\":1}"),
        deadline_at: epoch() + TimeDelta::seconds(seconds),
        deadline_is_own_limit: true,
        acknowledge_within: None,
        sends_so_far: 0,
        credentials: Credentials {
            key: KEY.to_owned(),
            secrets: vec![SECRET.to_owned()],
            callback_secret: None,
        },
        user_agent: "Test/1".to_owned(),
        expectation: Expectation {
            mode: Mode::Prototype,
            budget: Money::from_minor(2_500),
            currency: Currency::new("USD").unwrap(),
        },
    }
}

impl Bench {
    /// The call with its first row written and its place taken, as steps begin calls together.
    pub(crate) fn begun(&self, call: Call) -> (Call, Option<Begun>) {
        let place = self.dispatcher.lanes.try_place(&call.ask);
        let begun = place.map(|place| Begun { attempt: first_attempt(&call), place });
        (call, begun)
    }
}

/// The row of a call's first send.
pub(crate) fn first_attempt(call: &Call) -> AttemptId {
    attempt(100 + (call.key.invitation.uuid().as_u128() - 1_000) as u8)
}

/// How a call ended that was not merely acknowledged.
pub(crate) fn ended(settled: &Settled) -> &Ended {
    match &settled.said {
        Said::Ended(ended) => ended,
        Said::Acknowledged { .. } => panic!("only acknowledged"),
    }
}

/// What came of the last send.
pub(crate) fn result(settled: &Settled) -> &AttemptResult {
    &settled.last_send.as_ref().expect("something was sent").1
}

pub(crate) fn invitation(n: usize) -> InvitationId {
    InvitationId::from_uuid(uuid::Uuid::from_u128(1_000 + n as u128))
}

pub(crate) fn attempt(n: u8) -> AttemptId {
    AttemptId::from_uuid(uuid::Uuid::from_u128(u128::from(n)))
}

/// A 200 with a usable answer.
pub(crate) fn good() -> Reply {
    let text = "A finished draft with more than enough words to be taken for an answer. ".repeat(4);
    let body = serde_json::json!({ "full_text": text, "summary": "A draft." }).to_string();
    Reply { status: 200, body: body.into(), ..Reply::default() }
}

/// An answer with this status.
pub(crate) fn status(status: u16) -> Reply {
    Reply { status, body: Bytes::from_static(b"{\"error\":\"no\"}"), ..Reply::default() }
}
