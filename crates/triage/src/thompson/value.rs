//! What asking an agent may be worth: a draw from what its quality may be, less what it costs, times how surely it
//! answers.

use super::evidence::share;
use super::{CategoryState, Evidence, Policy, Seen, normal, stream};
use serde::{Deserialize, Serialize};

/// An agent that passed the gates.
#[derive(Debug, Clone, Copy)]
pub struct Contender<'a> {
    /// The number the draw knows it by.
    pub number: u64,
    /// Where its money would go; `None` where that does not matter.
    pub account: Option<&'a str>,
    /// What it has shown in the category.
    pub evidence: &'a Evidence,
    /// Its benchmark in parts per million; without one the category's mean stands alone.
    pub benchmark_ppm: Option<u32>,
    /// Whether it declares itself a specialist for the task's type.
    pub specialist: bool,
    /// What it weighs in `aitasker-v1`.
    pub weight: u32,
}

/// What the agents are valued for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The task's type.
    pub task_type: &'a str,
    /// What is known of its category.
    pub category: &'a CategoryState,
    /// What the draw is made with.
    pub seed: u64,
}

/// What a guess is: its mean and how unsure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Guess {
    /// The mean.
    pub mean: f64,
    /// The variance.
    pub variance: f64,
}

/// An agent's value for a task, and how it came about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Valued {
    /// What its quality in this type is expected to be.
    pub mean: f64,
    /// How unsure that is.
    pub variance: f64,
    /// The quality that was drawn.
    pub drawn: f64,
    /// The share of dispatches that succeed, smoothed.
    pub reliability: f64,
    /// Its price as a share of the budget, smoothed.
    pub price: f64,
    /// How long it takes in seconds, smoothed.
    pub seconds: f64,
    /// What buyers' choices add or take.
    pub choice: f64,
    /// The value: the highest are asked.
    pub value: f64,
}

/// What an agent's quality in a category may be: its own results beside its benchmark and the category's mean.
pub fn quality(
    evidence: &Evidence,
    category: &CategoryState,
    benchmark_ppm: Option<u32>,
    policy: &Policy,
) -> Guess {
    let benchmark_results = benchmark_ppm.map_or(0.0, |_| policy.benchmark_results);
    let benchmark = share(benchmark_ppm.unwrap_or(0));
    let results = policy.mean_results + benchmark_results + evidence.seen.results;
    let sum =
        policy.mean_results * category.mean_score + benchmark_results * benchmark + evidence.seen.score_sum;
    Guess { mean: sum / results, variance: category.noise_variance / results }
}

/// What asking it may be worth.
///
/// Below `worthless_score` the value is negative, and there a lower reliability raises it: who is not worth buying does
/// less harm when it does not answer. It changes the order among those nobody wants.
pub fn value(contender: &Contender<'_>, question: &Question<'_>, policy: &Policy) -> Valued {
    let evidence = contender.evidence;
    let in_category = quality(evidence, question.category, contender.benchmark_ppm, policy);
    let guess =
        narrowed(in_category, evidence.of_type(question.task_type), question.category.noise_variance, policy);
    let chance = stream::uniform(question.seed, stream::QUALITY, contender.number);
    let drawn = guess.mean + guess.variance.sqrt() * normal::quantile(chance);

    let reliability = (evidence.succeeded + policy.reliability_prior_successes)
        / (evidence.dispatched + policy.reliability_prior_dispatches);
    let bids = f64::from(evidence.valid_bids) + policy.bid_prior_bids;
    let price = (evidence.price_sum + policy.bid_prior_bids * policy.price_prior_share) / bids;
    let seconds = (evidence.seconds_sum + policy.bid_prior_bids * policy.waiting_prior_seconds) / bids;
    let waiting = ((seconds - policy.waiting_free_seconds) / policy.waiting_span_seconds).clamp(0.0, 1.0);

    let specialist = if contender.specialist { policy.specialist_score } else { 0.0 };
    let worth = drawn + specialist - policy.price_score * price - policy.waiting_score * waiting
        + evidence.choice
        - policy.worthless_score;
    Valued {
        mean: guess.mean,
        variance: guess.variance,
        drawn,
        reliability,
        price,
        seconds,
        choice: evidence.choice,
        value: reliability * worth,
    }
}

