//! What a purchase says: among what was shown, the buyer took one. Who is taken more often than its scores and prices
//! let expect rises; who pleases the judge but no buyer falls.

use super::Policy;
use super::evidence::price_share;

/// A bid the buyer was shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// What its agent's quality in the category was expected to be.
    pub mean: f64,
    /// Its agent's choice term until now.
    pub choice: f64,
    /// Its price, in minor units.
    pub price_minor: i64,
    /// Whether it was bought.
    pub won: bool,
}

/// The new choice terms of all that were shown, in their order. Without a purchase, or among too few, all stay as they
/// are.
pub fn after_purchase(shown: &[Shown], budget_minor: i64, policy: &Policy) -> Vec<f64> {
    let winners = shown.iter().filter(|s| s.won).count();
    if winners != 1 || shown.len() < policy.choice_shown_bids as usize {
        return shown.iter().map(|s| s.choice).collect();
    }
    let expected = expected(shown, budget_minor, policy);
    let moved = shown.iter().zip(expected).map(|(shown, expected)| {
        let surprise = f64::from(u8::from(shown.won)) - expected;
        shown.choice + policy.choice_moved_score * surprise - policy.choice_lost_share * shown.choice
    });
    moved.collect()
}

/// How probable each bid's purchase was: a softmax.
fn expected(shown: &[Shown], budget_minor: i64, policy: &Policy) -> Vec<f64> {
    let appeal = |s: &Shown| {
        let price = price_share(s.price_minor, budget_minor);
        (s.mean + s.choice - policy.price_score * price) / policy.choice_scale_score
    };
    let appeals: Vec<f64> = shown.iter().map(appeal).collect();
    let most = appeals.iter().copied().fold(f64::NEG_INFINITY, f64::max); // nothing overflows below it
    let raised: Vec<f64> = appeals.iter().map(|appeal| libm::exp(appeal - most)).collect();
    let sum: f64 = raised.iter().sum();
    raised.iter().map(|raised| raised / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mean: f64, choice: f64, price_minor: i64, won: bool) -> Shown {
        Shown { mean, choice, price_minor, won }
    }

    fn close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-12, "{got} is not {wanted}");
    }

    #[test]
    fn equals_share_the_expectation() {
        let policy = Policy::default();
        let bids = [shown(0.7, 0.0, 500, true), shown(0.7, 0.0, 500, false)];
        let got = after_purchase(&bids, 1_000, &policy);
        close(got[0], 0.02 * 0.5);
        close(got[1], -0.02 * 0.5);
    }

    #[test]
    fn by_hand() {
        // 0.12 apart is one step of the softmax: e to 1. The dearer one is 0.15 * 0.8 = 0.12 less worth.
        let policy = Policy::default();
        let bids = [shown(0.8, 0.0, 800, false), shown(0.8, 0.0, 0, false), shown(0.74, 0.06, 0, true)];
        let got = after_purchase(&bids, 1_000, &policy);
        let e = std::f64::consts::E;
        let sum = 1.0 + e + e;
        close(got[0], -0.02 / sum);
        close(got[1], -0.02 * e / sum);
        close(got[2], 0.06 + 0.02 * (1.0 - e / sum) - 0.002 * 0.06);
    }

    #[test]
    fn what_one_gains_the_others_lose() {
        let policy = Policy { choice_lost_share: 0.0, ..Policy::default() };
        for winner in 0..5 {
            let bids: Vec<Shown> = (0..5)
                .map(|n| shown(0.3 + 0.1 * f64::from(n), 0.01 * f64::from(n), 90 * i64::from(n), n == winner))
                .collect();
            let before: f64 = bids.iter().map(|s| s.choice).sum();
            let after: f64 = after_purchase(&bids, 500, &policy).iter().sum();
            close(after, before);
        }
    }

    #[test]
    fn where_nothing_was_chosen_nothing_moves() {
        let policy = Policy::default();
        assert_eq!(after_purchase(&[shown(0.9, 0.04, 1, true)], 9, &policy), [0.04]);
        let unsold = [shown(0.9, 0.04, 1, false), shown(0.8, -0.01, 1, false)];
        assert_eq!(after_purchase(&unsold, 9, &policy), [0.04, -0.01]);
        assert!(after_purchase(&[], 9, &policy).is_empty());
    }

    #[test]
    fn far_apart_bids_do_not_overflow() {
        let policy = Policy { choice_scale_score: 1e-6, ..Policy::default() };
        let got = after_purchase(&[shown(1.0, 0.0, 0, false), shown(0.0, 0.0, 0, true)], 9, &policy);
        close(got[0], -0.02);
        close(got[1], 0.02);
    }
}
