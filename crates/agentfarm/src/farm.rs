//! Starting agents, and what a whole farm received.

use crate::agent::{Agent, Place, Shared};
use crate::corpus::Corpus;
use crate::door::{Handshake, Kept};
use crate::pull;
use crate::record::Received;
use crate::serve;
use crate::spec::{AgentSpec, Behaviour, Door};
#[cfg(feature = "tls")]
use crate::tls::Authority;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::sync::OnceLock;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Running agents. Dropping the farm stops them, calls under way included.
#[derive(Debug)]
pub struct Farm {
    agents: Vec<Arc<Agent>>,
    shared: Arc<Shared>,
    servers: JoinSet<()>,
    /// Doors that nobody serves.
    kept: Vec<Kept>,
    #[cfg(feature = "tls")]
    authority: OnceLock<Authority>,
}

impl Farm {
    /// Starts every agent on a port of its own on 127.0.0.1. Needs a tokio runtime.
    ///
    /// # Errors
    /// When no port can be opened, when two agents have one slug, or when a script or a row asks for what cannot be
    /// played (`InvalidInput`, saying which).
    pub async fn start(specs: Vec<AgentSpec>) -> io::Result<Farm> {
        let mut farm = Farm {
            agents: Vec::new(),
            shared: Shared::new(),
            servers: JoinSet::new(),
            kept: Vec::new(),
            #[cfg(feature = "tls")]
            authority: OnceLock::new(),
        };
        for spec in specs {
            farm.add(spec).await?;
        }
        Ok(farm)
    }

    /// Starts one more agent.
    ///
    /// # Errors
    /// As [`Farm::start`].
    pub async fn add(&mut self, spec: AgentSpec) -> io::Result<&Agent> {
        self.check(&spec)?;
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", spec.slug));
        let rows = match &spec.behaviour {
            Behaviour::Corpus(corpus) => corpus.read().map_err(named)?,
            _ => Default::default(),
        };
        let mut listeners = Vec::new();
        let base = self.open(spec.door, &spec, &mut listeners).await.map_err(named)?;
        let mut row_bases = HashMap::new();
        for row in rows.values().filter(|row| row.door != Door::Http) {
            let base = self.open(row.door, &spec, &mut listeners).await.map_err(named)?;
            row_bases.insert(row.id.clone(), base);
        }
        let (errands, waiting) = mpsc::unbounded_channel();
        let place = Place { base, rows, row_bases };
        let agent = Arc::new(Agent::new(spec, place, Arc::clone(&self.shared), errands));
        for (listener, handshake) in listeners {
            self.servers.spawn(serve::accept(listener, handshake, Arc::clone(&agent)));
        }
        self.servers.spawn(serve::run_errands(waiting));
        if let Behaviour::Pull(worker) = &agent.spec().behaviour {
            self.servers.spawn(pull::work(Arc::clone(&agent), worker.clone()));
        }
        self.agents.push(agent);
        Ok(&self.agents[self.agents.len() - 1])
    }

    /// Starts an agent that plays this one row of a corpus, whatever door it needs, and says where it is called. Its
    /// slug is the row's id; its health is beside it, at `health` instead of `execute`. The row's times are multiplied
    /// by `time_scale`.
    ///
    /// # Errors
    /// As [`Farm::start`].
    pub async fn play(&mut self, row: &Value, time_scale: f64) -> io::Result<String> {
        let id = row["id"].as_str().unwrap_or_default().to_owned();
        let corpus = Behaviour::Corpus(Corpus::new(vec![row.clone()], time_scale));
        let url = self.add(AgentSpec::new(&id, corpus)).await?.row_url(&id);
        url.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the row has no id"))
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
        self.agents().find(|agent| agent.spec().slug == slug)
    }

    /// What an agent was called with so far, oldest first; empty for an unknown slug.
    pub fn requests(&self, slug: &str) -> Vec<Received> {
        self.agent(slug).map(Agent::requests).unwrap_or_default()
    }

    /// The moment that the times of all requests are counted from.
    pub fn started(&self) -> std::time::Instant {
        self.shared.started
    }

    /// Calls under way in the whole farm.
    pub fn under_way(&self) -> usize {
        self.shared.under_way.now()
    }

    /// The most calls that were ever under way at once in the whole farm.
    pub fn under_way_max(&self) -> usize {
        self.shared.under_way.max()
    }

    /// How often any agent was called for this task. Agents that keep no record are not counted.
    pub fn sends_of_task(&self, task_id: &str) -> u32 {
        self.shared.by_task.of(task_id)
    }

