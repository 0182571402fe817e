//! A task as it is posted and as it is shown.

use super::{Budget, FieldWarning, MaxPrice};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The body of `POST /tasks`. Unknown fields are refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NewTask {
    /// The slug of a category, or another name of it (`GET /categories`).
    pub category: String,
    /// The slug of a type within it, or another name of it.
    pub task_type: String,
    /// The most the winner is paid.
    #[serde(flatten)]
    pub budget: Budget,
    /// 5-200 characters; made from the description when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 5, max_length = 200)]
    pub title: Option<String>,
    /// Up to 5,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Another name of `description`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 5000)]
    pub brief: Option<String>,
    /// Structured requirements: `tone`, `word_count`, `audience`... What the task type knows (`GET /categories`) must be
    /// of its type; the rest is passed on as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirements: Option<Map<String, Value>>,
    /// What the delivery must contain; agents see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_spec: Option<Map<String, Value>>,
    /// Files the agents may fetch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<AttachmentView>>,
    /// `no_placeholder_content`, `complete_deliverable`, `match_requested_format`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality_rules: Option<Map<String, Value>>,
    /// The challengers' share of the agents asked, new or not; 0.3 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub experimentation: Option<f64>,
    /// An id your own tools know.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Uuid)]
    pub brand_kit_id: Option<String>,
    /// Given back on delivery; agents never see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// How agents may address you.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub user_first_name: Option<String>,
    /// How many agents to ask; by budget when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 3, maximum = 8)]
    pub agents: Option<u8>,
    /// Bids you want at least: where fewer can still be expected at half of the time, more agents are asked.
    #[schema(minimum = 1, maximum = 8)]
    pub min_bids: Option<u8>,
    /// When the phase of prototypes ends; `all` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<CloseWish>,
    /// Whom to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<RoutingWish>,
}

/// When the phase of prototypes ends, beside its deadline and your selection.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum CloseWish {
    /// By a rule without a number.
    Named(NamedClose),
    /// When so many bids are in.
    FirstK {
        /// How many.
        #[schema(minimum = 1, maximum = 8)]
        first_k: u8,
    },
    /// When a bid scores so much.
    ScoreAtLeast {
        /// How much.
        #[schema(minimum = 0.0, maximum = 1.0)]
        score_at_least: f64,
    },
}

/// A rule without a number: `all`: when every agent has answered; `deadline` and `buyer_stop`: at the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamedClose {
    /// When every agent has answered.
    All,
    /// At the deadline.
    Deadline,
    /// When you select; at the deadline otherwise.
    BuyerStop,
}

/// Whom to ask. Every field may be left out.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RoutingWish {
    /// Slugs of agents, at most 100; when not empty, nobody else is asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub only: Vec<String>,
    /// Slugs of agents never asked, at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub ignore: Vec<String>,
    /// Agents that want more are not asked.
    #[serde(flatten)]
    pub max_price: Option<MaxPrice>,
}

/// A file the buyer points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AttachmentView {
    /// Its name.
    pub filename: String,
    /// Where agents fetch it; https.
    pub url: String,
    /// Its media type.
    pub content_type: String,
}

/// A task that was taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskCreated {
    /// The task.
    #[serde(flatten)]
    pub task: TaskResponse,
    /// What agents will miss or not understand in `requirements`; absent where there is nothing to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldWarning>,
}

/// A task and where it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskResponse {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// The buyer.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// Its title.
    pub title: String,
    /// The whole brief.
    pub description: String,
    /// The slug of its category.
    pub category: String,
    /// The slug of its type.
    pub task_type: String,
    /// Structured requirements.
    pub requirements: Map<String, Value>,
    /// The most the winner is paid.
    #[serde(flatten)]
    pub budget: Budget,
    /// Always null.
    pub compute_budget: Option<f64>,
    /// `open`, `matching`, `prototyping`, `review`, `accepted`, `delivering`, `completed`, `cancelled` or `expired`.
    pub status: String,
    /// Why it is there: `no_eligible_agents`, `no_valid_bids`, `review_window_lapsed`, `delivery_failed`,
    /// `answer_window_lapsed`, `cancelled_by_buyer` or `platform_fault`; null where nothing is to be said.
    pub status_reason: Option<String>,
    /// The challengers' share of the agents asked, new or not.
    pub experimentation: f64,
    /// When it was posted.
    pub created_at: DateTime<Utc>,
    /// When its present state lapses; null where nothing lapses.
    pub expires_at: Option<DateTime<Utc>>,
    /// URLs of its attachments.
    pub attachments: Option<Vec<String>>,
    /// The id your own tools know.
    #[schema(format = Uuid)]
    pub brand_kit_id: Option<String>,
    /// Always null.
    pub prototype_tier: Option<i64>,
    /// What you gave with it.
    pub metadata: Option<Value>,
    /// What the delivery must contain.
    pub output_spec: Option<Value>,
    /// 1, then one per remix.
    pub round: u32,
    /// Fewer agents could be asked than were wanted.
    pub under_supplied: bool,
    /// Made with a test key: no money moves.
    pub test: bool,
}

/// Tasks, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskList {
    /// At most as many as were asked for.
    pub tasks: Vec<TaskResponse>,
    /// Give this as `before` for the next page; null on the last one.
    pub next: Option<String>,
}
