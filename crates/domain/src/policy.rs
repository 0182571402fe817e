//! How long things may take and what happens then: plain settings, filled from configuration by the binary.

use crate::agent::ExecutionMode;
use crate::invitation::Mode;
use crate::{BasisPoints, Money};
use chrono::TimeDelta;
use std::collections::BTreeMap;

/// All timers of a task. Calls and the phase in seconds, the buyer's windows in minutes and up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timers {
    /// The prototyping phase.
    pub phase: TimeDelta,
    /// One prototype call.
    pub prototype_call: TimeDelta,
    /// One final call.
    pub final_call: TimeDelta,
    /// Prototype calls of categories that need longer.
    pub prototype_call_by_category: BTreeMap<String, TimeDelta>,
    /// Final calls of categories that need longer.
    pub final_call_by_category: BTreeMap<String, TimeDelta>,
    /// One call of an agent that answers by callback, from the brief to the result, in either mode.
    pub async_call: TimeDelta,
    /// How long such an agent may take to say that it has the brief.
    pub acknowledge: TimeDelta,
    /// How long a worker has a brief for itself without a heartbeat.
    pub pull_lease: TimeDelta,
    /// How long the buyer may look at the gallery.
    pub review_window: TimeDelta,
    /// How long the buyer may take to answer a delivery.
    pub answer_window: TimeDelta,
    /// What silence after a delivery means.
    pub on_silence: Silence,
    /// Revisions a buyer may ask for.
    pub revisions_max: u32,
}

/// What a buyer's silence after a delivery means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The delivery stands and is paid.
    Approve,
    /// The task expires and the money goes back.
    Expire,
}

/// What the phase lasts beyond the limit of the asynchronous agents in it: their last results are still judged.
const ASYNC_MARGIN: TimeDelta = TimeDelta::seconds(30);

impl Timers {
    /// The limit of one call. Whoever fetches has the time of whoever is called.
    pub fn call_limit(&self, execution: ExecutionMode, mode: Mode, category: &str) -> TimeDelta {
        if execution == ExecutionMode::Async {
            return self.async_call;
        }
        let (by_category, default) = match mode {
            Mode::Prototype => (&self.prototype_call_by_category, self.prototype_call),
            Mode::Final => (&self.final_call_by_category, self.final_call),
        };
        by_category.get(category).copied().unwrap_or(default)
    }

    /// How long the prototyping phase may last with these agents in it.
    pub fn phase_limit(&self, mut invited: impl Iterator<Item = ExecutionMode>) -> TimeDelta {
        match invited.any(|execution| execution == ExecutionMode::Async) {
            true => self.phase.max(self.async_call + ASYNC_MARGIN),
            false => self.phase,
        }
    }
}

/// Whether and how money moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoneyPolicy {
    /// Off, or the built-in ledger.
    pub mode: MoneyMode,
    /// The platform's share of the accepted price.
    pub fee: BasisPoints,
    /// How long a payout is pending before it is available.
    pub settlement: TimeDelta,
    /// The smallest budget.
    pub budget_min: Money,
    /// The largest budget.
    pub budget_max: Money,
}

/// Whether money moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyMode {
    /// No balance, payout or onboarding anywhere.
    Off,
    /// The built-in double-entry ledger.
    Ledger,
}