    /// How often this message (a `webhook-id`, or an invitation's id) came to any agent that keeps record.
    pub fn sends_of_message(&self, webhook_id: &str) -> u32 {
        self.shared.by_message.of(webhook_id)
    }

    /// How often each message came.
    pub fn sends_by_message(&self) -> HashMap<String, u32> {
        self.shared.by_message.all()
    }

    /// The certificate to trust, in DER.
    ///
    /// # Errors
    /// When no key can be made.
    #[cfg(feature = "tls")]
    pub fn ca_der(&self) -> io::Result<Vec<u8>> {
        Ok(self.authority()?.der().to_vec())
    }

    /// The certificate to trust, as text for a file of roots.
    ///
    /// # Errors
    /// When no key can be made.
    #[cfg(feature = "tls")]
    pub fn ca_pem(&self) -> io::Result<String> {
        Ok(self.authority()?.pem())
    }

    /// Where everything is, for who starts the farm as a process of its own.
    pub fn addresses(&self) -> Value {
        let agent = |agent: &Agent| {
            let rows: serde_json::Map<String, Value> =
                agent.rows().map(|row| (row.id.clone(), json!(agent.row_url(&row.id)))).collect();
            json!({ "slug": agent.spec().slug, "url": agent.url(), "health_url": agent.health_url(), "rows": rows })
        };
        let agents: Vec<Value> = self.agents().map(agent).collect();
        #[cfg(feature = "tls")]
        let pem = self.ca_pem().ok();
        #[cfg(not(feature = "tls"))]
        let pem = None::<String>;
        json!({ "agents": agents, "ca_pem": pem })
    }

    /// What happened so far, in numbers.
    pub fn report(&self) -> Value {
        let agent = |agent: &Agent| {
            let exchanges: Vec<Value> = agent.exchanges().iter().map(crate::record::Exchange::told).collect();
            json!({ "slug": agent.spec().slug, "calls": agent.calls(), "probes": agent.probes(),
                    "under_way": agent.under_way(), "under_way_max": agent.under_way_max(),
                    "connections": agent.connections(), "connections_ever": agent.connections_ever(),
                    "exchanges": exchanges })
        };
        json!({ "agents": self.agents().map(agent).collect::<Vec<Value>>(), "under_way": self.under_way(),
                "under_way_max": self.under_way_max(), "sends_by_task": self.shared.by_task.all(),
                "sends_by_message": self.sends_by_message() })
    }

    async fn open(
        &mut self,
        door: Door,
        spec: &AgentSpec,
        listeners: &mut Vec<(TcpListener, Handshake)>,
    ) -> io::Result<String> {
        let handshake = self.handshake(door)?;
        let opened = door.open(spec.ip).await?;
        match opened.kept {
            Kept::Listener(listener) => listeners.push((listener, handshake)),
            other => self.kept.push(other),
        }
        Ok(opened.base)
    }

    #[cfg(feature = "tls")]
    fn handshake(&self, door: Door) -> io::Result<Handshake> {
        match door {
            Door::Https(tls) => Handshake::of(tls, self.authority()?),
            Door::Http | Door::Refused | Door::BlackHole | Door::NoSuchName => Ok(Handshake::None),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn handshake(&self, door: Door) -> io::Result<Handshake> {
        match door {
            Door::Https(_) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "built without the feature tls"))
            }
            Door::Http | Door::Refused | Door::BlackHole | Door::NoSuchName => Ok(Handshake::None),
        }
    }

    /// Made when it is first asked for.
    #[cfg(feature = "tls")]
    fn authority(&self) -> io::Result<&Authority> {
        if self.authority.get().is_none() {
            // Whoever was faster: there is one.
            let _ = self.authority.set(Authority::new()?);
        }
        self.authority.get().ok_or_else(|| io::Error::other("there is no authority"))
    }

    fn check(&self, spec: &AgentSpec) -> io::Result<()> {
        let fault = match &spec.behaviour {
            _ if self.agent(&spec.slug).is_some() => Some("another agent has this slug".to_owned()),
            _ if !spec.ip.is_loopback() => Some(format!("{} is not in 127.0.0.0/8", spec.ip)),
            Behaviour::Script(script) => script.fault(),
            Behaviour::Flaky { failure, .. } => failure.fault(),
            _ => None,
        };
        let refused = |fault| io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {fault}", spec.slug));
        fault.map_or(Ok(()), |fault| Err(refused(fault)))
    }
}
