//! What is stored of a decision: enough to repeat it to the byte.

use crate::content::ContentHash;
use crate::thompson::{CategoryState, Valued};
use crate::{Gate, Lane, Slots, TaskFacts, Tier, Weighed, candidate, words};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a decision is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The task.
    pub task: TaskFacts,
    /// When, in seconds since 1970.
    pub now: i64,
    /// What the draw is made with; text, because JSON numbers are too small.
    #[serde(with = "candidate::number")]
    pub seed: u64,
    /// How many agents the buyer (or a test) wants; by budget when absent.
    pub agents: Option<u8>,
    /// The challengers' share of the slots, in thousandths.
    pub experimentation_milli: u16,
    /// How many more are named for the case that too few answer.
    #[serde(default)]
    pub reserve_wanted: u8,
    /// How many agents there are that do not declare the category.
    pub no_capability: u64,
    /// What is known of the category as a whole, where it is decided by `thompson`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_state: Option<CategoryState>,
}

/// How the seats were given away; in documents the policy's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// By lanes and weights.
    #[serde(rename = "aitasker-v1")]
    Lanes,
    /// All alike: the task is one of the control group.
    #[serde(rename = "uniform")]
    Control,
    /// By what each may be worth.
    #[serde(rename = "thompson")]
    Values,
}

impl Method {
    /// The policy's name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Lanes => "aitasker-v1",
            Method::Control => "uniform",
            Method::Values => "thompson",
        }
    }
}

/// A decision with everything it was made from. Facts of candidates and parameters stand beside it, under their hashes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this document's shape.
    pub version: u32,
    /// The hash of the parameters.
    pub parameters: ContentHash,
    /// What was asked.
    #[serde(flatten)]
    pub question: Question,
    /// How the seats were given away.
    pub policy: Method,
    /// How many agents were wanted.
    pub agents_wanted: u8,
    /// Seats per lane.
    pub slots: Slots,
    /// Who is asked, in the order of the draw.
    pub chosen: Vec<Chosen>,
    /// Who is asked next, should too few answer; in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserve: Vec<Chosen>,
    /// How many candidates there were for each reason; together all of them.
    pub reasons: BTreeMap<Reason, u64>,
    /// Fewer were found than were wanted.
    pub under_supplied: bool,
    /// The facts of all candidates, in the order of their ids.
    pub candidates: Vec<ContentHash>,
}

impl Record {
    /// The shape that is written now.
    pub const VERSION: u32 = 2;

    /// Whether its candidates were looked at under this reason.
    pub fn has(&self, reason: Reason) -> bool {
        self.reasons.contains_key(&reason)
    }
}

/// An agent that is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Its id.
    pub agent: String,
    /// Its short name.
    pub slug: String,
    /// Its tier.
    #[serde(with = "words::tier")]
    pub tier: Tier,
    /// The lane of its seat.
    pub lane: Lane,
    /// Its key there: the lowest are drawn; by value, the value: the highest are asked.
    pub key: f64,
    /// What it weighed.
    pub weighed: Weighed,
    /// What asking it may be worth, where that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valued: Option<Valued>,
    /// Whether the newcomer's boost was in its weight.
    pub boosted: bool,
}

/// Why a candidate is asked or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is asked.
    Chosen,
    /// It is asked should too few answer.
    Reserve,
    /// It was in the draw; others were drawn.
    NotDrawn,
    /// A gate kept it out.
    #[serde(untagged)]
    Gated(Gate),
}
