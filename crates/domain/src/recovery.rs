//! What becomes of a task whose steps fail, or are lost with their process: it is tried again after longer and longer
//! pauses; then it is given up, so that nobody is charged; and when even that fails it is set aside for an operator.
//!
//! The pauses move no deadline: whatever must end in the meantime ends when the task is looked at again.

use crate::{Chance, backoff};
use chrono::TimeDelta;

/// How a task is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// The pause after the first failure; each further one is twice as long.
    pub pause: TimeDelta,
    /// The longest pause.
    pub pause_max: TimeDelta,
    /// Failures one after the other, with no progress between them, after which a task is given up.
    pub failures_max: u32,
    /// Failures of giving up after which a task is set aside.
    pub give_ups_max: u32,
}

impl Default for Recovery {
    /// With these pauses a task is given up some four minutes after its first failure: long enough for a short outage
    /// of ours, short enough that the buyer of a task in its first phase hears of it before that would have ended.
    fn default() -> Self {
        Recovery {
            pause: TimeDelta::seconds(1),
            pause_max: TimeDelta::seconds(60),
            failures_max: 10,
            give_ups_max: 3,
        }
    }
}

/// What is to be done with a task that failed so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Take its step, as if nothing had been.
    Step,
    /// End it as far as its life allows, at nobody's cost.
    GiveUp,
    /// Leave it to an operator.
    SetAside,
}

impl Recovery {
    /// What is to be done with a task after so many failures.
    pub const fn next(&self, failures: u32) -> Next {
        if failures < self.failures_max {
            Next::Step
        } else if failures < self.failures_max.saturating_add(self.give_ups_max) {
            Next::GiveUp
        } else {
            Next::SetAside
        }
    }

    /// How long a task rests after this failure (the first is 1): between half and all of the doubled pause, so that
    /// what failed together does not come back together.
    pub fn pause(&self, failures: u32, chance: &dyn Chance) -> TimeDelta {
        let span = |delta: TimeDelta| delta.to_std().unwrap_or_default();
        let bounds = (span(self.pause), span(self.pause_max));
        let pause = backoff::doubled(bounds, failures.saturating_sub(1), chance);
        // No longer than the longest, which was one.
        TimeDelta::from_std(pause)
            .map_or(self.pause_max, |pause| TimeDelta::milliseconds(pause.num_milliseconds()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Always the same byte.
    struct Byte(u8);

    impl Chance for Byte {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn tried_then_given_up_then_set_aside() {
        let recovery = Recovery::default();
        let check = |failures, next| assert_eq!(recovery.next(failures), next, "{failures}");
        check(0, Next::Step);
        check(1, Next::Step);
        check(9, Next::Step);
        check(10, Next::GiveUp);
        check(12, Next::GiveUp);
        check(13, Next::SetAside);
        check(u32::MAX, Next::SetAside);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let recovery = Recovery::default();
        let check = |failures, shortest: i64, longest: i64| {
            let pause = |byte| recovery.pause(failures, &Byte(byte)).num_milliseconds();
            assert_eq!((pause(0), pause(255)), (shortest, longest), "{failures}");
            assert!((shortest..=longest).contains(&pause(100)));
        };
        check(0, 500, 1_000);
        check(1, 500, 1_000);
        check(2, 1_000, 2_000);
        check(3, 2_000, 4_000);
        check(6, 16_000, 32_000);
        check(7, 30_000, 60_000);
        check(32, 30_000, 60_000);
        check(33, 30_000, 60_000);
        check(u32::MAX, 30_000, 60_000);
    }

    #[test]
    fn a_task_is_given_up_within_minutes() {
        let recovery = Recovery::default();
        let all: TimeDelta = (1..recovery.failures_max).map(|n| recovery.pause(n, &Byte(255))).sum();
        assert_eq!(all, TimeDelta::seconds(1 + 2 + 4 + 8 + 16 + 32 + 60 + 60 + 60));
    }
}
