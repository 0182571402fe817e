//! From a status line, or from what went wrong, to the outcome, its detail code, and whether one more send may be made.

use gavel_domain::invitation::Outcome;

/// What a status line means, before a byte of the body is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusLine {
    /// The body is the answer: hand it to [`super::answer::read`].
    Answer,
    /// An async agent has taken the brief; whatever the body says, the result comes by signed callback only.
    Acknowledged,
    /// The call is over; the body is at most kept for the developer.
    Over(Meaning),
}

/// What a send that brought no usable answer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// How the invitation ends; `None` where this changes nothing about how it ended.
    pub outcome: Option<Outcome>,
    /// The detail code.
    pub code: &'static str,
    /// Whether one more send may be made, inside the same deadline. Never after a byte of an answer has arrived.
    pub may_send_again: bool,
}

impl Meaning {
    const fn ends(outcome: Outcome, code: &'static str) -> Self {
        Self { outcome: Some(outcome), code, may_send_again: false }
    }

    const fn unanswered(code: &'static str) -> Self {
        Self { outcome: Some(Outcome::Unreachable), code, may_send_again: true }
    }

    const fn nothing(code: &'static str) -> Self {
        Self { outcome: None, code, may_send_again: false }
    }
}

/// Reads a status line. `content_encoding` is the header's value where there is one; `asynchronous` says whether the
/// agent answers by callback.
///
/// The status decides first: an encoded error is still its status.
pub fn classify(status: u16, content_encoding: Option<&str>, asynchronous: bool) -> StatusLine {
    match (asynchronous, status) {
        (true, 200 | 202) => StatusLine::Acknowledged,
        (false, 200) if is_encoded(content_encoding) => StatusLine::Over(Failure::Encoded.meaning()),
        (false, 200) => StatusLine::Answer,
        (_, status) => {
            let (outcome, code) = of_status(status);
            StatusLine::Over(Meaning::ends(outcome, code))
        }
    }
}

/// The outcome and code of a status that is no answer.
pub fn of_status(status: u16) -> (Outcome, &'static str) {
    match status {
        400 => (Outcome::AgentError, "status_400"),
        408 => (Outcome::Timeout, "status_408"),
        422 => (Outcome::Declined, "status_422"),
        429 => (Outcome::RateLimited, "status_429"),
        500 => (Outcome::ServerError, "status_500"),
        503 => (Outcome::Unavailable, "status_503"),
        300..=399 => (Outcome::AgentError, "redirect"),
        501..=599 => (Outcome::ServerError, "http_status"),
        _ => (Outcome::AgentError, "http_status"),
    }
}

/// We ask for `identity`: whatever else a body is wrapped in may be a bomb, so it is never unwrapped.
fn is_encoded(content_encoding: Option<&str>) -> bool {
    let plain = |coding: &str| coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    content_encoding.is_some_and(|named| !named.split(',').map(str::trim).all(plain))
}

/// Everything beside a status that keeps a send from becoming an answer, from its first step to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The request could not even be made.
    NotMade,
    /// The guard refused the address, with its code: it would refuse it a moment later.
    Refused(&'static str),
    /// No name, nothing that listens, or no connection in time.
    Connect,
    /// The handshake failed: a bad certificate stays bad.
    Tls,
    /// Connected, then closed or reset before a byte of an answer.
    NoResponse,
    /// Bytes came that are not the head of an HTTP answer.
    BrokenHead,
    /// The head came, the body broke off or is framed wrongly.
    BrokenBody,
    /// The body is wrapped in an encoding that was not asked for.
    Encoded,
    /// The body is larger than the cap.
    TooLarge,
    /// The call's own limit passed.
    Timeout,
    /// The phase closed before the call's own limit.
    PhaseClosed,
    /// The task was cancelled while the agent worked.
    TaskCancelled,
    /// The buyer chose another bid while the agent worked.
    TaskDecided,
    /// An answer for this call was taken before: only the first counts.
    Duplicate,
    /// The attempt's lease was taken over; whoever holds it now writes.
    StaleAttempt,
}

impl Failure {
    /// All of them, the guard's standing for any of its codes.
    pub const ALL: [Failure; 15] = [
        Failure::NotMade,
        Failure::Refused("address_refused"),
        Failure::Connect,
        Failure::Tls,
        Failure::NoResponse,
        Failure::BrokenHead,
        Failure::BrokenBody,
        Failure::Encoded,
        Failure::TooLarge,
        Failure::Timeout,
        Failure::PhaseClosed,
        Failure::TaskCancelled,
        Failure::TaskDecided,
        Failure::Duplicate,
        Failure::StaleAttempt,
    ];

