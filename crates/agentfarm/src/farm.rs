//! Starting agents, and what they received.

use crate::serve;
use crate::spec::{AgentSpec, Behaviour};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Calls remembered per agent: the newest. More than any test looks at, and bounded memory for a long demo.
pub const RECEIVED_MAX: usize = 20_000;

/// Running agents. Dropping the farm stops them, calls under way included.
#[derive(Debug)]
pub struct Farm {
    agents: Vec<Arc<Agent>>,
    servers: JoinSet<()>,
}

/// One running agent.
#[derive(Debug)]
pub struct Agent {
    spec: AgentSpec,
    address: SocketAddr,
    started: Instant,
    calls: AtomicU64,
    probes: AtomicU64,
    under_way: AtomicUsize,
    under_way_max: AtomicUsize,
    received: Mutex<VecDeque<Received>>,
    /// How far each list of a script is: prototype, final, health.
    pub(crate) cursors: [AtomicUsize; 3],
}

/// One call as the agent saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// When its body had been read, since the farm was started.
    pub at: Duration,
    /// Names in lower case, as they came over the wire, repetitions included.
    pub headers: Vec<(String, String)>,
    /// The exact bytes.
    pub body: Bytes,
}

impl Farm {
    /// Starts every agent on a port of its own on 127.0.0.1. Needs a tokio runtime.
    ///
    /// # Errors
    /// When no port can be opened, when two agents have one slug, or when a script asks for an answer that is not
    /// HTTP (`InvalidInput`, saying which).
    pub async fn start(specs: Vec<AgentSpec>) -> io::Result<Farm> {
        let started = Instant::now();
        let mut farm = Farm { agents: Vec::new(), servers: JoinSet::new() };
        for spec in specs {
            farm.check(&spec)?;
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let agent = Arc::new(Agent::new(spec, listener.local_addr()?, started));
            farm.servers.spawn(serve::accept(listener, Arc::clone(&agent)));
            farm.agents.push(agent);
        }
        Ok(farm)
    }

    /// Stops all agents and closes their ports; calls under way are cut.
    pub async fn stop(mut self) {
        self.servers.shutdown().await;
    }

    /// All agents, in the order they were given.
    pub fn agents(&self) -> impl ExactSizeIterator<Item = &Agent> {
        self.agents.iter().map(AsRef::as_ref)
    }

    /// One agent.
    pub fn agent(&self, slug: &str) -> Option<&Agent> {
        self.agents().find(|agent| agent.spec.slug == slug)
    }

    /// What an agent was sent so far, oldest first; empty for an unknown slug.
    pub fn requests(&self, slug: &str) -> Vec<Received> {
        self.agent(slug).map(Agent::requests).unwrap_or_default()
    }

    fn check(&self, spec: &AgentSpec) -> io::Result<()> {
        let fault = match &spec.behaviour {
            _ if self.agent(&spec.slug).is_some() => Some("another agent has this slug".to_owned()),
            Behaviour::Script(script) => script.fault(),
            _ => None,
        };
        let refused = |fault| io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {fault}", spec.slug));
        fault.map_or(Ok(()), |fault| Err(refused(fault)))
    }
}

impl Agent {
    fn new(spec: AgentSpec, address: SocketAddr, started: Instant) -> Self {
        Self {
            spec,
            address,
            started,
            calls: AtomicU64::new(0),
            probes: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
            under_way_max: AtomicUsize::new(0),
            received: Mutex::default(),
            cursors: Default::default(),
        }
    }

    /// What it was told to be.
    pub fn spec(&self) -> &AgentSpec {
        &self.spec
    }

    /// Where it is called: `http://127.0.0.1:<port>/execute`.
    pub fn url(&self) -> String {
        format!("http://{}/execute", self.address)
    }

    /// Where its health is asked.
    pub fn health_url(&self) -> String {
        format!("http://{}/health", self.address)
    }

    /// The calls so far, oldest first, the newest [`RECEIVED_MAX`] of them. Calls with a wrong key are among them;
    /// health probes are not.
    pub fn requests(&self) -> Vec<Received> {
        self.log().iter().cloned().collect()
    }

    /// How often it was called.
    pub fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// How often its health was asked.
    pub fn probes(&self) -> u64 {
        self.probes.load(Relaxed)
    }

    /// Calls it is working on now: read, not answered, and the caller still there.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Relaxed)
    }

    /// The most calls it ever worked on at once.
    pub fn under_way_max(&self) -> usize {
        self.under_way_max.load(Relaxed)
    }

    /// Counts a call as under way for as long as the guard lives.
    pub(crate) fn begin(&self) -> UnderWay<'_> {
        let now = self.under_way.fetch_add(1, Relaxed) + 1;
        self.under_way_max.fetch_max(now, Relaxed);
        UnderWay(self)
    }

    pub(crate) fn note_probe(&self) {
        self.probes.fetch_add(1, Relaxed);
    }

    pub(crate) fn note_call(&self, headers: Vec<(String, String)>, body: Bytes) {
        self.calls.fetch_add(1, Relaxed);
        if matches!(self.spec.behaviour, Behaviour::Echo { .. }) {
            return; // A benchmark measures the caller, not our memory.
        }
        let mut log = self.log();
        if log.len() == RECEIVED_MAX {
            log.pop_front();
        }
        log.push_back(Received { at: self.started.elapsed(), headers, body });
    }

    fn log(&self) -> MutexGuard<'_, VecDeque<Received>> {
        // A list is whole whatever happened to the thread that held it.
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way, also when it is cut short.
pub(crate) struct UnderWay<'a>(&'a Agent);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

impl Received {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}
