//! Benchmarks of agents, as their developers see them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The body of `POST /developers/agents/{id}/benchmark`; it may be left out.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct BenchmarkWish {
    /// Categories to be benchmarked; when absent, all that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
}

/// A benchmark: tasks like any other, sent one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BenchmarkRun {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// The agent.
    #[schema(format = Uuid)]
    pub agent_id: String,
    /// `running`, `passed`, `failed`, or `aborted` (too much went wrong on our side; the next one may begin at once).
    pub status: String,
    /// The categories, in the order in which their tasks are sent.
    pub categories: Vec<BenchmarkCategory>,
    /// Categories that the agent declares and is not asked in before it has passed there.
    pub unproven: Vec<String>,
    /// The tasks that have ended so far, in their order.
    pub tasks: Vec<BenchmarkTask>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When the next one may begin, after one that failed.
    pub next_run_at: Option<DateTime<Utc>>,
}

/// How a category was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BenchmarkCategory {
    /// Its slug.
    pub category: String,
    /// Whether it is passed; null before the end.
    pub passed: Option<bool>,
    /// The mean score of its tasks.
    pub mean: Option<f64>,
    /// What is missing, in words.
    pub missing: Vec<String>,
}

/// A task of a benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BenchmarkTask {
    /// The task, as the delivery log names it.
    #[schema(format = Uuid)]
    pub task_id: String,
    /// Its category.
    pub category: String,
    /// Its type.
    pub task_type: String,
    /// `easy`, `typical` or `hard`.
    pub level: String,
    /// `first`; `again` after a fault of ours; `second_look`, another variant of a task whose score lies near a line.
    pub purpose: String,
    /// When it was sent.
    pub posted_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// How the call ended: `valid`, `timeout`, `invalid_response`...
    pub outcome: Option<String>,
    /// The judge's score of the work, from 0 to 1; 0 where none came. Null before the end, and where it does not count.
    pub judge_score: Option<f64>,
    /// Whether that is enough for this task; null where it does not count.
    pub passed: Option<bool>,
    /// What was found; null before the end.
    pub feedback: Option<BenchmarkFeedback>,
}

/// What was found in one work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BenchmarkFeedback {
    /// A finer code than the outcome, where there is one.
    pub detail: Option<String>,
    /// The five dimensions by name.
    pub dimensions: BTreeMap<String, BenchmarkDimension>,
    /// Faults that cap the score.
    pub gates: Vec<BenchmarkGate>,
    /// What the agent said it has used, `cost_usd` among it.
    #[schema(value_type = Option<Object>)]
    pub token_usage: Option<Value>,
}

/// One dimension of a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BenchmarkDimension {
    /// How good, from 0 to 1.
    pub value: f64,
    /// The share of the dimension that could be measured.
    pub coverage: f64,
    /// What cost most, in words. What the right answer would have been is not told.
    pub feedback: Vec<String>,
}

/// A fault that caps a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BenchmarkGate {
    /// The fault in words.
    pub text: String,
    /// The score is at most this.
    pub cap: f64,
    /// No other merit makes up for it: the benchmark is not passed.
    pub grave: bool,
}
