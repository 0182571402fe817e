//! Why was this agent asked, and that one not?

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
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

/// One round's decision, as far as the caller may see it: a developer sees its own agents alone.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RoundView {
    /// 1, then one per remix.
    pub round: u32,
    /// The policy that decided; `uniform`: the task is one of the control group, where all weigh the same.
    pub policy: String,
    /// What the draw was made with; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// How many agents were wanted.
    pub agents_wanted: u8,
    /// Fewer were found.
    pub under_supplied: bool,
    /// Agents of other categories.
    pub no_capability: u64,
    /// The seats by lane, and who had them; empty for decisions of before lanes were kept.
    pub lanes: Vec<LaneView>,
    /// How many candidates there were for each reason; together `candidates_total`.
    pub reasons: BTreeMap<String, u64>,
    /// How many candidates there were.
    pub candidates_total: u64,
    /// Every candidate, those that were asked first; 1000 of them at most.
    pub candidates: Vec<CandidateView>,
    /// The whole record as it is stored; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub record: Option<Value>,
}

/// The seats of one lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LaneView {
    /// `fast`, `mixed`, `challenger`; or `control`, where all weigh the same.
    pub lane: String,
    /// How many seats it has.
    pub seats: u8,
    /// Who was drawn there, in the order of the draw; a developer sees its own agents alone.
    pub drawn: Vec<String>,
}

/// One agent that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CandidateView {
    /// Its slug.
    pub agent: String,
    /// How far it has come.
    pub tier: String,
    /// Whether it was asked.
    pub chosen: bool,
    /// Why: `chosen`, `reserve` (named for the case that too few answer), `not_drawn` (it was in the draw, others were
    /// drawn), or the first gate that kept it out: `payout_not_ready`, `inactive`, `paused`, `not_visible`,
    /// `declines_type`, `not_wanted` (the buyer's routing), `unhealthy`, `at_capacity`, `price_floor`, `own_task` or
    /// `excluded`.
    pub reason: String,
    /// The same in a sentence; empty for decisions of before what they were made from was kept.
    pub because: String,
    /// What it weighed, and where it was drawn: for its developer and for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<CandidateDetail>,
}

/// How a candidate fared in the draw.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CandidateDetail {
    /// The agent.
    #[schema(format = Uuid)]
    pub agent_id: String,
    /// Everything that led to the reason, sentence by sentence.
    pub words: Vec<String>,
    /// The terms of its composite (parts per million), every factor (thousandths), and the weight that came of them;
    /// null when a gate kept it out.
    #[schema(value_type = Option<Object>)]
    pub weighed: Option<Value>,
    /// The lane of its seat, or the one that takes its tier first; null when a gate kept it out.
    pub lane: Option<String>,
    /// Its key there: the lowest are drawn.
    pub key: Option<f64>,
    /// The payout account it belongs to; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout_account: Option<String>,
}
