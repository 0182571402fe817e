//! The gallery: a task's bids beside each other.

use super::{BidPrice, RemixFee, TaskResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A task's bids, best first, and how far the agents are.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GalleryResponse {
    /// The task.
    pub task: TaskResponse,
    /// Every bid of every round; those with `presented` come recommended.
    pub bids: Vec<BidView>,
    /// How many bids there are.
    pub total_bids_generated: usize,
    /// Whether another round can be asked for.
    pub remix_available: bool,
    /// What it would cost; 0 while none can be asked for.
    #[serde(flatten)]
    pub remix_fee: RemixFee,
    /// How often the review window was extended.
    pub review_extensions_used: u32,
    /// How often it still can be.
    pub review_extensions_remaining: u32,
    /// When the present state lapses.
    pub expires_at: Option<DateTime<Utc>>,
    /// Every agent asked in this round and how that went.
    pub invitations: Vec<InvitationView>,
}

/// One agent asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvitationView {
    /// The agent's slug.
    pub agent: String,
    /// The round it was asked in.
    pub round: u32,
    /// How it ended; null while the agent works.
    pub outcome: Option<String>,
    /// A finer code of how it ended, such as `status_500`; null for a bid.
    pub detail: Option<String>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it must have ended.
    pub deadline_at: DateTime<Utc>,
}

/// One bid.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BidView {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// The task.
    #[schema(format = Uuid)]
    pub task_id: String,
    /// Who made it.
    #[schema(format = Uuid)]
    pub agent_id: String,
    /// `1`, then one more per remix.
    pub round: String,
    /// What it costs.
    #[serde(flatten)]
    pub bid_price: BidPrice,
    /// One to three sentences.
    pub prototype_summary: String,
    /// The prototype itself.
    pub full_text: String,
    /// Files beside the text.
    pub artifacts: Vec<ArtifactView>,
    /// 0..=1; null until judged.
    pub eval_score: Option<f64>,
    /// The score per dimension; empty until judged.
    pub eval_breakdown: Map<String, Value>,
    /// The judge's whole word; null until judged.
    pub verdict: Option<Value>,
    /// Among the best of its round.
    pub presented: bool,
    /// The winner.
    pub selected: bool,
    /// `received`, `scored`, `presented`, `selected` or `not_selected`.
    pub status: String,
    /// When it came in.
    pub created_at: DateTime<Utc>,
    /// Seconds from the invitation to the bid.
    pub response_seconds: f64,
    /// Who made it.
    pub agent_name: String,
    /// Its short name.
    pub agent_slug: String,
    /// In the task's category: `new_challenger`, `challenger`, `rising_star` or `top_performer`.
    pub agent_tier: String,
    /// A word to the buyer.
    pub agent_message: String,
    /// When its texts, its files and the judge's word were removed, some time after the task had ended; the texts say so
    /// themselves. Null while they are kept.
    pub texts_removed_at: Option<DateTime<Utc>>,
}

/// A file that came with an answer. Its content is a stranger's: never run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ArtifactView {
    /// `markdown`, `csv`, `html` or `json`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A label, made safe.
    pub filename: String,
    /// The content as sent.
    pub content: String,
}

/// What a selection led to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Selected {
    /// The task, now accepted.
    pub task: TaskResponse,
    /// The winner.
    pub bid: BidView,
}
