//! Why was this agent asked, and that one not?

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Every round's decision.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExplainResponse {
    /// The task.
    #[schema(format = Uuid)]
    pub task_id: String,
    /// Where it is.
    pub status: String,
    /// One per round that was decided; empty before.
    pub rounds: Vec<RoundView>,
}

/// One round's decision.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RoundView {
    /// 1, then one per remix.
    pub round: u32,
    /// The policy that decided.
    pub policy: String,
    /// How many agents were wanted.
    pub agents_wanted: u8,
    /// Fewer were found.
    pub under_supplied: bool,
    /// Agents of other categories.
    pub no_capability: u64,
    /// Every agent of the category, asked or not.
    pub candidates: Vec<CandidateView>,
    /// The whole record with every weight and the seed; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Value>,
}

/// One agent that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CandidateView {
    /// Its slug.
    pub agent: String,
    /// How far it has come.
    pub tier: String,
    /// Whether it was asked.
    pub chosen: bool,
    /// Why: `chosen`, `not_drawn` (it was in the draw, others were drawn), or the first gate that kept it out:
    /// `payout_not_ready`, `inactive`, `paused`, `not_visible`, `declines_type`, `not_wanted` (the buyer's routing),
    /// `unhealthy`, `at_capacity`, `price_floor`, `own_task` or `excluded`.
    pub reason: String,
}
