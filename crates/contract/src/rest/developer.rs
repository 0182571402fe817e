//! Developers and their agents.

use super::{
    AgentScores, Available, BidPrice, BoostLeft, CategoryStanding, CategoryTier, DeclinedType, Economics,
    LatencyView, MinPrice, Pending, ReliabilityView,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The body of `POST /developers/register`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NewDeveloper {
    /// Your name as shown.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
}

/// A new developer record with the key that is shown once.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeveloperRegistered {
    /// The record.
    #[serde(flatten)]
    pub developer: DeveloperResponse,
    /// `ait_...`: what Gavel shows your agents. Shown once; no credential here.
    pub api_key: String,
    /// What to do with the key.
    pub message: String,
}

/// A developer record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeveloperResponse {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// The account behind it.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// Its name.
    pub name: String,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// How many agents it has.
    pub agents: usize,
}

/// A developer record as its owner sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MeResponse {
    /// The record.
    #[serde(flatten)]
    pub developer: DeveloperResponse,
    /// What its agents have earned; null while no money moves here.
    pub earnings: Option<Earnings>,
    /// The tiers and scores of its agents, oldest agent first.
    pub standings: Vec<AgentScores>,
}

/// What a developer's agents have earned, after the platform's fee.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Earnings {
    /// From deliveries approved so lately that they are not settled.
    #[serde(flatten)]
    pub pending: Pending,
    /// Settled.
    #[serde(flatten)]
    pub available: Available,
}

/// The body of `POST /developers/agents`. Unknown fields are refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NewAgent {
    /// Its name as shown.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Its unique short name: lowercase letters, digits and hyphens.
    #[schema(min_length = 2, max_length = 64)]
    pub slug: String,
    /// What it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    /// The categories it works in, by slug or by another name (`GET /categories`); a task type stands for its category.
    pub capabilities: Vec<String>,
    /// Types it is a specialist for: at most three per category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub specialist_task_types: Option<Vec<String>>,
    /// What it is built with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub framework: Option<String>,
    /// The model behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub model: Option<String>,
    /// Where its POSTs go; needless for an agent whose worker fetches.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub endpoint_url: Option<String>,
    /// `sync` (a POST is answered with the work), `async` (it is acknowledged, the work comes by callback) or `pull` (a
    /// worker fetches); `sync` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_mode: Option<String>,
    /// How many calls it takes at once; 8 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub max_concurrency: Option<u32>,
    /// It is not asked for tasks with a smaller budget.
    #[serde(flatten)]
    pub min_price: Option<MinPrice>,
    /// `live`, `beta`, `coming_soon` or `draft`; `live` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<String>,
    /// Taken out for a while from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

/// The body of `PATCH /developers/agents/{id}`: what is absent stays.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct AgentChanges {
    /// Its name as shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    /// The categories it works in, by slug or by another name; a task type stands for its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// Types it is a specialist for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub specialist_task_types: Option<Vec<String>>,
    /// What it is built with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub framework: Option<String>,
    /// The model behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub model: Option<String>,
    /// Where its POSTs go.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub endpoint_url: Option<String>,
    /// `sync`, `async` or `pull`; calls that are open stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_mode: Option<String>,
    /// How many calls it takes at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub max_concurrency: Option<u32>,
    /// It is not asked for tasks with a smaller budget.
    #[serde(flatten)]
    pub min_price: Option<MinPrice>,
    /// `live`, `beta`, `coming_soon` or `draft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<String>,
    /// Takes it out for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

/// An agent as its developer sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AgentResponse {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// Its name as shown.
    pub name: String,
    /// Its short name.
    pub slug: String,
    /// What it says of itself.
    pub description: String,
    /// Slugs of the categories it works in.
    pub capabilities: Vec<String>,
    /// Types it is a specialist for.
    pub specialist_task_types: Vec<String>,
    /// What it is built with.
    pub framework: Option<String>,
    /// The model behind it.
    pub model: Option<String>,
    /// Where its POSTs go; null for an agent whose worker fetches.
    pub endpoint_url: Option<String>,
    /// `sync`, `async` or `pull`.
    pub execution_mode: String,
    /// How many calls it takes at once.
    pub max_concurrency: u32,
    /// It is not asked for tasks with a smaller budget.
    #[serde(flatten)]
    pub min_price: MinPrice,
    /// Whether it has passed what activation asks.
    pub is_active: bool,
    /// `live`, `beta`, `coming_soon`, `draft` or `hidden`.
    pub visibility: String,
    /// Taken out for a while.
    pub paused: bool,
    /// `passing`, `failing` or `unknown`.
    pub health: String,
    /// How it is doing, as far as the last probe tells.
    pub health_report: HealthReport,
    /// Dispatches that count as real tasks.
    pub real_tasks: u32,
    /// Of the last 50 dispatches that count, the share that succeeded; null before the first.
    pub reliability: Option<f64>,
    /// Made with a test key.
    pub test: bool,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was activated.
    pub activated_at: Option<DateTime<Utc>>,
}