/// The guess for the category, moved by the results within the type: the more of those, the less the rest counts.
fn narrowed(guess: Guess, of_type: Seen, noise_variance: f64, policy: &Policy) -> Guess {
    let from_type = noise_variance / policy.type_variance; // so many results in a type count as much as the category
    let left = from_type / (from_type + of_type.results);
    Guess {
        mean: left * guess.mean + of_type.score_sum / (from_type + of_type.results),
        variance: guess.variance * left * left + noise_variance / (from_type + of_type.results),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-12, "{got} is not {wanted}");
    }

    fn state() -> CategoryState {
        // Round numbers: a type counts as much as its category at 0.018 / 0.0009 = 20 results.
        CategoryState { mean_score: 0.6, noise_variance: 0.018 }
    }

    fn contender(evidence: &Evidence) -> Contender<'_> {
        Contender {
            number: 7,
            account: None,
            evidence,
            benchmark_ppm: Some(800_000),
            specialist: false,
            weight: 1,
        }
    }

    fn valued(contender: Contender<'_>) -> Valued {
        let category = state();
        let question = Question { task_type: "letter", category: &category, seed: 42 };
        value(&contender, &question, &Policy::default())
    }

    #[test]
    fn a_newcomer_is_guessed_from_benchmark_and_mean() {
        let nothing = Evidence::default();
        let guess = quality(&nothing, &state(), Some(800_000), &Policy::default());
        close(guess.mean, (1.5 * 0.6 + 3.0 * 0.8) / 4.5);
        close(guess.variance, 0.018 / 4.5);
        let unknown = quality(&nothing, &state(), None, &Policy::default());
        close(unknown.mean, 0.6);
        close(unknown.variance, 0.018 / 1.5);
    }

    #[test]
    fn a_value_by_hand() {
        let seen = Seen { results: 5.5, score_sum: 3.7 };
        let in_type = Seen { results: 5.0, score_sum: 4.0 };
        let evidence = Evidence {
            seen,
            types: [("letter".to_owned(), in_type)].into(),
            results: 6,
            succeeded: 8.5,
            dispatched: 10.0,
            price_sum: 2.1,
            seconds_sum: 320.0,
            valid_bids: 3,
            choice: 0.03,
        };
        let got = valued(Contender { specialist: true, ..contender(&evidence) });
        // Category: (0.9 + 2.4 + 3.7) / 10 = 0.7, variance 0.0018; of it 20/25 stay.
        close(got.mean, 0.8 * 0.7 + 4.0 / 25.0);
        close(got.variance, 0.0018 * 0.64 + 0.018 / 25.0);
        close(got.reliability, 18.0 / 20.0);
        close(got.price, 3.0 / 4.0);
        close(got.seconds, 360.0 / 4.0);
        let worth = got.drawn + 0.01 - 0.15 * 0.75 - 0.05 * 0.5 + 0.03 - 0.45;
        close(got.value, 0.9 * worth);
        let chance = stream::uniform(42, stream::QUALITY, 7);
        close(got.drawn, got.mean + got.variance.sqrt() * normal::quantile(chance));
    }

    #[test]
    fn draws_scatter_as_the_guess_says() {
        let evidence = Evidence::default();
        let category = state();
        let of = |seed| {
            let question = Question { task_type: "letter", category: &category, seed };
            value(&contender(&evidence), &question, &Policy::default())
        };
        let draws: Vec<Valued> = (0..20_000).map(of).collect();
        let n = draws.len() as f64;
        let mean = draws.iter().map(|v| v.drawn).sum::<f64>() / n;
        let variance = draws.iter().map(|v| (v.drawn - mean).powi(2)).sum::<f64>() / n;
        // Four standard errors.
        assert!((mean - draws[0].mean).abs() < 4.0 * (draws[0].variance / n).sqrt(), "{mean}");
        assert!((variance / draws[0].variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{variance}");
    }

    #[test]
    fn waiting_costs_between_one_and_two_minutes() {
        let took =
            |seconds: f64| Evidence { seconds_sum: seconds * 999.0, valid_bids: 999, ..Evidence::default() };
        let value = |seconds| valued(contender(&took(seconds))).value;
        close(value(20.0), value(59.0));
        close(value(59.0) - value(500.0), 0.95 * 0.05);
        close(value(130.0), value(500.0));
    }
}
