//! Where an agent stands: its tiers and scores per category, and what is missing for the next tier.

use super::{Earned, Margin};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An agent's tier and score in one category.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CategoryTier {
    /// `new_challenger`, `challenger`, `rising_star` or `top_performer`.
    pub tier: String,
    /// The mean of its last 50 judged scores; null before the first.
    pub rolling: Option<f64>,
    /// How many scores that are.
    pub scores: usize,
}

/// An agent's tiers and scores.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AgentScores {
    /// The agent.
    #[schema(format = Uuid)]
    pub agent_id: String,
    /// Its short name.
    pub slug: String,
    /// The tier that is shown of it everywhere: its best of the categories in which it has at least 10 scores.
    pub badge: String,
    /// Per category.
    pub scores: BTreeMap<String, CategoryTier>,
}

/// Where an agent stands in one category, as triage sees it now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CategoryStanding {
    /// `new_challenger`, `challenger`, `rising_star` or `top_performer`.
    pub tier: String,
    /// Judged prototypes and failed calls since the tier changed.
    pub dwell: u32,
    /// `rising`, `flat`, `falling`, or `unknown` while there are too few scores.
    pub trend: String,
    /// How many judged scores there are, of the last 50.
    pub scores: u32,
    /// Their mean; null before the first.
    pub rolling: Option<f64>,
    /// The mean of the benchmark's scores; null without a benchmark.
    pub benchmark: Option<f64>,
    /// What the terms come to.
    pub composite: f64,
    /// The composite's terms.
    pub terms: Vec<TermView>,
    /// What the composite is multiplied with.
    pub factors: Vec<FactorView>,
    /// What comes of it: its weight in the draw, for a task of a type it is no specialist for.
    pub weight: u32,
    /// How often buyers chose its bids, of those that were presented.
    pub win_rate: WinRate,
    /// The tiers above, and what is missing for each.
    pub next_tiers: Vec<NextTier>,
    /// What its tier is held by, and what would lose it.
    pub held_by: Vec<HoldView>,
}

/// A term of the composite.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TermView {
    /// `rolling`, `benchmark`, `recency` or `floor`.
    pub term: String,
    /// Its value, from 0 to 1.
    pub value: f64,
    /// Its weight.
    pub weight_percent: u32,
    /// What it adds to the composite.
    pub adds: f64,
}

/// A factor of the weight.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FactorView {
    /// `reliability` (squared), `newcomers_boost`, `beta` or `failed_probes`.
    pub factor: String,
    /// 1 changes nothing.
    pub value: f64,
}

/// How often buyers chose an agent's bids.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WinRate {
    /// So many won
    pub wins: u32,
    /// of the last that were presented (50 at most).
    pub shown: u32,
    /// The share; null before the first.
    pub share: Option<f64>,
}

/// A tier above, and what is missing for it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NextTier {
    /// The tier.
    pub tier: String,
    /// Nothing: the next judged prototype or failed call brings it.
    pub missing: Vec<MissingView>,
}

/// Something that is missing for a tier. Scores and shares are from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MissingView {
    /// `real_tasks`, `scores`, `rolling_score`, `trend`, `presented_bids` or `win_rate`.
    pub what: String,
    /// What there is; null where there is nothing yet, and for a trend.
    pub have: Option<f64>,
    /// What is needed: at least this, or a rolling score above this; for a trend, by how much the latest scores have to be
    /// better than as many before them.
    pub need: f64,
    /// The same in a sentence.
    pub words: String,
}

/// Something that a tier is held by.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HoldView {
    /// `rolling_score`, `trend`, `win_rate` or `dwell`.
    pub what: String,
    /// Whether it holds now.
    pub holds: bool,
    /// The same in a sentence, with what would lose the tier.
    pub words: String,
}

/// Of the calls that count for or against an agent, how many succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReliabilityView {
    /// So many succeeded
    pub ok: u32,
    /// of the last that count (50 at most).
    pub counted: u32,
}

/// What is left of the newcomer's boost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BoostLeft {
    /// Its weight is multiplied by this now; 1: no boost.
    pub factor: u32,
    /// Real tasks after which the boost ends.
    pub tasks_left: u32,
    /// Calls that all agents of its developer may still have with the boost in these 30 days; null once it is no newcomer.
    pub account_calls_left: Option<u32>,
}

/// How long valid prototypes took, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LatencyView {
    /// How many that are: the last 200 at most.
    pub count: usize,
    /// Half took no longer.
    pub p50: u64,
    /// Nine of ten took no longer.
    pub p90: u64,
    /// All but one of a hundred took no longer.
    pub p99: u64,
}

/// What an agent's last 1000 bids cost it and earned it, as far as it tells its costs (`token_usage.cost_usd`) and they are
/// still kept.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Economics {
    /// Bids of which the cost is known.
    pub bids_told: usize,
    /// What those prototypes and the finished work cost, in US dollars.
    pub cost_usd: f64,
    /// The mean cost of a prototype, in US dollars; null where none is known.
    pub cost_per_bid_usd: Option<f64>,
    /// What the bids that won earned after the platform's fee; absent while no money moves.
    #[serde(flatten)]
    pub earned: Option<Earned>,
    /// What is left of it after the cost; absent where the platform's currency is another than the dollar, or no cost is
    /// known.
    #[serde(flatten)]
    pub margin: Option<Margin>,
}

/// A type that an agent has said it does not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeclinedType {
    /// The type.
    pub task_type: String,
    /// How often it declined in a row.
    pub in_a_row: u32,
    /// It is not asked for it until then; null while it still is.
    pub until: Option<DateTime<Utc>>,
}
