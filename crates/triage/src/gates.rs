//! Who is not asked whatever the draw says. The first gate that fails is the reason that is stored.

use crate::{Candidate, Policy, Question, TaskFacts};
use serde::{Deserialize, Serialize};

/// Why an agent was not even in the draw; in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// It does not declare the category, or has not passed what the category asks for.
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

    /// Whether it keeps this candidate from this task.
    fn shuts(self, candidate: &Candidate, question: &Question, policy: &Policy) -> bool {
        let task = &question.task;
        match self {
            Gate::NoCapability => !candidate.capable,
            Gate::PayoutNotReady => task.money_on && !candidate.payout_ready,
            Gate::Inactive => !candidate.active,
            Gate::Paused => candidate.paused,
            Gate::NotVisible => !candidate.visible,
            Gate::DeclinesType => candidate.declines(&task.task_type, question.now),
            Gate::NotWanted => !is_wanted(candidate, task),
            Gate::Unhealthy => candidate.health_fails >= policy.health_fails_max,
            Gate::AtCapacity => candidate.in_flight >= candidate.max_concurrency,
            Gate::PriceFloor => candidate.min_price_minor > task.budget_minor,
            Gate::OwnTask => task.money_on && is_own(candidate, task),
            Gate::Excluded => task.exclude.contains(&candidate.agent),
        }
    }
}

/// The first gate that keeps a candidate out.
pub fn gate(candidate: &Candidate, question: &Question, policy: &Policy) -> Option<Gate> {
    Gate::ALL.into_iter().find(|gate| gate.shuts(candidate, question, policy))
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
