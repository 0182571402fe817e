//! How long to wait before something is tried again that failed.

use crate::Chance;
use std::time::Duration;

/// The first wait, give or take its half.
const FIRST: Duration = Duration::from_millis(100);
/// No wait is longer: what comes back is noticed within seconds.
pub const LONGEST: Duration = Duration::from_secs(3);

/// The wait after so many failures in a row: twice as long each time, up to [`LONGEST`].
pub fn pause(failures: u32, chance: &dyn Chance) -> Duration {
    doubled((FIRST, LONGEST), failures, chance)
}

/// The first wait, doubled so often, but never longer than the longest: between half and all of that, so that what
/// failed together does not come back at one instant.
pub(crate) fn doubled((first, longest): (Duration, Duration), times: u32, chance: &dyn Chance) -> Duration {
    let whole = first.saturating_mul(2_u32.saturating_pow(times)).min(longest);
    let mut random = [0; 2];
    chance.fill(&mut random);
    let share = f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX);
    whole.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chance that is always the same byte.
    struct Always(u8);
    impl Chance for Always {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn waits_grow_and_differ_within_bounds() {
        let check = |failures: u32, shortest: u64, longest: u64| {
            let waits = [0, 255].map(|byte| pause(failures, &Always(byte)).as_millis());
            assert_eq!(waits, [u128::from(shortest), u128::from(longest)], "after {failures}");
        };
        check(0, 50, 100);
        check(1, 100, 200);
        check(4, 800, 1600);
        check(5, 1500, 3000);
        check(u32::MAX, 1500, 3000);
    }
}
