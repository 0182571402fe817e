//! What an agent is told to be.

use crate::script::Script;
use crate::writers::Style;
use serde::{Deserialize, Serialize};

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
            behaviour,
        }
    }

    /// The same agent, expecting this `X-AITasker-Key`.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// What an agent does when it is called. All of them are healthy unless their script says otherwise.
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
}
