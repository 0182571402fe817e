//! How good an agent looks, and how much that weighs in the draw. Parts per million and thousandths throughout.

use crate::{Policy, Rulebook};
use serde::{Deserialize, Serialize};

/// What an agent has shown so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// The mean of its last judged scores in the category, in parts per million; absent while there are none.
    pub rolling: Option<u32>,
    /// The mean of its benchmark's scores, in parts per million; absent without a benchmark.
    pub benchmark: Option<u32>,
    /// When its latest valid prototype came in, or else it was activated: seconds since 1970.
    pub last_active_at: i64,
    /// Dispatches that count as real tasks.
    pub real_tasks: u32,
    /// Of the last dispatches that count, those that succeeded.
    pub succeeded: u32,
    /// The last dispatches that count (at most 50).
    pub counted: u32,
    /// Boosted dispatches of its payout account in the last 30 days. Whoever keeps agents ready may leave it at 0 while the
    /// account has boosts left: until then the number changes nothing.
    pub account_boosted: u32,
    /// Whether it is in `beta`.
    pub beta: bool,
}

/// The terms of the composite, in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Mean of the last judged scores; the benchmark while there are none.
    pub rolling: u32,
    /// Mean of the benchmark scores.
    pub benchmark: u32,
    /// 1,000,000 now, halved every half-life.
    pub recency: u32,
    /// 1,000,000 for a newcomer, else 0.
    pub floor: u32,
}

/// What an agent weighs in the draw, and how that came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weighed {
    /// The terms of the composite.
    pub terms: Terms,
    /// The weighted mean of the terms, in parts per million.
    pub composite: u32,
    /// Smoothed share of dispatches that succeeded, in thousandths.
    pub reliability_milli: u32,
    /// Its square: what the weight is multiplied with, in thousandths.
    pub reliability_factor_milli: u32,
    /// The newcomer's boost, or 1.
    pub boost: u32,
    /// The specialist's factor, in thousandths.
    pub specialist_milli: u32,
    /// The factor of `beta` agents, in thousandths.
    pub beta_milli: u32,
    /// The factor of agents whose last health probes failed, in thousandths; 1000 for all others.
    pub health_milli: u32,
    /// The weight; at least 1.
    pub weight: u32,
}

/// The moment and the task an agent is weighed for.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    /// Seconds since 1970.
    pub now: i64,
    /// Whether it is a specialist for the task's type.
    pub specialist: bool,
    /// Failed health probes in a row: it is asked less, but never so seldom that nobody would notice that it works
    /// again.
    pub health_fails: u32,
}

/// What an agent weighs. Never depends on who else is there.
pub fn weigh(standing: &Standing, occasion: Occasion, rules: &Rulebook) -> Weighed {
    let policy = rules.policy();
    let terms = Terms {
        recency: rules.recency(occasion.now.saturating_sub(standing.last_active_at)),
        ..steady(standing, policy)
    };
    let composite = composite(terms, policy);
    let reliability_milli = reliability(standing, policy);
    let reliability_factor_milli = reliability_milli * reliability_milli / 1000;
    let boost = boost(standing, policy);
    let specialist_milli = if occasion.specialist { policy.specialist_milli } else { WHOLE };
    let beta_milli = if standing.beta { policy.beta_milli } else { WHOLE };
    let health_milli = health(occasion.health_fails, policy);
    let drawn = product(composite, [boost, specialist_milli, reliability_factor_milli]);
    let shown = u64::from(drawn.max(1)) * u64::from(beta_milli) / 1000;
    let weight = (shown.max(1) * u64::from(health_milli)).div_ceil(1000);
    Weighed {
        terms,
        composite,
        reliability_milli,
        reliability_factor_milli,
        boost,
        specialist_milli,
        beta_milli,
        health_milli,
        weight: u32::try_from(weight.max(1)).unwrap_or(u32::MAX),
    }
}

/// What of an agent's weight changes only with the agent: the rest is its recency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steady {
    /// The composite's terms but recency, with their weights: hundredths of parts per million.
    terms: u64,
    /// Boost and reliability, in thousandths.
    factor: u64,
}

impl Steady {
    pub(crate) fn of(standing: &Standing, policy: &Policy) -> Steady {
        let reliability = reliability(standing, policy);
        Steady {
            terms: weighted(Terms { recency: 0, ..steady(standing, policy) }, policy),
            factor: u64::from(boost(standing, policy)) * u64::from(reliability * reliability / 1000),
        }
    }

    /// The weight of an agent that is no specialist, not in beta and well: as [`weigh`] has it.
    pub(crate) fn weight(self, recency: u32, policy: &Policy) -> u32 {
        let composite = (self.terms + u64::from(policy.recency_percent) * u64::from(recency) + 50) / 100;
        let weight = composite.min(1_000_000) * self.factor / 1000;
        u32::try_from(weight.max(1)).unwrap_or(u32::MAX)
    }
}

/// The factor that changes nothing.
const WHOLE: u32 = 1000;

fn product(composite: u32, factors: [u32; 3]) -> u32 {
    let all =
        factors.into_iter().fold(u64::from(composite), |all, factor| all.saturating_mul(u64::from(factor)));
    u32::try_from(all / 1_000_000).unwrap_or(u32::MAX)
}

fn health(fails: u32, policy: &Policy) -> u32 {
    if policy.failed_probe_milli >= WHOLE {
        return WHOLE;
    }
    let mut milli = WHOLE;
    for _ in 0..fails {
        milli = milli * policy.failed_probe_milli.min(WHOLE) / WHOLE;
        if milli <= policy.trickle_milli {
            return policy.trickle_milli;
        }
    }
    milli
}

fn boost(standing: &Standing, policy: &Policy) -> u32 {
    let boosted = is_newcomer(standing, policy) && standing.account_boosted < policy.account_boosts_max;
    if boosted { policy.newcomer_boost } else { 1 }
}

/// The terms without recency.
fn steady(standing: &Standing, policy: &Policy) -> Terms {
    let benchmark = standing.benchmark.unwrap_or(policy.benchmark_unknown_ppm);
    Terms {
        rolling: standing.rolling.unwrap_or(benchmark),
        benchmark,
        recency: 0,
        floor: if is_newcomer(standing, policy) { 1_000_000 } else { 0 },
    }
}

fn is_newcomer(standing: &Standing, policy: &Policy) -> bool {
    standing.real_tasks < policy.newcomer_tasks
}

/// The share of successes, pulled towards the prior while there is little to go by.
fn reliability(standing: &Standing, policy: &Policy) -> u32 {
    let [prior_milli, prior, counted] =
        [policy.reliability_prior_milli, policy.reliability_prior_dispatches, standing.counted]
            .map(u64::from);
    let succeeded = u64::from(standing.succeeded.min(standing.counted));
    let share = (1000 * succeeded + prior_milli * prior) / (counted + prior).max(1);
    u32::try_from(share.min(1000)).unwrap_or(1000)
}

fn weighted(terms: Terms, policy: &Policy) -> u64 {
    [
        (policy.rolling_percent, terms.rolling),
        (policy.benchmark_percent, terms.benchmark),
        (policy.recency_percent, terms.recency),
        (policy.floor_percent, terms.floor),
    ]
    .into_iter()
    .map(|(percent, term)| u64::from(percent) * u64::from(term))
    .sum()
}

fn composite(terms: Terms, policy: &Policy) -> u32 {
    u32::try_from((weighted(terms, policy) + 50) / 100).unwrap_or(1_000_000).min(1_000_000)
}
