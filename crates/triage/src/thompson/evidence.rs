//! What is remembered of an agent in a category, and of the category; and how it grows. Whole numbers come in: what is
//! kept are their sums, older results discounted.

use super::Policy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Judged results, each counting less with every one after it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// How many, discounted.
    pub results: f64,
    /// The sum of their scores, discounted alike.
    pub score_sum: f64,
}

/// What an agent has shown in a category.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Its judged results.
    pub seen: Seen,
    /// The same for each type of task it was judged in.
    pub types: BTreeMap<String, Seen>,
    /// How many results it has had, not discounted.
    pub results: u32,
    /// Dispatches that succeeded, discounted.
    pub succeeded: f64,
    /// Dispatches that count, discounted.
    pub dispatched: f64,
    /// Sum of its valid bids' prices, each as a share of the budget.
    pub price_sum: f64,
    /// Sum of the seconds its valid bids took.
    pub seconds_sum: f64,
    /// How many valid bids those are.
    pub valid_bids: u32,
    /// What buyers' choices say beyond its scores and prices.
    pub choice: f64,
}

/// What is known of a category as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CategoryState {
    /// What newcomers' scores are like: moves with each of them.
    pub mean_score: f64,
    /// Variance of a score around its agent's mean: moves with each score of an agent that is known.
    pub noise_variance: f64,
}

impl Seen {
    fn after(self, score: f64, kept: f64) -> Seen {
        Seen { results: kept * self.results + 1.0, score_sum: kept * self.score_sum + score }
    }
}

impl Evidence {
    /// The results within a type.
    pub fn of_type(&self, task_type: &str) -> Seen {
        self.types.get(task_type).copied().unwrap_or_default()
    }

    /// A bid was judged.
    #[must_use]
    pub fn after_score(mut self, task_type: &str, score_ppm: u32, policy: &Policy) -> Evidence {
        let score = share(score_ppm);
        let of_type = self.of_type(task_type).after(score, policy.kept_share);
        self.types.insert(task_type.to_owned(), of_type);
        Evidence {
            seen: self.seen.after(score, policy.kept_share),
            results: self.results.saturating_add(1),
            ..self
        }
    }

    /// A dispatch ended in a way that counts for or against the agent.
    #[must_use]
    pub fn after_dispatch(self, ok: bool, policy: &Policy) -> Evidence {
        let succeeded = policy.kept_share * self.succeeded + f64::from(u8::from(ok));
        Evidence { succeeded, dispatched: policy.kept_share * self.dispatched + 1.0, ..self }
    }

    /// A valid bid came. A budget that is not above zero tells nothing of prices: the whole of it counts.
    #[must_use]
    pub fn after_bid(self, price_minor: i64, budget_minor: i64, took_ms: u64) -> Evidence {
        Evidence {
            price_sum: self.price_sum + price_share(price_minor, budget_minor),
            seconds_sum: self.seconds_sum + took_ms as f64 / 1000.0,
            valid_bids: self.valid_bids.saturating_add(1),
            ..self
        }
    }
}

impl CategoryState {
    /// Before anything is known.
    pub fn new(policy: &Policy) -> CategoryState {
        CategoryState { mean_score: policy.mean_score, noise_variance: policy.noise_variance }
    }

    /// A bid was judged; `evidence` and `benchmark_ppm` are what was known of its agent *before* that.
    ///
    /// A newcomer's score moves the mean. The score of an agent that is known moves the variance: the square of its
    /// distance from what was expected, less the part of it that comes from not knowing the agent any better.
    #[must_use]
    pub fn after_score(
        self,
        evidence: &Evidence,
        benchmark_ppm: Option<u32>,
        score_ppm: u32,
        policy: &Policy,
    ) -> CategoryState {
        let score = share(score_ppm);
        let mut next = self;
        if evidence.results < policy.newcomer_results {
            next.mean_score += policy.mean_moved_share * (score - self.mean_score);
        }
        if evidence.results >= policy.noise_known_results {
            let guess = super::quality(evidence, &self, benchmark_ppm, policy);
            let unsure = guess.variance / self.noise_variance;
            let distance = score - guess.mean;
            let noise = distance * distance / (1.0 + unsure);
            let moved = self.noise_variance + policy.noise_moved_share * (noise - self.noise_variance);
            next.noise_variance = moved.clamp(policy.noise_variance_min, policy.noise_variance_max);
        }
        next
    }
}

