//! How good an agent looks, and how much that weighs in the draw. Parts per million and thousandths throughout.

use crate::Policy;
use gavel_domain::agent::ROLLING_WINDOW;
use serde::{Deserialize, Serialize};

/// What an agent has shown so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The judged scores in the category, oldest first, in parts per million; the last 50 count.
    pub scores: Vec<u32>,
    /// The scores of its benchmark in the category, in parts per million.
    pub benchmark: Vec<u32>,
    /// Seconds since its latest valid prototype (or its activation).
    pub idle_seconds: u64,
    /// Dispatches that count as real tasks.
    pub real_tasks: u32,
    /// Of the last dispatches that count, those that succeeded.
    pub succeeded: u32,
    /// The last dispatches that count (at most 50).
    pub counted: u32,
    /// Whether it declares itself a specialist for the task's type.
    pub specialist: bool,
    /// Boosted dispatches of its payout account in the last 30 days.
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
    #[serde(default = "whole")]
    pub health_milli: u32,
    /// The weight; at least 1.
    pub weight: u32,
}

/// What an agent weighs. Never depends on who else is there.
pub fn weigh(standing: &Standing, policy: &Policy) -> Weighed {
    let terms = terms(standing, policy);
    let composite = composite(terms, policy);
    let reliability_milli = reliability(standing, policy);
    let reliability_factor_milli = reliability_milli * reliability_milli / 1000;
    let boosted = is_newcomer(standing, policy) && standing.account_boosted < policy.account_boosts_max;
    let boost = if boosted { policy.newcomer_boost } else { 1 };
    let specialist_milli = if standing.specialist { policy.specialist_milli } else { 1000 };
    let product = [boost, specialist_milli, reliability_factor_milli]
        .into_iter()
        .fold(u64::from(composite), |product, factor| product.saturating_mul(u64::from(factor)));
    let beta_milli = if standing.beta { policy.beta_milli } else { 1000 };
    let weight = (product / 1_000_000).saturating_mul(u64::from(beta_milli)) / 1000;
    Weighed {
        terms,
        composite,
        reliability_milli,
        reliability_factor_milli,
        boost,
        specialist_milli,
        beta_milli,
        health_milli: whole(),
        weight: u32::try_from(weight.max(1)).unwrap_or(u32::MAX),
    }
}

impl Weighed {
    /// The same after so many failed health probes in a row: it is asked less, but never so seldom that nobody would
    /// notice that it works again.
    pub fn after_failed_probes(self, fails: u32, policy: &Policy) -> Weighed {
        let health_milli = health(fails, policy);
        let weight = (u64::from(self.weight) * u64::from(health_milli)).div_ceil(1000);
        Weighed { health_milli, weight: u32::try_from(weight.max(1)).unwrap_or(u32::MAX), ..self }
    }
}

fn health(fails: u32, policy: &Policy) -> u32 {
    let mut milli = whole();
    for _ in 0..fails {
        milli = milli * policy.failed_probe_milli.min(whole()) / whole();
        if milli <= policy.trickle_milli {
            return policy.trickle_milli;
        }
    }
    milli
}

/// The factor that changes nothing; records of before there was one have it too.
const fn whole() -> u32 {
    1000
}

fn terms(standing: &Standing, policy: &Policy) -> Terms {
    let benchmark = mean_half_up(&standing.benchmark).unwrap_or(policy.benchmark_unknown_ppm);
    Terms {
        rolling: mean_half_up(last(&standing.scores, ROLLING_WINDOW)).unwrap_or(benchmark),
        benchmark,
        recency: recency(standing.idle_seconds, policy.recency_half_life_hours),
        floor: if is_newcomer(standing, policy) { 1_000_000 } else { 0 },
    }
}

fn last(scores: &[u32], window: usize) -> &[u32] {
    &scores[scores.len().saturating_sub(window)..]
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

fn composite(terms: Terms, policy: &Policy) -> u32 {
    let sum = u64::from(policy.rolling_percent) * u64::from(terms.rolling)
        + u64::from(policy.benchmark_percent) * u64::from(terms.benchmark)
        + u64::from(policy.recency_percent) * u64::from(terms.recency)
        + u64::from(policy.floor_percent) * u64::from(terms.floor);
    u32::try_from((sum + 50) / 100).unwrap_or(u32::MAX)
}

fn mean_half_up(scores: &[u32]) -> Option<u32> {
    let n = scores.len() as u64;
    let sum: u64 = scores.iter().map(|s| u64::from(*s)).sum();
    let mean = (2 * sum + n).checked_div(2 * n)?;
    u32::try_from(mean).ok()
}

fn recency(idle_seconds: u64, half_life_hours: u32) -> u32 {
    let whole_hours = (idle_seconds / 3600) as f64;
    let fresh = libm::exp2(-whole_hours / f64::from(half_life_hours));
    (1e6 * fresh + 0.5).floor() as u32
}