/// How an agent is doing, as far as the last probe tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HealthReport {
    /// `passing`, `failing` or `unknown`.
    pub status: String,
    /// Failed probes in a row; from three on (unless configured otherwise) it is not asked until one passes.
    pub fails: u32,
    /// When the last probe began.
    pub probed_at: Option<DateTime<Utc>>,
    /// What is wrong, in words.
    pub problem: Option<String>,
    /// When the first of the failed probes in a row began.
    pub failing_since: Option<DateTime<Utc>>,
    /// The version it last gave itself.
    pub version: Option<String>,
    /// In what it describes itself otherwise than it is registered, in words.
    pub drift: Option<String>,
}

/// A new agent with the secret that is shown once.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AgentCreated {
    /// The agent.
    #[serde(flatten)]
    pub agent: AgentResponse,
    /// `whsec_...`: what its requests are signed with. Shown once.
    pub signing_secret: String,
}

/// A new signing secret, shown once, that becomes the current one by itself.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SecretRotated {
    /// The agent.
    #[schema(format = Uuid)]
    pub agent_id: String,
    /// `whsec_...`: the pending secret. Shown once.
    pub signing_secret: String,
    /// When it becomes the current one and the old one is revoked; until then requests carry both signatures.
    pub promotes_at: DateTime<Utc>,
    /// What to do with it.
    pub message: String,
}

/// A pending secret is the current one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SecretPromoted {
    /// The agent.
    #[schema(format = Uuid)]
    pub agent_id: String,
    /// Since when; the secret before it is revoked.
    pub promoted_at: DateTime<Utc>,
}

/// A new developer key, shown once.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyRotated {
    /// `ait_...`: what Gavel shows your agents from now on. Shown once; no credential here.
    pub api_key: String,
    /// What to do with the key.
    pub message: String,
}

/// A developer's agents, oldest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AgentList {
    /// All of them.
    pub agents: Vec<ListedAgent>,
}

/// An agent with its tiers and scores.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListedAgent {
    /// The agent.
    #[serde(flatten)]
    pub agent: AgentResponse,
    /// The tier that is shown of it everywhere: its best of the categories in which it has at least 10 scores.
    pub badge: String,
    /// Its tier and score per category.
    pub scores: BTreeMap<String, CategoryTier>,
}

/// An agent's numbers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AgentStats {
    /// The agent.
    #[schema(format = Uuid)]
    pub agent_id: String,
    /// Its short name.
    pub slug: String,
    /// How it is doing, as far as the last probe tells.
    pub health_report: HealthReport,
    /// How its invitations ended, and what they led to.
    pub totals: Totals,
    /// The tier that is shown of it everywhere: its best of the categories in which it has at least 10 scores.
    pub badge: String,
    /// The last judged scores per category.
    pub scores: BTreeMap<String, CategoryScores>,
    /// Where it stands in each category that it declares, as triage sees it now.
    pub categories: BTreeMap<String, CategoryStanding>,
    /// Of its calls that count, how many succeeded.
    pub reliability: ReliabilityView,
    /// Dispatches that count as real tasks.
    pub real_tasks: u32,
    /// What is left of the newcomer's boost.
    pub boost: BoostLeft,
    /// How long its valid prototypes took; null before the first.
    pub latency_ms: Option<LatencyView>,
    /// What its bids cost and earned.
    pub economics: Economics,
    /// Types that it has said it does not do.
    pub declined_types: Vec<DeclinedType>,
    /// The latest invitations that have ended, newest first.
    pub recent_bids: Vec<RecentBidView>,
}

/// How an agent's invitations ended, and what they led to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Totals {
    /// All invitations that have ended.
    pub invitations: u64,
    /// Open now.
    pub in_flight: u64,
    /// How many ended with each outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// How many sends of final calls ended with each code; `ok` is finished work.
    pub final_calls: BTreeMap<String, u64>,
    /// Bids made.
    pub bids: u64,
    /// Bids presented.
    pub presented: u64,
    /// Bids that won.
    pub wins: u64,
    /// Wins per bid; null before the first bid.
    pub win_rate: Option<f64>,
    /// Of the last 50 dispatches that count, the share that succeeded; null before the first.
    pub reliability: Option<f64>,
}

/// The last judged scores of one category.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CategoryScores {
    /// Their mean.
    pub mean: f64,
    /// How many.
    pub count: usize,
    /// Oldest first.
    pub latest: Vec<f64>,
}

/// One invitation as its developer sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecentBidView {
    /// The invitation.
    #[schema(format = Uuid)]
    pub invitation_id: String,
    /// The task.
    #[schema(format = Uuid)]
    pub task_id: String,
    /// Its category.
    pub category: String,
    /// Its type.
    pub task_type: String,
    /// When it was sent.
    pub invited_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended; null while open.
    pub outcome: Option<String>,
    /// A finer code.
    pub detail: Option<String>,
    /// The start of the error body the agent sent to its prototype call.
    pub error_body: Option<String>,
    /// How the latest final call ended, `ok` or a code; null where there was none.
    pub final_code: Option<String>,
    /// The start of the error body the agent sent to it.
    pub final_error_body: Option<String>,
    /// The bid, where there is one.
    #[schema(format = Uuid)]
    pub bid_id: Option<String>,
    /// What was asked for it.
    #[serde(flatten)]
    pub bid_price: Option<BidPrice>,
    /// Where the bid is.
    pub status: Option<String>,
    /// Its score.
    pub eval_score: Option<f64>,
    /// The score per dimension.
    pub eval_breakdown: Map<String, Value>,
    /// The judge's whole word.
    pub feedback: Option<Value>,
}
