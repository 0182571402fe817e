//! What an answer or a failure means: the outcome, its code, and what the developer's log shows.

use crate::call::Call;
use crate::redact::Secrets;
use crate::retry::may_send_again;
use crate::transport::{FailureKind, Reply, SendFailure};
use gavel_contract::agent::{answer, outcome};
use gavel_domain::invitation::{Answer, Outcome};
use gavel_domain::limits::ERROR_BODY_BYTES;

/// How much of a header's value is told to the developer: any honest one is shorter.
const HEADER_CHARS_MAX: usize = 100;

/// How a call ended, as far as its last send goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The outcome.
    pub outcome: Outcome,
    /// The finer code: `ok`, `status_503`, `price_over_budget`, `connect_error`...
    pub code: String,
    /// The answer, exactly when the outcome is valid.
    pub answer: Option<Answer>,
    /// What was dropped or cut, or what went wrong, in words for the developer.
    pub warnings: Vec<String>,
    /// The start of the body of an answer that is not taken, without the developer's secrets.
    pub error_body: Option<String>,
    /// The HTTP status, where one arrived.
    pub status: Option<u16>,
    /// Whether this leaves room for one more send: no byte of an answer has arrived.
    pub retry: bool,
}

/// What one send of `call` came to.
pub fn read(sent: Result<Reply, SendFailure>, call: &Call) -> Ended {
    let secrets = Secrets::of(&call.credentials);
    let ended = match sent {
        Err(failure) => failed(failure, call),
        Ok(reply) if reply.status != 200 => bad_status(&reply, &secrets),
        Ok(Reply { content_encoding: Some(encoding), .. }) => encoded(&encoding),
        Ok(reply) => judged(&reply, call, &secrets),
    };
    Ended { warnings: ended.warnings.iter().map(|warning| secrets.hide(warning)).collect(), ..ended }
}

impl Ended {
    /// The deadline passed: the agent's own limit, or the end of the phase, for which nobody is blamed.
    pub fn out_of_time(deadline_is_own_limit: bool) -> Self {
        if deadline_is_own_limit {
            Self::without_answer(
                Outcome::Timeout,
                "timeout",
                "no complete answer inside the call's time limit",
            )
        } else {
            Self::without_answer(
                Outcome::Late,
                "phase_closed",
                "the phase closed before the call's own time limit",
            )
        }
    }

    /// The agent was busy with other calls of ours until the deadline: nothing was sent, and nothing is its fault.
    pub fn never_its_turn(deadline_is_own_limit: bool) -> Self {
        let why = "the agent had as many calls under way as it takes until the call's time limit passed";
        Self::unsent_at_deadline(deadline_is_own_limit, "never_its_turn", why)
    }

    /// The deadline passed before this process could send anything: whether an earlier one had asked or not, nobody
    /// was there to hear an answer.
    pub fn away_at_deadline(deadline_is_own_limit: bool) -> Self {
        let why = "the platform was not running when the call's time limit passed";
        Self::unsent_at_deadline(deadline_is_own_limit, "away_at_deadline", why)
    }

    /// Our fault, where the phase's end has not made it nobody's.
    fn unsent_at_deadline(deadline_is_own_limit: bool, code: &str, why: &str) -> Self {
        if deadline_is_own_limit {
            Self::without_answer(Outcome::PlatformFault, code, why)
        } else {
            Self::out_of_time(false)
        }
    }

    /// All sends were made by a process that did not live to see an answer: our fault.
    pub fn sends_used_up() -> Self {
        let why = "both sends were lost with a restart of the platform";
        Self::without_answer(Outcome::PlatformFault, "sends_used_up", why)
    }

    /// Our own code failed on the way: our fault.
    pub fn panicked() -> Self {
        Self::without_answer(
            Outcome::PlatformFault,
            "panic",
            "the platform failed while it handled this call",
        )
    }

    fn without_answer(outcome: Outcome, code: &str, why: impl Into<String>) -> Self {
        Self {
            outcome,
            code: code.to_owned(),
            answer: None,
            warnings: vec![why.into()],
            error_body: None,
            status: None,
            retry: false,
        }
    }
}

fn failed(failure: SendFailure, call: &Call) -> Ended {
    let (outcome, code) = match failure.kind {
        FailureKind::Timeout => return Ended::out_of_time(call.deadline_is_own_limit),
        FailureKind::Refused(code) => (Outcome::Unreachable, code),
        FailureKind::Connect => (Outcome::Unreachable, "connect_error"),
        FailureKind::Tls => (Outcome::Unreachable, "tls_error"),
        FailureKind::NoResponse => (Outcome::Unreachable, "transport"),
        // Something came back, so the agent was reached: what it sent is not an answer.
        FailureKind::BrokenHead => (Outcome::InvalidResponse, "transport"),
        FailureKind::BrokenBody => (Outcome::InvalidResponse, "transport_body"),
        FailureKind::TooLarge => (Outcome::InvalidResponse, "body_too_large"),
        FailureKind::Ours => (Outcome::PlatformFault, "request_not_made"),
    };
    Ended { retry: may_send_again(failure.kind), ..Ended::without_answer(outcome, code, failure.message) }
}

fn bad_status(reply: &Reply, secrets: &Secrets<'_>) -> Ended {
    let (outcome, code) = outcome::of_status(reply.status);
    let mut why = format!("the agent answered {}, only 200 is an answer", reply.status);
    if let Some(wait) = &reply.retry_after {
        let wait: String = wait.chars().take(HEADER_CHARS_MAX).collect();
        why.push_str(&format!(" (Retry-After {wait} is noted, there is no further send)"));
    }
    Ended {
        status: Some(reply.status),
        error_body: kept(&reply.body, secrets),
        ..Ended::without_answer(outcome, code, why)
    }
}

fn encoded(encoding: &str) -> Ended {
    let encoding: String = encoding.chars().take(HEADER_CHARS_MAX).collect();
    let why = format!("the body is encoded ({encoding}) although only identity is accepted; it was not read");
    Ended { status: Some(200), ..Ended::without_answer(Outcome::InvalidResponse, "encoding_refused", why) }
}

fn judged(reply: &Reply, call: &Call, secrets: &Secrets<'_>) -> Ended {
    match answer::read(&reply.body, &call.expectation) {
        Ok(read) => {
            let mut warnings = read.warnings;
            let answer = secrets.hide_in_answer(read.answer, &mut warnings);
            Ended {
                outcome: Outcome::Valid,
                code: "ok".to_owned(),
                answer: Some(answer),
                warnings,
                error_body: None,
                status: Some(200),
                retry: false,
            }
        }
        Err(invalid) => Ended {
            status: Some(200),
            error_body: kept(&reply.body, secrets),
            ..Ended::without_answer(Outcome::InvalidResponse, invalid.code(), invalid.to_string())
        },
    }
}

/// The start of a body as text that any database keeps, or `None` of an empty one.
fn kept(body: &[u8], secrets: &Secrets<'_>) -> Option<String> {
    let start = &body[..body.len().min(ERROR_BODY_BYTES)];
    // U+0000 is text in JSON but not in every database.
    let text = String::from_utf8_lossy(start).replace('\0', "\u{FFFD}");
    let mut text = secrets.hide(&text);
    text.truncate(text.floor_char_boundary(ERROR_BODY_BYTES));
    (!text.is_empty()).then_some(text)
}
