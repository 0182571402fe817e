//! When each call must be over: one absolute time per agent, fixed before anything is sent.

use chrono::TimeDelta;
use gavel_domain::invitation::Mode;
use gavel_domain::policy::Timers;
use gavel_domain::{AgentId, Timestamp};

/// What the plan of one fan-out is made from.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The present time.
    pub now: Timestamp,
    /// When the phase closes; `None` for a final call, which has only its own limit.
    pub phase_deadline: Option<Timestamp>,
    /// The limits of calls.
    pub timers: &'a Timers,
    /// Prototype or final.
    pub mode: Mode,
    /// The task's category: some have longer limits.
    pub category: &'a str,
    /// Who is asked.
    pub agents: &'a [AgentId],
}

/// One agent's call, planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedCall {
    /// Who is asked.
    pub agent: AgentId,
    /// When the call ends, whatever has arrived by then.
    pub deadline: CallDeadline,
}

/// When a call ends, and whose limit that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallDeadline {
    /// The absolute time; a restart does not move it.
    pub at: Timestamp,
    /// Whether it is the call's own limit. Passing it is then the agent's `timeout`; otherwise the phase closed
    /// first and the agent is merely `late`.
    pub is_own_limit: bool,
}

/// One deadline per agent, in the order given.
pub fn plan(input: PlanInput<'_>) -> Vec<PlannedCall> {
    let limit = input.timers.call_limit(input.mode, input.category);
    let deadline = deadline_for(input.now, limit, input.phase_deadline);
    input.agents.iter().map(|&agent| PlannedCall { agent, deadline }).collect()
}

/// The earlier of the call's own limit and the end of the phase. Where both fall on the same instant the agent had
/// all of its time, so the limit is its own.
pub fn deadline_for(now: Timestamp, limit: TimeDelta, phase_deadline: Option<Timestamp>) -> CallDeadline {
    // A limit beyond the end of the calendar is no limit: the phase then decides.
    let own = now.checked_add_signed(limit).unwrap_or(Timestamp::MAX_UTC);
    match phase_deadline {
        Some(phase) if phase < own => CallDeadline { at: phase, is_own_limit: false },
        _ => CallDeadline { at: own, is_own_limit: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_domain::policy::Silence;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
    }

    fn timers() -> Timers {
        Timers {
            phase: TimeDelta::seconds(420),
            prototype_call: TimeDelta::seconds(120),
            final_call: TimeDelta::seconds(300),
            prototype_call_by_category: [("research".to_owned(), TimeDelta::seconds(180))].into(),
            final_call_by_category: [("research".to_owned(), TimeDelta::seconds(360))].into(),
            review_window: TimeDelta::days(7),
            answer_window: TimeDelta::days(14),
            on_silence: Silence::Approve,
            revisions_max: 2,
        }
    }

    #[test]
    fn the_earlier_limit_decides_and_says_whose_it_is() {
        let check = |mode, category: &str, now, phase: Option<i64>, expected: (i64, bool)| {
            let agents = [AgentId::from_uuid(uuid_of(1)), AgentId::from_uuid(uuid_of(2))];
            let timers = timers();
            let phase_deadline = phase.map(at);
            let input =
                PlanInput { now: at(now), phase_deadline, timers: &timers, mode, category, agents: &agents };
            let planned = plan(input);
            let deadline = CallDeadline { at: at(expected.0), is_own_limit: expected.1 };
            assert_eq!(planned, agents.map(|agent| PlannedCall { agent, deadline }), "{category} at {now}");
        };
        check(Mode::Prototype, "writing", 0, Some(420), (120, true));
        check(Mode::Prototype, "research", 0, Some(420), (180, true));
        check(Mode::Prototype, "writing", 350, Some(420), (420, false)); // a late invitation is cut by the phase
        check(Mode::Prototype, "writing", 300, Some(420), (420, true)); // both at once: it had all of its time
        check(Mode::Prototype, "writing", 500, Some(420), (420, false)); // the phase is over: nothing is extended
        check(Mode::Final, "writing", 10, None, (310, true));
        check(Mode::Final, "research", 10, None, (370, true));
    }

    #[test]
    fn an_absurd_limit_does_not_overflow() {
        assert_eq!(deadline_for(at(0), TimeDelta::MAX, Some(at(420))).at, at(420));
        assert_eq!(deadline_for(at(0), TimeDelta::MAX, None).at, Timestamp::MAX_UTC);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn never_past_the_phase_nor_past_the_limit(now in 0i64..1_000, limit in 0i64..600, phase in 0i64..1_000) {
            let deadline = deadline_for(at(now), TimeDelta::seconds(limit), Some(at(phase)));
            prop_assert!(deadline.at <= at(phase) && deadline.at <= at(now + limit));
            prop_assert_eq!(deadline.is_own_limit, deadline.at == at(now + limit));
        }
    }

    fn uuid_of(n: u8) -> uuid::Uuid {
        uuid::Uuid::from_bytes([n; 16])
    }
}
