//! When a call must be over: one absolute time, fixed before anything is sent.

use chrono::TimeDelta;
use gavel_domain::Timestamp;

/// When a call ends, and whose limit that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallDeadline {
    /// The absolute time; a restart does not move it.
    pub at: Timestamp,
    /// Whether it is the call's own limit. Passing it is then the agent's `timeout`; otherwise the phase closed
    /// first and the agent is merely `late`.
    pub is_own_limit: bool,
}

/// The earlier of the call's own limit and the end of the phase. Where both fall on the same instant the agent had
/// all of its time, so the limit is its own.
pub fn deadline_for(now: Timestamp, limit: TimeDelta, phase_deadline: Timestamp) -> CallDeadline {
    // A limit beyond the end of the calendar is no limit: the phase then decides.
    let own = now.checked_add_signed(limit).unwrap_or(Timestamp::MAX_UTC);
    CallDeadline { at: own.min(phase_deadline), is_own_limit: own <= phase_deadline }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
    }

    #[test]
    fn the_earlier_limit_decides_and_says_whose_it_is() {
        let check = |now, limit, phase, expected: (i64, bool)| {
            let deadline = deadline_for(at(now), TimeDelta::seconds(limit), at(phase));
            let expected = CallDeadline { at: at(expected.0), is_own_limit: expected.1 };
            assert_eq!(deadline, expected, "{limit} s from {now} in a phase until {phase}");
        };
        check(0, 120, 420, (120, true));
        check(350, 120, 420, (420, false)); // a late invitation is cut by the phase
        check(300, 120, 420, (420, true)); // both at once: it had all of its time
        check(500, 120, 420, (420, false)); // the phase is over: nothing is extended
        assert_eq!(deadline_for(at(0), TimeDelta::MAX, at(420)).at, at(420));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn never_past_the_phase_nor_past_the_limit(now in 0i64..1_000, limit in 0i64..600, phase in 0i64..1_000) {
            let deadline = deadline_for(at(now), TimeDelta::seconds(limit), at(phase));
            prop_assert!(deadline.at <= at(phase) && deadline.at <= at(now + limit));
            prop_assert_eq!(deadline.is_own_limit, deadline.at == at(now + limit));
        }
    }
}