/// Parts per million as a share.
pub(super) fn share(ppm: u32) -> f64 {
    f64::from(ppm) / 1e6
}

pub(super) fn price_share(price_minor: i64, budget_minor: i64) -> f64 {
    if budget_minor > 0 { (price_minor as f64 / budget_minor as f64).clamp(0.0, 1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-12, "{got} is not {wanted}");
    }

    #[test]
    fn each_result_leaves_less_of_those_before_it() {
        let policy = Policy::default();
        let scores = [("letter", 800_000), ("letter", 600_000), ("table", 500_000)];
        let shown = scores
            .into_iter()
            .fold(Evidence::default(), |evidence, (of, score)| evidence.after_score(of, score, &policy));
        close(shown.seen.results, 1.0 + 0.98 + 0.98 * 0.98);
        close(shown.seen.score_sum, 0.5 + 0.98 * 0.6 + 0.98 * 0.98 * 0.8);
        close(shown.of_type("letter").results, 1.98);
        close(shown.of_type("letter").score_sum, 0.6 + 0.98 * 0.8);
        close(shown.of_type("table").score_sum, 0.5);
        close(shown.of_type("plan").results, 0.0);
        assert_eq!(shown.results, 3);
    }

    #[test]
    fn dispatches_and_bids_add_up() {
        let policy = Policy::default();
        let shown = Evidence::default()
            .after_dispatch(true, &policy)
            .after_dispatch(false, &policy)
            .after_bid(1_500, 2_000, 30_500)
            .after_bid(500, 2_000, 9_500);
        close(shown.succeeded, 0.98);
        close(shown.dispatched, 1.98);
        close(shown.price_sum, 1.0);
        close(shown.seconds_sum, 40.0);
        assert_eq!(shown.valid_bids, 2);
        close(Evidence::default().after_bid(3, 0, 0).price_sum, 1.0);
    }

    #[test]
    fn newcomers_move_the_mean_and_nobody_else() {
        let policy = Policy::default();
        let before = CategoryState::new(&policy);
        let newcomer = Evidence { results: 9, ..Evidence::default() };
        let after = before.after_score(&newcomer, None, 900_000, &policy);
        close(after.mean_score, 0.6 + 0.002 * 0.3);
        close(after.noise_variance, 0.0136);
        let known = Evidence { results: 10, ..Evidence::default() };
        close(before.after_score(&known, None, 900_000, &policy).mean_score, 0.6);
    }

    #[test]
    fn known_agents_move_the_variance_by_what_they_surprise() {
        let policy = Policy::default();
        let before = CategoryState::new(&policy);
        // 8.5 results that sum to 5.1, with the mean's 1.5: 10 results, mean 0.6.
        let seen = Seen { results: 8.5, score_sum: 5.1 };
        let known = Evidence { seen, results: 12, ..Evidence::default() };
        let after = before.after_score(&known, None, 800_000, &policy);
        close(after.noise_variance, 0.0136 + 0.002 * (0.04 / 1.1 - 0.0136));
        let bounded = Policy { noise_moved_share: 1.0, noise_variance_max: 0.02, ..Policy::default() };
        close(before.after_score(&known, None, 1_000_000, &bounded).noise_variance, 0.02);
        close(before.after_score(&known, None, 600_000, &bounded).noise_variance, 0.0034);
    }

    #[test]
    fn evidence_reads_back_bit_for_bit() {
        let policy = Policy::default();
        let mut shown = Evidence::default();
        for n in 0..40_u32 {
            shown = shown.after_score("letter", 700_001 + 7 * n, &policy).after_dispatch(n % 3 != 0, &policy);
            let text = serde_json::to_string(&shown).unwrap();
            assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), shown);
        }
    }
}
