//! What a decision looks at: the task, and the agents that declare its category.

use crate::thompson::Evidence;
use crate::{Standing, Tier, words};
use serde::{Deserialize, Serialize};

/// What the gates need of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskFacts {
    /// The category.
    pub category: String,
    /// The type within it.
    pub task_type: String,
    /// The budget, in minor units.
    pub budget_minor: i64,
    /// Who posted it.
    pub buyer: String,
    /// Where the buyer is paid, if the buyer is a developer too.
    pub buyer_payout_account: Option<String>,
    /// Slugs; when not empty nobody else is asked.
    pub only: Vec<String>,
    /// Slugs that are not asked.
    pub ignore: Vec<String>,
    /// The highest lowest-price the buyer accepts, in minor units.
    pub max_price_minor: Option<i64>,
    /// Agents that lost in an earlier round.
    pub exclude: Vec<String>,
    /// Whether money moves: only then owners and payouts matter.
    pub money_on: bool,
}

/// An agent that triage looks at: all that a decision takes from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its id, as text.
    pub agent: String,
    /// The number the draw knows it by; text in documents, because JSON numbers are too small.
    #[serde(with = "number")]
    pub draw_number: u64,
    /// Its short name.
    pub slug: String,
    /// Who owns it.
    pub owner: String,
    /// Where its money would go.
    pub payout_account: String,
    /// Whether it may be asked in the category: it declares it, and has passed what that asks for.
    pub capable: bool,
    /// Whether its payout account is ready.
    pub payout_ready: bool,
    /// Whether it is active.
    pub active: bool,
    /// Whether its developer has taken it out for a while.
    pub paused: bool,
    /// Whether it is visible to triage.
    pub visible: bool,
    /// Types that it has said it does not do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declined: Vec<Declined>,
    /// Types that it is a specialist for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub specialist_types: Vec<String>,
    /// Failed health probes in a row.
    pub health_fails: u32,
    /// Invitations open now.
    pub in_flight: u32,
    /// How many it takes at once.
    pub max_concurrency: u32,
    /// Its lowest price, in minor units.
    pub min_price_minor: i64,
    /// How far it has come in the category.
    #[serde(with = "words::tier")]
    pub tier: Tier,
    /// What it has shown.
    pub standing: Standing,
    /// What its results say of its quality, where the category is decided by `thompson`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// A type that an agent is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// The type.
    pub task_type: String,
    /// Until then, in seconds since 1970: afterwards it is asked once more.
    pub until: i64,
}

impl Candidate {
    /// Whether it does not do a type now.
    pub fn declines(&self, task_type: &str, now: i64) -> bool {
        self.declined.iter().any(|declined| declined.task_type == task_type && now < declined.until)
    }

    /// Whether it is a specialist for a type.
    pub fn is_specialist(&self, task_type: &str) -> bool {
        self.specialist_types.iter().any(|own| own == task_type)
    }
}

/// 64 bits as text.
pub(crate) mod number {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
