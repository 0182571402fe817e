//! May a failed send be made once more? Only when no byte of an answer arrived, once, and inside the same deadline.

use crate::transport::FailureKind;
use gavel_domain::limits::SENDS_MAX;
use std::time::Duration;

/// The pause before the second send. A server that restarts or a name server that hiccups gets a moment; an agent
/// that has two minutes does not miss it.
pub const RESEND_PAUSE: Duration = Duration::from_millis(250);

/// With less than this left after the pause a second send could only turn a clear failure into a timeout.
pub const RESEND_TIME_MIN: Duration = Duration::from_millis(250);

/// Whether this failure leaves room for one more send at all: no byte of an answer has arrived, and trying again
/// may help. A refused address and a bad certificate will be the same a moment later.
pub const fn may_send_again(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Connect | FailureKind::NoResponse => true,
        FailureKind::Refused(_)
        | FailureKind::Tls
        | FailureKind::BrokenHead
        | FailureKind::BrokenBody
        | FailureKind::TooLarge
        | FailureKind::Timeout
        | FailureKind::Ours => false,
    }
}

/// How long to wait before the next send, or `None` where there is none. `retry` is [`may_send_again`] of the failure
/// (false for any answer); `sends_made` counts every send under this webhook-id, those before a restart included;
/// `time_left` is what remains of the one deadline.
pub fn pause_before_resend(retry: bool, sends_made: u32, time_left: Duration) -> Option<Duration> {
    let allowed = retry && sends_made < SENDS_MAX;
    (allowed && time_left >= RESEND_PAUSE + RESEND_TIME_MIN).then_some(RESEND_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_send_only_when_no_byte_arrived() {
        let check = |kind, sends_made, seconds, expected: bool| {
            let pause = pause_before_resend(may_send_again(kind), sends_made, Duration::from_secs(seconds));
            assert_eq!(
                pause,
                expected.then_some(RESEND_PAUSE),
                "{kind:?} after {sends_made} with {seconds} s"
            );
        };
        check(FailureKind::Connect, 1, 60, true);
        check(FailureKind::NoResponse, 1, 60, true);
        check(FailureKind::Connect, 2, 60, false); // both sends are used
        check(FailureKind::NoResponse, 2, 60, false);
        check(FailureKind::Connect, 1, 0, false); // no time left
        let never = [
            FailureKind::Refused("private"),
            FailureKind::Tls,
            FailureKind::BrokenHead,
            FailureKind::BrokenBody,
            FailureKind::TooLarge,
            FailureKind::Timeout,
            FailureKind::Ours,
        ];
        for kind in never {
            check(kind, 1, 60, false);
        }
    }

    #[test]
    fn the_pause_and_a_little_more_must_fit_before_the_deadline() {
        let fits = RESEND_PAUSE + RESEND_TIME_MIN;
        assert!(pause_before_resend(true, 1, fits).is_some());
        assert!(pause_before_resend(true, 1, fits - Duration::from_millis(1)).is_none());
    }
}