    /// What a deadline that passed means: the agent is blamed only for its own limit.
    pub const fn at_deadline(is_own_limit: bool) -> Failure {
        if is_own_limit { Failure::Timeout } else { Failure::PhaseClosed }
    }

    /// The one table of what each failure comes to.
    pub const fn meaning(self) -> Meaning {
        match self {
            Failure::NotMade => Meaning::ends(Outcome::PlatformFault, "request_not_made"),
            Failure::Refused(code) => Meaning::ends(Outcome::Unreachable, code),
            Failure::Connect => Meaning::unanswered("connect_error"),
            Failure::Tls => Meaning::ends(Outcome::Unreachable, "tls_error"),
            Failure::NoResponse => Meaning::unanswered("transport"),
            Failure::BrokenHead => Meaning::ends(Outcome::InvalidResponse, "transport"),
            Failure::BrokenBody => Meaning::ends(Outcome::InvalidResponse, "transport_body"),
            Failure::Encoded => Meaning::ends(Outcome::InvalidResponse, "encoding_refused"),
            Failure::TooLarge => Meaning::ends(Outcome::InvalidResponse, "body_too_large"),
            Failure::Timeout => Meaning::ends(Outcome::Timeout, "timeout"),
            Failure::PhaseClosed => Meaning::ends(Outcome::Late, "phase_closed"),
            Failure::TaskCancelled => Meaning::ends(Outcome::Cancelled, "task_closed"),
            Failure::TaskDecided => Meaning::ends(Outcome::Superseded, "task_closed"),
            Failure::Duplicate => Meaning::nothing("duplicate"),
            Failure::StaleAttempt => Meaning::nothing("stale_attempt"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_domain::invitation::{Probe, Reliability};

    #[test]
    fn status_lines() {
        let check = |status, encoding, asynchronous, expected: &str| {
            let got = match classify(status, encoding, asynchronous) {
                StatusLine::Answer => "answer",
                StatusLine::Acknowledged => "ack",
                StatusLine::Over(meaning) => meaning.code,
            };
            assert_eq!(got, expected, "{status} {encoding:?} {asynchronous}");
        };
        check(200, None, false, "answer");
        check(200, Some("Identity"), false, "answer");
        check(200, Some(" identity , "), false, "answer");
        check(200, Some("gzip"), false, "encoding_refused");
        check(200, Some("identity, br"), false, "encoding_refused");
        check(503, Some("gzip"), false, "status_503");
        check(202, None, false, "http_status");
        check(202, None, true, "ack");
        check(200, Some("gzip"), true, "ack");
        check(201, None, true, "http_status");
        check(422, None, true, "status_422");
        check(307, None, true, "redirect");
    }

    #[test]
    fn no_status_and_no_number_beyond_statuses_is_sent_again_or_free_of_an_outcome() {
        for status in (0..=u16::MAX).filter(|status| *status != 200) {
            let StatusLine::Over(meaning) = classify(status, None, false) else {
                panic!("{status} is no answer")
            };
            assert!(
                !meaning.may_send_again && meaning.outcome.is_some_and(|o| o != Outcome::Valid),
                "{status}"
            );
        }
    }

    #[test]
    fn one_more_send_only_while_no_byte_of_an_answer_has_arrived() {
        let again: Vec<Failure> = Failure::ALL.into_iter().filter(|f| f.meaning().may_send_again).collect();
        assert_eq!(again, [Failure::Connect, Failure::NoResponse]);
    }

    #[test]
    fn nobody_is_charged_for_our_doing_or_for_the_buyers() {
        let free = [
            Failure::NotMade,
            Failure::at_deadline(false),
            Failure::TaskCancelled,
            Failure::TaskDecided,
            Failure::Duplicate,
            Failure::StaleAttempt,
        ];
        for failure in Failure::ALL {
            let charged = failure
                .meaning()
                .outcome
                .is_some_and(|outcome| outcome.reliability(Probe::Passing) == Reliability::Counted);
            assert_eq!(charged, !free.contains(&failure), "{failure:?}");
        }
    }
}
