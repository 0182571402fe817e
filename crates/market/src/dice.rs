//! Chance from a seed: by turns while a market is made up, and by name for what happens in it, so that the same agent
//! meets the same luck in the same task whoever asked it.

use std::f64::consts::TAU;

/// Chance by turns.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(mixed(seed))
    }

    /// Chance by name: the same names, the same luck.
    pub(crate) fn named(seed: u64, names: [u64; 3]) -> Dice {
        Dice(names.into_iter().fold(mixed(seed), |state, name| mixed(state ^ mixed(name))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.0)
    }

    /// Above 0 and below 1.
    pub(crate) fn share(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    pub(crate) fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.share()
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((self.share() * bound as f64) as usize).min(bound.saturating_sub(1))
    }

    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// Normal: two uniforms make one.
    pub(crate) fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = (-2.0 * libm::log(self.share())).sqrt();
        mean + deviation * radius * libm::cos(TAU * self.share())
    }

    /// How long until something happens that does so every `mean` on average.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -libm::log(self.share()) * mean
    }

    /// What makes a choice by the highest a softmax.
    pub(crate) fn gumbel(&mut self) -> f64 {
        -libm::log(-libm::log(self.share()))
    }
}

/// The finaliser of SplitMix64.
fn mixed(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_and_variance(mut draw: impl FnMut(&mut Dice) -> f64) -> (f64, f64) {
        let mut dice = Dice::new(7);
        let drawn: Vec<f64> = (0..40_000).map(|_| draw(&mut dice)).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        (mean, drawn.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / drawn.len() as f64)
    }

    #[test]
    fn draws_are_distributed_as_they_say() {
        let near = |got: (f64, f64), mean: f64, variance: f64| {
            assert!((got.0 - mean).abs() < 0.03 && (got.1 / variance - 1.0).abs() < 0.05, "{got:?}");
        };
        near(mean_and_variance(Dice::share), 0.5, 1.0 / 12.0);
        near(mean_and_variance(|dice| dice.normal(2.0, 1.0)), 2.0, 1.0);
        near(mean_and_variance(|dice| dice.exponential(1.0)), 1.0, 1.0);
        near(mean_and_variance(Dice::gumbel), 0.577_2, 1.644_9);
    }

    #[test]
    fn the_same_names_bring_the_same_luck() {
        let luck = |names| Dice::named(3, names).next();
        assert_eq!(luck([1, 2, 3]), luck([1, 2, 3]));
        assert_ne!(luck([1, 2, 3]), luck([1, 3, 2]));
        assert_ne!(luck([1, 2, 3]), Dice::named(4, [1, 2, 3]).next());
    }
}
