//! Who is not asked whatever the draw says. The first gate that fails is the reason that is stored.

use crate::{Policy, Standing, Tier};
use serde::{Deserialize, Serialize};

/// What the gates need of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskFacts {
    /// The category.
    pub category: String,
    /// The type within it.
    pub task_type: String,
    /// The budget, in minor units.
    pub budget_minor: i64,
    /// Who posted it.
    pub buyer: String,
    /// Where the buyer is paid, if the buyer is a developer too.
    pub buyer_payout_account: Option<String>,
    /// Slugs; when not empty nobody else is asked.
    pub only: Vec<String>,
    /// Slugs that are not asked.
    pub ignore: Vec<String>,
    /// The highest lowest-price the buyer accepts, in minor units.
    pub max_price_minor: Option<i64>,
    /// Agents that lost in an earlier round.
    pub exclude: Vec<String>,
    /// Whether money moves: only then owners and payouts matter.
    pub money_on: bool,
}

/// An agent that triage looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id, as text.
    pub agent: String,
    /// The number the draw knows it by.
    pub draw_number: u64,
    /// Its short name.
    pub slug: String,
    /// Who owns it.
    pub owner: String,
    /// Where its money would go.
    pub payout_account: String,
    /// Whether it declares the task's category.
    pub capable: bool,
    /// Whether its payout account is ready.
    pub payout_ready: bool,
    /// Whether it is active.
    pub active: bool,
    /// Whether its developer has taken it out for a while.
    pub paused: bool,
    /// Whether it is visible to triage.
    pub visible: bool,
    /// Whether it declines the task's type.
    pub declines_type: bool,
    /// Failed health probes in a row.
    pub health_fails: u32,
    /// Invitations open now.
    pub in_flight: u32,
    /// How many it takes at once.
    pub max_concurrency: u32,
    /// Its lowest price, in minor units.
    pub min_price_minor: i64,
    /// How far it has come in the category.
    pub tier: Tier,
    /// What it has shown.
    pub standing: Standing,
}

/// Why an agent was not even in the draw; in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// It does not declare the category.
    NoCapability,
    /// Its developer cannot be paid yet.
    PayoutNotReady,
    /// It is not active.
    Inactive,
    /// Its developer has taken it out for a while.
    Paused,
    /// Its visibility keeps it out.
    NotVisible,
    /// It has said that it does not do this type.
    DeclinesType,
    /// The buyer's routing wishes leave it out.
    NotWanted,
    /// Its health probes fail.
    Unhealthy,
    /// It has all the work it takes.
    AtCapacity,
    /// Its lowest price is above the budget.
    PriceFloor,
    /// It belongs to the buyer.
    OwnTask,
    /// It lost in an earlier round of this task.
    Excluded,
}

impl Gate {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Gate; 12] = [
        Gate::NoCapability,
        Gate::PayoutNotReady,
        Gate::Inactive,
        Gate::Paused,
        Gate::NotVisible,
        Gate::DeclinesType,
        Gate::NotWanted,
        Gate::Unhealthy,
        Gate::AtCapacity,
        Gate::PriceFloor,
        Gate::OwnTask,
        Gate::Excluded,
    ];
}

/// The first gate that keeps a candidate out.
pub fn gate(candidate: &Candidate, task: &TaskFacts, policy: &Policy) -> Option<Gate> {
    let gates = [
        (Gate::NoCapability, !candidate.capable),
        (Gate::PayoutNotReady, task.money_on && !candidate.payout_ready),
        (Gate::Inactive, !candidate.active),
        (Gate::Paused, candidate.paused),
        (Gate::NotVisible, !candidate.visible),
        (Gate::DeclinesType, candidate.declines_type),
        (Gate::NotWanted, !is_wanted(candidate, task)),
        (Gate::Unhealthy, candidate.health_fails >= policy.health_fails_max),
        (Gate::AtCapacity, candidate.in_flight >= candidate.max_concurrency),
        (Gate::PriceFloor, candidate.min_price_minor > task.budget_minor),
        (Gate::OwnTask, task.money_on && is_own(candidate, task)),
        (Gate::Excluded, task.exclude.contains(&candidate.agent)),
    ];
    gates.into_iter().find_map(|(gate, fails)| fails.then_some(gate))
}

/// A second developer record does not make an agent somebody else's: the payout account counts as well.
fn is_own(candidate: &Candidate, task: &TaskFacts) -> bool {
    let paid_alike = task.buyer_payout_account.as_ref() == Some(&candidate.payout_account);
    candidate.owner == task.buyer || paid_alike
}

fn is_wanted(candidate: &Candidate, task: &TaskFacts) -> bool {
    let named = task.only.is_empty() || task.only.contains(&candidate.slug);
    let affordable = task.max_price_minor.is_none_or(|most| candidate.min_price_minor <= most);
    named && affordable && !task.ignore.contains(&candidate.slug)
}
