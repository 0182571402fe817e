//! What would happen to a task if it were posted now.

use super::{HighestCost, LowestCost};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Who would be asked now, how long that may take and what it may cost. Nothing is stored.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PreviewResponse {
    /// How far this can be relied upon.
    pub note: String,
    /// The policy that would decide.
    pub policy: String,
    /// How many agents are wanted.
    pub agents_wanted: u8,
    /// Fewer would be found.
    pub under_supplied: bool,
    /// Who would be asked, in the order of the draw.
    pub would_ask: Vec<PreviewedAgent>,
    /// Who would be asked next, should too few answer.
    pub reserve: Vec<PreviewedAgent>,
    /// Agents of other categories.
    pub no_capability: u64,
    /// How many agents of the category there are for each reason: `chosen`, `reserve`, `not_drawn`, or the gate that
    /// keeps them out.
    pub reasons: BTreeMap<String, u64>,
    /// How long it may take.
    pub expected_time: ExpectedTime,
    /// The lowest price that an agent which would be asked works for.
    #[serde(flatten)]
    pub lowest_cost: Option<LowestCost>,
    /// The budget: no bid is above it.
    #[serde(flatten)]
    pub highest_cost: HighestCost,
}

/// An agent that would be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PreviewedAgent {
    /// Its slug.
    pub agent: String,
    /// How far it has come in the category.
    pub tier: String,
    /// The lane of its seat.
    pub lane: String,
}

/// How long prototypes may take, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExpectedTime {
    /// Until the first: the shortest of the agents' medians; null when none of them has a history.
    pub first_seconds: Option<f64>,
    /// Until all: the longest of them.
    pub all_seconds: Option<f64>,
    /// Agents of whom nothing is known yet.
    pub agents_without_history: usize,
    /// After this the phase ends whatever is missing.
    pub phase_limit_seconds: i64,
}
