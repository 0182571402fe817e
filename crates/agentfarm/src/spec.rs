//! What an agent is told to be.

use crate::answers;
use crate::asynchronous::Callbacks;
use crate::brief::Brief;
use crate::corpus::Corpus;
use crate::pull::Worker;
use crate::script::{Action, Payload, Script};
use crate::writers::{self, Style};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::net::Ipv4Addr;

/// The name on the certificates of agents.
pub const TLS_NAME: &str = "agent.test";

/// One agent. In JSON only `slug` and `behaviour` are required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSpec {
    /// Its short name; unique in a farm.
    pub slug: String,
    /// Its name as buyers see it.
    #[serde(default)]
    pub name: String,
    /// What it says of itself.
    #[serde(default)]
    pub description: String,
    /// The categories it works in. A writer refuses others with 422; with none listed it takes all.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The `X-AITasker-Key` it expects; calls with another key get 401. `None`: every call is answered.
    #[serde(default)]
    pub key: Option<String>,
    /// Where it listens, in 127.0.0.0/8.
    #[serde(default = "here")]
    pub ip: Ipv4Addr,
    /// How it is reached.
    #[serde(default)]
    pub door: Door,
    /// What it answers when its health is asked, in turn and from the start again; empty: what its behaviour says.
    #[serde(default)]
    pub health: Vec<Health>,
    /// What it does when it is called.
    pub behaviour: Behaviour,
}

impl AgentSpec {
    /// An agent that says nothing of itself and accepts every key.
    pub fn new(slug: impl Into<String>, behaviour: Behaviour) -> Self {
        let slug = slug.into();
        Self {
            name: slug.clone(),
            slug,
            description: String::new(),
            capabilities: Vec::new(),
            key: None,
            ip: here(),
            door: Door::Http,
            health: Vec::new(),
            behaviour,
        }
    }

    /// An agent that does the same for every call.
    pub fn always(slug: impl Into<String>, action: Action) -> Self {
        Self::new(slug, Behaviour::Script(Script::always(crate::script::Reply::at_once(action))))
    }

    /// The same agent, expecting this `X-AITasker-Key`.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same agent behind another door.
    #[must_use]
    pub fn behind(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The same agent, with health that comes and goes.
    #[must_use]
    pub fn with_health(mut self, pattern: impl Into<Vec<Health>>) -> Self {
        self.health = pattern.into();
        self
    }
}

/// What an agent does when it is called. All of them are healthy unless their script or their spec says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Writes a text from the brief, after so many milliseconds (half as long again for the final version).
    Writer {
        /// How it writes.
        style: Style,
        /// How long it takes.
        delay_ms: u64,
    },
    /// Accepts the call and never answers.
    Hang,
    /// Answers 200 with bytes that are not JSON.
    Garbage,
    /// Does what a test says.
    Script(Script),
    /// Answers every call with the same valid bid of about 4 KiB; keeps count, but no record, of its calls.
    Echo {
        /// How long it waits first.
        latency_ms: u64,
    },
    /// Gives the constant bid after a log-normal delay: mostly fast, sometimes very slow.
    Slow {
        /// Half of all calls are faster.
        median_ms: u64,
        /// The spread: 0 is none, 1 makes every sixth call slower than 2.7 medians.
        sigma: f64,
        /// The n-th delay of a seed is always the same.
        seed: u64,
    },
    /// Gives the constant bid, or fails.
    Flaky {
        /// How often it fails, 0..=1.
        probability: f64,
        /// The n-th draw of a seed is always the same.
        seed: u64,
        /// How it fails.
        failure: Action,
    },
    /// Plays rows of answers, each under a path of its own.
    Corpus(Corpus),
    /// Acknowledges, and sends the result to the call's `callback_url`.
    Async(Callbacks),
    /// Is not called but fetches its work.
    Pull(Worker),
}

/// What stands in the result of an agent that answers later.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// The constant bid.
    #[default]
    Bid,
    /// A text written from the brief.
    Writer(Style),
    /// This body.
    Body(Payload),
}

impl Work {
    /// The body of the result for this brief.
    pub(crate) fn body(&self, brief: &[u8]) -> Bytes {
        match self {
            Work::Bid => answers::bid_body(),
            Work::Body(payload) => payload.to_bytes(),
            Work::Writer(style) => match Brief::read(brief) {
                Ok(brief) => writers::answer(*style, &brief).to_string().into(),
                Err(e) => json!({ "error": "invalid_request", "message": e.to_string() }).to_string().into(),
            },
        }
    }
}

/// How an agent is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Plain HTTP.
    #[default]
    Http,
    /// TLS, under the name [`crate::TLS_NAME`] (which the caller resolves to the agent's address) unless it says
    /// otherwise.
    Https(Tls),
    /// Nobody listens: connections are refused.
    Refused,
    /// Nobody answers: connections never come about. Linux only; elsewhere they may be accepted.
    BlackHole,
    /// A name that does not exist.
    NoSuchName,
}

/// What is right or wrong with a TLS door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// A valid chain under the farm's own authority.
    Valid,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is another's.
    WrongName,
    /// It vouches for itself.
    SelfSigned,
    /// An authority nobody knows vouches for it.
    UnknownAuthority,
    /// It speaks TLS 1.0 and nothing newer.
    OldVersion,
    /// It answers the handshake with noise.
    Garbage,
    /// It does not speak TLS but plain HTTP.
    PlainHttp,
    /// It listens and never answers the handshake.
    Stall,
    /// It closes when the handshake begins.
    HangUp,
}

/// What an agent answers when its health is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// 200.
    Ok,
    /// 503.
    Fail,
    /// Nothing, and the connection stays open.
    Hang,
}

const fn here() -> Ipv4Addr {
    Ipv4Addr::LOCALHOST
}
