//! What is stored of a decision: enough to repeat it, and a reason for every candidate.

use crate::{Gate, Lane, Slots, TaskFacts, Tier, Weighed};
use serde::{Deserialize, Serialize};

/// A decision with everything it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this document's shape.
    pub version: u32,
    /// The policy's name.
    pub policy: String,
    /// The hash of its parameters.
    pub parameters: String,
    /// What the draw was made with; text, because JSON numbers are too small.
    pub seed: String,
    /// The task as the gates saw it.
    pub task: TaskFacts,
    /// How many agents the buyer (or a test) asked for; absent when the budget decided.
    pub agents_asked_for: Option<u8>,
    /// How many agents were wanted.
    pub agents_wanted: u8,
    /// The challengers' share, in thousandths.
    pub experimentation_milli: u16,
    /// Seats per lane.
    pub slots: Slots,
    /// Who is asked, in the order of the draw.
    pub chosen: Vec<Chosen>,
    /// Every candidate with its reason, by id.
    pub candidates: Vec<CandidateRecord>,
    /// Agents of other categories.
    pub no_capability: u64,
    /// Fewer were found than were wanted.
    pub under_supplied: bool,
}

/// An agent that is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Its id.
    pub agent: String,
    /// The lane of its seat.
    pub lane: Lane,
    /// Its key there.
    pub key: f64,
    /// Whether the newcomer's boost was in its weight.
    pub boosted: bool,
}

/// One candidate, asked or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateRecord {
    /// Its id.
    pub agent: String,
    /// Its short name.
    pub slug: String,
    /// The number the draw knows it by, as text.
    pub draw_number: String,
    /// Where its money would go.
    pub payout_account: String,
    /// Its tier.
    pub tier: Tier,
    /// Why it is asked or not.
    pub reason: Reason,
    /// What it weighed; absent when a gate kept it out.
    pub weighed: Option<Weighed>,
}

/// Why a candidate is asked or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is asked.
    Chosen,
    /// It was in the draw; others were drawn.
    NotDrawn,
    /// A gate kept it out.
    #[serde(untagged)]
    Gated(Gate),
}
