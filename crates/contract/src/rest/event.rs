//! One thing that happened to a task, as the stream tells it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The data of one server-sent event; its `id` is `seq`, its `event` is `type`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TaskEventView {
    /// The task.
    #[schema(format = Uuid)]
    pub task_id: String,
    /// 1, 2, 3... without a gap.
    pub seq: i64,
    /// `state`, `invited`, `outcome`, `scored` or `delivery`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The state it left.
    pub from: Option<String>,
    /// The state it entered.
    pub to: Option<String>,
    /// `buyer`, `gavel` or `operator`.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// More, per type.
    pub data: Value,
}
