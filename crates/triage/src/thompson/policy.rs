//! Every number the policy `thompson` depends on, with the values it ships with.

use serde::{Deserialize, Serialize};

/// The parameters of `thompson`. Scores, prices and shares are between 0 and 1: prices are shares of the budget.
/// How many agents are asked, and the weights behind the last seat, are the parameters of `aitasker-v1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What each new result leaves of those before it.
    pub kept_share: f64,
    /// Variance of a score around its agent's mean, before it has been estimated.
    pub noise_variance: f64,
    /// The least the estimate of that variance may be: a judge that never differs is a mistake.
    pub noise_variance_min: f64,
    /// The most it may be.
    pub noise_variance_max: f64,
    /// What each score moves the estimate of the variance.
    pub noise_moved_share: f64,
    /// Results an agent must have before its scores are used to estimate the variance.
    pub noise_known_results: u32,
    /// Variance of an agent's quality from type to type within a category.
    pub type_variance: f64,
    /// How many results the benchmark counts for.
    pub benchmark_results: f64,
    /// How many results the category's mean counts for.
    pub mean_results: f64,
    /// The category's mean before anybody was judged.
    pub mean_score: f64,
    /// What each newcomer's score moves the category's mean.
    pub mean_moved_share: f64,
    /// Up to how many results an agent is a newcomer to the category, whose scores move its mean.
    pub newcomer_results: u32,
    /// What being a specialist for the type adds.
    pub specialist_score: f64,
    /// What a price of the whole budget takes.
    pub price_score: f64,
    /// What the longest wait takes.
    pub waiting_score: f64,
    /// Seconds that cost nothing.
    pub waiting_free_seconds: f64,
    /// Seconds after those until the wait counts in full.
    pub waiting_span_seconds: f64,
    /// What is not worth buying: values count from here, and reliability shrinks them towards it.
    pub worthless_score: f64,
    /// Successes an agent is credited with at first.
    pub reliability_prior_successes: f64,
    /// How many dispatches that credit counts for.
    pub reliability_prior_dispatches: f64,
    /// The price of an agent's bid before its first one, as a share of the budget.
    pub price_prior_share: f64,
    /// How long an agent takes before its first bid.
    pub waiting_prior_seconds: f64,
    /// How many bids the two count for.
    pub bid_prior_bids: f64,
    /// How much a buyer's choice moves the choice term.
    pub choice_moved_score: f64,
    /// What each purchase an agent was shown in takes of its choice term.
    pub choice_lost_share: f64,
    /// How far apart two bids must be for buyers to see it clearly: the scale of the softmax over what was shown.
    pub choice_scale_score: f64,
    /// Fewest bids among which a choice tells anything.
    pub choice_shown_bids: u32,
    /// Share of tasks whose last seat is drawn by the weights of `aitasker-v1`.
    pub floor_share: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            kept_share: 0.98,
            noise_variance: 0.0136,
            noise_variance_min: 0.0034,
            noise_variance_max: 0.0544,
            noise_moved_share: 0.002,
            noise_known_results: 10,
            type_variance: 0.0009,
            benchmark_results: 3.0,
            mean_results: 1.5,
            mean_score: 0.6,
            mean_moved_share: 0.002,
            newcomer_results: 10,
            specialist_score: 0.01,
            price_score: 0.15,
            waiting_score: 0.05,
            waiting_free_seconds: 60.0,
            waiting_span_seconds: 60.0,
            worthless_score: 0.45,
            reliability_prior_successes: 9.5,
            reliability_prior_dispatches: 10.0,
            price_prior_share: 0.9,
            waiting_prior_seconds: 40.0,
            bid_prior_bids: 1.0,
            choice_moved_score: 0.02,
            choice_lost_share: 0.002,
            choice_scale_score: 0.12,
            choice_shown_bids: 2,
            floor_share: 0.5,
        }
    }
}

/// Beyond these, quotients of two parameters could be infinite, and no record can hold that.
const LEAST: f64 = 1e-9;
const MOST: f64 = 1e9;

