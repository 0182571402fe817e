//! How many agents are asked, and how many of them from which lane.

use crate::Policy;
use serde::{Deserialize, Serialize};

/// Seats per lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// For Top Performers first.
    pub fast: u8,
    /// For Rising Stars and Top Performers first.
    pub mixed: u8,
    /// For challengers first.
    pub challenger: u8,
}

/// How many agents a budget buys, unless a number is wished for.
pub fn agents_wanted(budget_minor: i64, wished: Option<u8>, policy: &Policy) -> u8 {
    let bought = budget_minor.max(0) / i64::from(policy.budget_per_agent);
    let by_budget = i64::from(policy.agents_min).saturating_add(bought);
    let wanted = wished.map_or(by_budget, i64::from);
    let within = wanted.clamp(i64::from(policy.agents_min), i64::from(policy.agents_max));
    u8::try_from(within).unwrap_or(policy.agents_max)
}

/// Divides `k` seats. With any experimentation at all, challengers get at least one; their share is rounded down,
/// because a seat more for them costs more than a seat less. The mixed lane's share of the rest is rounded half up.
pub fn slots(k: u8, experimentation_milli: u16, policy: &Policy) -> Slots {
    let share = u32::from(k) * u32::from(experimentation_milli) / 1000;
    let least = u32::from(experimentation_milli > 0);
    let challenger = u8::try_from(share.max(least)).unwrap_or(k).min(k);
    let rest = k - challenger;
    let mixed = (u32::from(policy.mixed_milli) * u32::from(rest) + 500) / 1000;
    let mixed = u8::try_from(mixed).unwrap_or(rest).min(rest);
    Slots { fast: k - challenger - mixed, mixed, challenger }
}
