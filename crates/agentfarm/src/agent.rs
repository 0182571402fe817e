//! One running agent: what it is, and what it received and did.

use crate::corpus::Row;
use crate::record::{Exchange, Gauge, Log, RECEIVED_BYTES_MAX, Received, Tally};
use crate::spec::{AgentSpec, Behaviour};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Work that goes on after an answer.
pub(crate) type Errand = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// One running agent.
#[derive(Debug)]
pub struct Agent {
    spec: AgentSpec,
    base: String,
    farm: Arc<Shared>,
    calls: AtomicU64,
    probes: AtomicU64,
    connections: Gauge,
    accepted: AtomicU64,
    under_way: Gauge,
    received: Log<Received>,
    exchanges: Log<Exchange>,
    /// How far each list of a script is: prototype, final, health; and the health of the spec.
    pub(crate) cursors: [AtomicUsize; 4],
    /// Draws of chance and names of messages so far.
    pub(crate) draws: AtomicU64,
    /// The rows of a corpus.
    pub(crate) rows: BTreeMap<String, Row>,
    /// Rows behind a door of their own.
    row_bases: HashMap<String, String>,
    errands: mpsc::UnboundedSender<Errand>,
}

/// What all agents of a farm share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) started: Instant,
    pub(crate) under_way: Gauge,
    pub(crate) by_task: Tally,
    pub(crate) by_message: Tally,
    bytes_kept: AtomicUsize,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            under_way: Gauge::default(),
            by_task: Tally::default(),
            by_message: Tally::default(),
            bytes_kept: AtomicUsize::new(0),
        })
    }
}

/// Where an agent is found.
pub(crate) struct Place {
    pub(crate) base: String,
    pub(crate) rows: BTreeMap<String, Row>,
    pub(crate) row_bases: HashMap<String, String>,
}

impl Agent {
    pub(crate) fn new(
        spec: AgentSpec,
        place: Place,
        farm: Arc<Shared>,
        errands: mpsc::UnboundedSender<Errand>,
    ) -> Self {
        Self {
            spec,
            base: place.base,
            farm,
            calls: AtomicU64::new(0),
            probes: AtomicU64::new(0),
            connections: Gauge::default(),
            accepted: AtomicU64::new(0),
            under_way: Gauge::default(),
            received: Log::default(),
            exchanges: Log::default(),
            cursors: Default::default(),
            draws: AtomicU64::new(0),
            rows: place.rows,
            row_bases: place.row_bases,
            errands,
        }
    }

    /// What it was told to be.
    pub fn spec(&self) -> &AgentSpec {
        &self.spec
    }

    /// Where it is called: `http://127.0.0.1:<port>/execute`, `https://agent.test:<port>/execute` behind TLS.
    pub fn url(&self) -> String {
        format!("{}/execute", self.base)
    }

    /// Where its health is asked.
    pub fn health_url(&self) -> String {
        format!("{}/health", self.base)
    }

    /// Where a row of its corpus is called; `None` for a row it does not have. Its health is beside it, at `health`
    /// instead of `execute`.
    pub fn row_url(&self, id: &str) -> Option<String> {
        let base = self.row_bases.get(id).unwrap_or(&self.base);
        self.rows.contains_key(id).then(|| format!("{base}/rows/{id}/execute"))
    }

    /// The rows of its corpus.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The calls so far, oldest first, the newest [`crate::record::RECEIVED_MAX`] requests' worth. Calls with a wrong
    /// key are among them; health probes are not. For a worker: the invitations it fetched.
    pub fn requests(&self) -> Vec<Received> {
        self.received.calls()
    }

    /// Everything that was sent to it so far, health probes and wrong paths included.
    pub fn everything(&self) -> Vec<Received> {
        self.received.entries()
    }

    /// What it sent on its own so far, callbacks and a worker's requests, with what it got back.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.entries()
    }

    /// How often it was called.
    pub fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// How often its health was asked.
    pub fn probes(&self) -> u64 {
        self.probes.load(Relaxed)
    }

    /// Calls it is working on now: read, not answered, and the caller still there. With a callback until that is
    /// done, for a worker from the invitation to the result.
    pub fn under_way(&self) -> usize {
        self.under_way.now()
    }

    /// The most calls it ever worked on at once.
    pub fn under_way_max(&self) -> usize {
        self.under_way.max()
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.connections.now()
    }

    /// Connections it ever accepted, those included whose handshake failed.
    pub fn connections_ever(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Counts a call as under way for as long as the guard lives.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.up();
        self.farm.under_way.up();
        UnderWay(Arc::clone(self))
    }

    pub(crate) fn connected(self: &Arc<Self>) -> Connected {
        self.accepted.fetch_add(1, Relaxed);
        self.connections.up();
        Connected(Arc::clone(self))
    }

    /// Time since the farm was started.
    pub(crate) fn at(&self) -> Duration {
        self.farm.started.elapsed()
    }

    /// Whether requests are kept: a benchmark measures the caller, not our memory.
    pub(crate) fn keeps_record(&self) -> bool {
        !matches!(self.spec.behaviour, Behaviour::Echo { .. })
    }

    pub(crate) fn note_probe(&self) {
        self.probes.fetch_add(1, Relaxed);
    }

    pub(crate) fn note_call(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    /// Counts a call by task and by message. `message`: its `webhook-id`, or the invitation's id.
    pub(crate) fn tally(&self, received: &Received, message: Option<&str>) {
        if let Some(task) = received.task_id() {
            self.farm.by_task.count(&task);
        }
        if let Some(message) = message {
            self.farm.by_message.count(message);
        }
    }

    pub(crate) fn keep(&self, received: Received) {
        self.received.push_within(received, &self.farm.bytes_kept, RECEIVED_BYTES_MAX);
    }

    pub(crate) fn note_exchange(&self, exchange: Exchange) {
        self.exchanges.push(exchange);
    }

    /// Goes on with this after the answer; it ends with the farm.
    pub(crate) fn later(&self, errand: Errand) {
        // Nobody runs it once the farm is stopped, and that is right.
        let _ = self.errands.send(errand);
    }
}

/// A call under way, also when it is cut short.
pub(crate) struct UnderWay(Arc<Agent>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.down();
        self.0.farm.under_way.down();
    }
}

/// An open connection.
pub(crate) struct Connected(Arc<Agent>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.down();
    }
}
