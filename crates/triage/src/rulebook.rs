//! A policy made ready for many decisions: what depends on it alone is worked out once.

use crate::content::{Content, ContentHash};
use crate::{Policy, PolicyError, thompson};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Hours for which recency is kept in a table; later ones are worked out when they are asked for.
const TABLE_HOURS: u32 = 32_768;

/// Everything decisions of a category are made by: the parameters, and what follows from them.
#[derive(Debug, Clone)]
pub struct Rulebook {
    policy: Policy,
    thompson: Option<thompson::Policy>,
    content: Content,
    recency: Vec<u32>,
}

/// The parameters as they are stored with decisions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    policy: BTreeMap<String, Value>,
    /// Where the category is decided by values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thompson: Option<BTreeMap<String, Value>>,
}

impl Rulebook {
    /// Prepares `aitasker-v1`.
    ///
    /// # Errors
    /// The first parameter that no decision could be made with.
    pub fn new(policy: Policy) -> Result<Self, PolicyError> {
        policy.check()?;
        Ok(Self::prepared(policy, None))
    }

    /// Prepares `thompson`, which takes numbers of agents and the weights of its last seat from `aitasker-v1`.
    ///
    /// # Errors
    /// The first parameter that no decision could be made with.
    pub fn with_thompson(policy: Policy, thompson: thompson::Policy) -> Result<Self, RulebookError> {
        policy.check()?;
        thompson.check()?;
        Ok(Self::prepared(policy, Some(thompson)))
    }

    fn prepared(policy: Policy, thompson: Option<thompson::Policy>) -> Self {
        let recency = (0..TABLE_HOURS)
            .map(|hours| recency(hours, policy.recency_half_life_hours))
            .take_while(|recency| *recency > 0)
            .collect();
        let parameters = Parameters { policy: sorted(&policy), thompson: thompson.as_ref().map(sorted) };
        Rulebook { content: Content::of(&parameters), recency, policy, thompson }
    }

    /// The parameters.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The parameters of `thompson`, where that decides.
    pub const fn thompson(&self) -> Option<&thompson::Policy> {
        self.thompson.as_ref()
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
        let Parameters { policy, thompson } = serde_json::from_str(text)?;
        let policy = serde_json::from_value(serde_json::to_value(policy)?)?;
        match thompson {
            None => Ok(Self::new(policy)?),
            Some(thompson) => {
                let thompson = serde_json::from_value(serde_json::to_value(thompson)?)?;
                Self::with_thompson(policy, thompson)
            }
        }
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

/// The rules of every category: `aitasker-v1`, but for those that were opened to `thompson`.
#[derive(Debug, Clone)]
pub struct Rules {
    lanes: Arc<Rulebook>,
    values: Arc<Rulebook>,
    by_value: BTreeSet<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules::lanes(Rulebook::prepared(Policy::default(), None))
    }
}

impl Rules {
    /// The policy of all categories.
    pub fn lanes(rules: Rulebook) -> Self {
        let lanes = Arc::new(rules);
        Rules { values: Arc::clone(&lanes), lanes, by_value: BTreeSet::new() }
    }

    /// Opens categories to `thompson`.
    ///
    /// # Errors
    /// The first parameter that no decision could be made with.
    pub fn opened(
        self,
        thompson: thompson::Policy,
        categories: BTreeSet<String>,
    ) -> Result<Self, RulebookError> {
        let values = Rulebook::with_thompson(self.lanes.policy.clone(), thompson)?;
        Ok(Rules { values: Arc::new(values), by_value: categories, ..self })
    }

    /// The rules of a category.
    pub fn of(&self, category: &str) -> &Arc<Rulebook> {
        if self.by_value.contains(category) { &self.values } else { &self.lanes }
    }

    /// The rules of categories that were not opened to anything else.
    pub const fn common(&self) -> &Arc<Rulebook> {
        &self.lanes
    }

    /// The parameters that all categories share.
    pub fn policy(&self) -> &Policy {
        self.lanes.policy()
    }

    /// The categories that are decided by `thompson`.
    pub const fn by_value(&self) -> &BTreeSet<String> {
        &self.by_value
    }

    /// The parameters of `thompson` for whatever category is opened to it; none before any could be.
    pub fn values_policy(&self) -> Option<&thompson::Policy> {
        self.values.thompson()
    }

    /// The parameters of `thompson` for a category that was opened to it.
    pub fn thompson(&self, category: &str) -> Option<&thompson::Policy> {
        self.of(category).thompson()
    }
}

/// Rules that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulebookError {
    /// No such document.
    #[error("the stored parameters cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Parameters out of range.
    #[error("the parameters cannot be used: {0}")]
    Unusable(#[from] PolicyError),
    /// Parameters of `thompson` out of range.
    #[error("the parameters cannot be used: {0}")]
    UnusableThompson(#[from] thompson::PolicyError),
}

fn sorted(policy: &impl Serialize) -> BTreeMap<String, Value> {
    // A struct of plain numbers always serialises.
    serde_json::to_value(policy).and_then(serde_json::from_value).unwrap_or_default()
}

/// 1,000,000 now, halved every half-life.
fn recency(hours: u32, half_life_hours: u32) -> u32 {
    let fresh = libm::exp2(-f64::from(hours) / f64::from(half_life_hours));
    (1e6 * fresh + 0.5).floor() as u32
}
