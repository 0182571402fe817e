//! A policy made ready for many decisions: what depends on it alone is worked out once.

use crate::content::{Content, ContentHash};
use crate::{Policy, PolicyError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Hours for which recency is kept in a table; later ones are worked out when they are asked for.
const TABLE_HOURS: u32 = 32_768;

/// Everything decisions of a category are made by: the parameters, and what follows from them.
#[derive(Debug, Clone)]
pub struct Rulebook {
    policy: Policy,
    content: Content,
    recency: Vec<u32>,
}

/// The parameters as they are stored with decisions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    policy: BTreeMap<String, u64>,
}

impl Rulebook {
    /// Prepares a policy.
    ///
    /// # Errors
    /// The first parameter that no decision could be made with.
    pub fn new(policy: Policy) -> Result<Self, PolicyError> {
        policy.check()?;
        let recency = (0..TABLE_HOURS)
            .map(|hours| recency(hours, policy.recency_half_life_hours))
            .take_while(|recency| *recency > 0)
            .collect();
        Ok(Rulebook { content: Content::of(&Parameters { policy: sorted(&policy) }), recency, policy })
    }

    /// The parameters.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Tells one set of parameters from another, in whatever order they are declared.
    pub const fn hash(&self) -> ContentHash {
        self.content.hash
    }

    /// The parameters as they are stored beside decisions, under their hash.
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// The rules of a decision, read back from what was stored.
    ///
    /// # Errors
    /// When the text is no such document, or its parameters cannot be used.
    pub fn read(text: &str) -> Result<Self, RulebookError> {
        let Parameters { policy } = serde_json::from_str(text)?;
        let policy = serde_json::from_value(serde_json::to_value(policy)?)?;
        Ok(Self::new(policy)?)
    }

    /// How fresh an agent is after so many seconds, in parts per million.
    pub fn recency(&self, idle_seconds: i64) -> u32 {
        let hours = u32::try_from(idle_seconds.max(0) / 3600).unwrap_or(u32::MAX);
        match self.recency.get(hours as usize) {
            Some(recency) => *recency,
            None if hours < TABLE_HOURS => 0, // the table ends where nothing is left
            None => recency(hours, self.policy.recency_half_life_hours),
        }
    }
}

/// Stored rules that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulebookError {
    /// No such document.
    #[error("the stored parameters cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Parameters out of range.
    #[error("the stored parameters cannot be used: {0}")]
    Unusable(#[from] PolicyError),
}

fn sorted(policy: &Policy) -> BTreeMap<String, u64> {
    // A struct of plain numbers always serialises.
    serde_json::to_value(policy).and_then(serde_json::from_value).unwrap_or_default()
}

/// 1,000,000 now, halved every half-life.
fn recency(hours: u32, half_life_hours: u32) -> u32 {
    let fresh = libm::exp2(-f64::from(hours) / f64::from(half_life_hours));
    (1e6 * fresh + 0.5).floor() as u32
}
