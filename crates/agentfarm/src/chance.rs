//! Chance that repeats: the n-th draw of a seed is always the same, whichever call takes it.

/// The n-th draw of a seed, in 0..1.
pub(crate) fn uniform(seed: u64, n: u64) -> f64 {
    (mixed(seed, n) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The n-th draw of a log-normal distribution with this median.
pub(crate) fn log_normal(median: f64, sigma: f64, seed: u64, n: u64) -> f64 {
    let (radius, angle) = (uniform(seed, 2 * n), uniform(seed, 2 * n + 1));
    // 1 - radius: the logarithm of zero is no number.
    let normal = (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
    median * (sigma * normal).exp()
}

/// SplitMix64.
fn mixed(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_are_spread_evenly() {
        assert_eq!(mixed(0, 0), 0xe220_a839_7b1d_cdaf, "the published first value of SplitMix64");
        let below = (0..10_000).filter(|n| uniform(7, *n) < 0.3).count();
        assert!((2_850..3_150).contains(&below), "{below} of 10,000 below 0.3");
        assert_ne!(uniform(7, 1), uniform(8, 1));
    }

    #[test]
    fn a_log_normal_has_its_median_and_its_spread() {
        let mut draws: Vec<f64> = (0..10_001).map(|n| log_normal(100.0, 0.5, 1, n)).collect();
        draws.sort_by(f64::total_cmp);
        let at = |share: f64| draws[(share * 10_000.0) as usize];
        assert!((97.0..103.0).contains(&at(0.5)), "median {}", at(0.5));
        // One standard deviation up: 100 * e^0.5 = 164.9.
        assert!((158.0..172.0).contains(&at(0.8413)), "{}", at(0.8413));
        assert_eq!(log_normal(100.0, 0.0, 1, 3), 100.0);
    }
}
