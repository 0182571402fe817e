//! What operators see of all agents.

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Agents of all developers, by their short names.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AdminAgents {
    /// A page of them.
    pub agents: Vec<AdminAgent>,
    /// Where the next page begins (`after`); null on the last.
    pub next: Option<String>,
}

/// An agent as an operator sees it in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AdminAgent {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// Its short name.
    pub slug: String,
    /// The account of its developer.
    pub account: String,
    /// The developer's own name.
    pub developer: String,
    /// `live`, `beta`, `coming_soon`, `draft` or `hidden`.
    pub visibility: String,
    /// Paused by its developer.
    pub paused: bool,
    /// Whether it has passed what activation asks.
    pub is_active: bool,
    /// `passing`, `failing` or `unknown`.
    pub health: String,
    /// Its tier per category it has shown something in.
    pub tiers: BTreeMap<String, String>,
    /// Slugs of the categories it works in.
    pub capabilities: Vec<String>,
    /// Where its POSTs go; empty for an agent whose worker fetches.
    pub endpoint_url: String,
}

/// The body of `POST /admin/agents/{slug}/visibility`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VisibilityWish {
    /// `live`, `beta`, `coming_soon`, `draft` or `hidden`.
    pub visibility: String,
    /// Why: it is logged, and the developer of an agent that is hidden reads it.
    #[schema(min_length = 3, max_length = 500)]
    pub reason: String,
}

/// An agent's visibility was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VisibilitySet {
    /// The agent.
    pub slug: String,
    /// As it was.
    pub before: String,
    /// As it is.
    pub visibility: String,
}

/// Whether the ladder still tells the best agents from the others, per category.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TriageAlarms {
    /// The share of Top Performers that is expected, from
    pub share_low: f64,
    /// to.
    pub share_high: f64,
    /// With fewer agents that have enough scores nothing is said.
    pub agents_min: u32,
    /// Every category that agents declare.
    pub categories: Vec<CategoryAlarm>,
}

/// One category.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CategoryAlarm {
    /// Its slug.
    pub category: String,
    /// Agents that declare it.
    pub agents: u32,
    /// Of those that may be asked, how many have enough scores to be more than a Challenger.
    pub scored: u32,
    /// And are Top Performers.
    pub top_performers: u32,
    /// The share of Top Performers; null where nobody has enough scores.
    pub share: Option<f64>,
    /// `too_few_top_performers` or `too_many_top_performers`; null where all is well, or too few agents are scored.
    pub alarm: Option<String>,
    /// What to look at.
    pub advice: Option<String>,
}