/// Settings that no decision could be made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A number that divides is not above zero.
    #[error("{0} must be a number above 0")]
    NotPositive(&'static str),
    /// A number is below zero or none at all.
    #[error("{0} must be a number, 0 or more")]
    Negative(&'static str),
    /// A share is not one.
    #[error("{0} must be between 0 and 1")]
    Share(&'static str),
    /// A number with which sums would become none.
    #[error("{0} must be at most {MOST:e}, and 0 or at least {LEAST:e}")]
    Extreme(&'static str),
    /// The variance begins outside its bounds.
    #[error("noise_variance must lie between noise_variance_min and noise_variance_max")]
    Bounds,
    /// More successes than dispatches.
    #[error("reliability_prior_successes must be at most reliability_prior_dispatches")]
    Reliability,
    /// One bid leaves no choice.
    #[error("choice_shown_bids must be at least 2: one bid leaves no choice")]
    Choice,
}

impl Policy {
    /// Refuses settings that no decision could be made with.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn check(&self) -> Result<(), PolicyError> {
        let first = |list: &[(&'static str, f64)], good: fn(f64) -> bool| {
            list.iter().find(|(_, value)| !(value.is_finite() && good(*value))).map(|(name, _)| *name)
        };
        if let Some(name) = first(&self.divisors(), |value| value > 0.0) {
            return Err(PolicyError::NotPositive(name));
        }
        if let Some(name) = first(&self.shares(), |value| (0.0..=1.0).contains(&value)) {
            return Err(PolicyError::Share(name));
        }
        if let Some(name) = first(&self.amounts(), |value| value >= 0.0) {
            return Err(PolicyError::Negative(name));
        }
        let is_usual = |value: f64| value == 0.0 || (LEAST..=MOST).contains(&value);
        let sizes = [&self.divisors()[..], &self.amounts()[..]].concat();
        if let Some(name) = first(&sizes, is_usual) {
            return Err(PolicyError::Extreme(name));
        }
        if !(self.noise_variance_min..=self.noise_variance_max).contains(&self.noise_variance) {
            return Err(PolicyError::Bounds);
        }
        if self.reliability_prior_successes > self.reliability_prior_dispatches {
            return Err(PolicyError::Reliability);
        }
        if self.choice_shown_bids < 2 { Err(PolicyError::Choice) } else { Ok(()) }
    }

    fn divisors(&self) -> [(&'static str, f64); 8] {
        [
            ("noise_variance_min", self.noise_variance_min),
            ("noise_variance_max", self.noise_variance_max),
            ("type_variance", self.type_variance),
            ("mean_results", self.mean_results),
            ("waiting_span_seconds", self.waiting_span_seconds),
            ("reliability_prior_dispatches", self.reliability_prior_dispatches),
            ("bid_prior_bids", self.bid_prior_bids),
            ("choice_scale_score", self.choice_scale_score),
        ]
    }

    fn shares(&self) -> [(&'static str, f64); 13] {
        [
            ("kept_share", self.kept_share),
            ("noise_moved_share", self.noise_moved_share),
            ("mean_score", self.mean_score),
            ("mean_moved_share", self.mean_moved_share),
            ("specialist_score", self.specialist_score),
            ("price_score", self.price_score),
            ("waiting_score", self.waiting_score),
            ("worthless_score", self.worthless_score),
            ("price_prior_share", self.price_prior_share),
            ("choice_moved_score", self.choice_moved_score),
            ("choice_lost_share", self.choice_lost_share),
            ("choice_scale_score", self.choice_scale_score),
            ("floor_share", self.floor_share),
        ]
    }

    fn amounts(&self) -> [(&'static str, f64); 4] {
        [
            ("benchmark_results", self.benchmark_results),
            ("waiting_free_seconds", self.waiting_free_seconds),
            ("reliability_prior_successes", self.reliability_prior_successes),
            ("waiting_prior_seconds", self.waiting_prior_seconds),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rulebook;

    #[test]
    fn the_shipped_file_says_the_defaults() {
        let shipped: toml::Table =
            toml::from_str(include_str!("../../../../config/policy/thompson.toml")).unwrap();
        let defaults = toml::Table::try_from(Policy::default()).unwrap();
        assert_eq!(
            shipped.keys().collect::<Vec<_>>().len(),
            defaults.len(),
            "every parameter is in the file"
        );
        let read: Policy = shipped.try_into().unwrap();
        assert_eq!(read, Policy::default());
        assert_eq!(read.check(), Ok(()));
    }

    #[test]
    fn what_no_decision_could_be_made_with_is_refused() {
        let with = |change: fn(&mut Policy)| {
            let mut policy = Policy::default();
            change(&mut policy);
            policy.check().unwrap_err()
        };
        assert_eq!(with(|p| p.type_variance = 0.0), PolicyError::NotPositive("type_variance"));
        assert_eq!(with(|p| p.bid_prior_bids = f64::NAN), PolicyError::NotPositive("bid_prior_bids"));
        assert_eq!(with(|p| p.kept_share = 1.01), PolicyError::Share("kept_share"));
        assert_eq!(with(|p| p.floor_share = -0.1), PolicyError::Share("floor_share"));
        assert_eq!(with(|p| p.benchmark_results = -1.0), PolicyError::Negative("benchmark_results"));
        assert_eq!(with(|p| p.mean_results = 1e-320), PolicyError::Extreme("mean_results"));
        assert_eq!(with(|p| p.waiting_prior_seconds = 1e308), PolicyError::Extreme("waiting_prior_seconds"));
        assert_eq!(with(|p| p.noise_variance = 0.06), PolicyError::Bounds);
        assert_eq!(with(|p| p.reliability_prior_successes = 10.5), PolicyError::Reliability);
        assert_eq!(with(|p| p.choice_shown_bids = 1), PolicyError::Choice);
    }

    #[test]
    fn parameters_are_stored_to_the_bit() {
        let odd = Policy { floor_share: 0.1 + 0.2, ..Policy::default() };
        let rules = |thompson| Rulebook::with_thompson(crate::Policy::default(), thompson).unwrap();
        let stored = rules(odd.clone());
        assert_ne!(stored.hash(), rules(Policy::default()).hash());
        assert_eq!(Rulebook::read(&stored.content().text).unwrap().thompson(), Some(&odd));
    }
}
