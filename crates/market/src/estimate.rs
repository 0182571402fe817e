//! A figure over several markets, with what is not known of it.

use serde::Serialize;

/// The mean over markets, and its 95 % confidence interval by Student's t: `mean` ± `half_width`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half of the interval's width.
    pub half_width: f64,
}

impl Estimate {
    /// Of one value for each market; of fewer than two there is none.
    pub fn of(values: &[f64]) -> Option<Estimate> {
        if values.len() < 2 {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
        Some(Estimate { mean, half_width: student(values.len() - 1) * (variance / n).sqrt() })
    }

    /// The interval's lower end.
    pub fn least(&self) -> f64 {
        self.mean - self.half_width
    }
}

/// The 97.5 % quantile of Student's t; beyond the table by its expansion in the degrees of freedom.
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    const NORMAL: f64 = 1.959_964;
    let beyond = || {
        let n = freedom as f64;
        let power = |exponent: i32| NORMAL.powi(exponent);
        let first = (power(3) + NORMAL) / 4.0;
        let second = (5.0 * power(5) + 16.0 * power(3) + 3.0 * NORMAL) / 96.0;
        let third = (3.0 * power(7) + 19.0 * power(5) + 17.0 * power(3) - 15.0 * NORMAL) / 384.0;
        NORMAL + first / n + second / (n * n) + third / (n * n * n)
    };
    TABLE.get(freedom.saturating_sub(1)).copied().unwrap_or_else(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_students() {
        for (freedom, known) in
            [(1, 12.706), (10, 2.228), (11, 2.201), (19, 2.093), (29, 2.045), (120, 1.980)]
        {
            assert!((student(freedom) - known).abs() < 0.001, "{freedom}: {}", student(freedom));
        }
        let estimate = Estimate::of(&[1.0, 2.0, 3.0]).unwrap();
        assert!((estimate.mean - 2.0).abs() < 1e-12);
        assert!((estimate.half_width - 4.303 / 3.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(Estimate::of(&[1.0]), None);
    }
}
