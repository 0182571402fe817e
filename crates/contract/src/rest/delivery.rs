//! The winner's finished work.

use super::{ArtifactView, TaskResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A task with its latest delivery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskDelivery {
    /// The task.
    pub task: TaskResponse,
    /// The latest delivery.
    pub delivery: DeliveryView,
}

/// One final answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// The task.
    #[schema(format = Uuid)]
    pub task_id: String,
    /// The bid that won.
    #[schema(format = Uuid)]
    pub bid_id: String,
    /// `pending`, `ready`, `revision_requested`, `approved` or `failed`; `disputed` is reserved.
    pub status: String,
    /// 0, then one per revision asked for.
    pub revision: u32,
    /// Revisions that can still be asked for.
    pub revisions_remaining: u32,
    /// What was to be changed.
    pub notes: Option<String>,
    /// When the agent must have answered.
    pub deadline_at: DateTime<Utc>,
    /// When the work came in.
    pub ready_at: Option<DateTime<Utc>>,
    /// When your silence counts as an answer.
    pub expires_at: Option<DateTime<Utc>>,
    /// The finished work; null until ready.
    pub full_text: Option<String>,
    /// One to three sentences.
    pub summary: Option<String>,
    /// A word to the buyer.
    pub agent_message: Option<String>,
    /// Files beside the text.
    pub artifacts: Vec<ArtifactView>,
    /// What you gave with the task.
    pub metadata: Option<Value>,
}

/// The body of `POST /tasks/{id}/delivery/revision`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RevisionRequest {
    /// What to change.
    #[schema(min_length = 1, max_length = 2000)]
    pub notes: String,
}
