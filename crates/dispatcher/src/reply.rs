//! What an answer or a failure means: the outcome, its code, and what the developer's log shows.

use crate::call::{Call, Credentials};
use crate::redact::Secrets;
use crate::retry::may_send_again;
use crate::transport::{FailureKind, Reply, SendFailure};
use gavel_contract::agent::answer::{self, Expectation};
use gavel_contract::agent::outcome::{StatusLine, classify, of_status};
use gavel_contract::agent::result::{self, AtTheDoor};
use gavel_domain::TaskId;
use gavel_domain::invitation::{Answer, Outcome, Trace};
use gavel_domain::limits::ERROR_BODY_BYTES;
use std::time::Duration;

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

/// What an agent said to a send.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// An asynchronous agent has the brief; its work comes by callback.
    Acknowledged {
        /// 200 or 202.
        status: u16,
    },
    /// The call is over.
    Ended(Box<Ended>),
}

/// What one send of `call` came to; `too_late` is how it ends where its time ran out.
pub fn read(sent: Result<Reply, SendFailure>, call: &Call, too_late: Ended) -> Said {
    let secrets = Secrets::of(&call.credentials);
    let ended = match sent {
        Err(failure) if failure.kind == FailureKind::Timeout => too_late,
        Err(failure) => failed(failure),
        Ok(reply) => {
            match classify(reply.status, reply.content_encoding.as_deref(), call.acknowledge_within.is_some())
            {
                StatusLine::Acknowledged => return Said::Acknowledged { status: reply.status },
                StatusLine::Answer => judged(&reply, call, &secrets),
                StatusLine::Over(_) if reply.status == 200 => encoded(&reply),
                StatusLine::Over(_) => bad_status(&reply, &secrets),
            }
        }
    };
    Said::Ended(Box::new(Ended {
        warnings: ended.warnings.iter().map(|warning| secrets.hide(warning)).collect(),
        ..ended
    }))
}

impl Said {
    /// Whether this leaves room for one more send.
    pub(crate) fn may_send_again(&self) -> bool {
        matches!(self, Said::Ended(ended) if ended.retry)
    }
}

/// Completes the trace of a send with what came back. An agent may echo a secret in a header too.
pub fn note(sent: &Result<Reply, SendFailure>, call: &Call, trace: &mut Trace) {
    match sent {
        Ok(reply) => {
            let secrets = Secrets::of(&call.credentials);
            let hidden = |(name, value): &(String, String)| (secrets.hide(name), secrets.hide(value));
            trace.response_headers = reply.headers.iter().map(hidden).collect();
            trace.response_bytes = Some(reply.body.len() as u64);
            trace.timing = reply.timing;
        }
        Err(failure) => trace.timing = failure.timing,
    }
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

    /// An asynchronous agent did not say in time that it has the brief.
    pub fn not_acknowledged(within: Duration) -> Self {
        let why = format!("no acknowledgement (200 or 202) within {} s", within.as_secs());
        Self::without_answer(Outcome::Timeout, "not_acknowledged", why)
    }

    /// Nothing was sent, for a reason of ours.
    pub fn not_sent(why: String) -> Self {
        Self::without_answer(Outcome::PlatformFault, "not_sent", why)
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

fn failed(failure: SendFailure) -> Ended {
    let (outcome, code) = match failure.kind {
        FailureKind::Timeout => (Outcome::Timeout, "timeout"),
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

/// What a result comes to that an agent brought to our door: by callback, or from a worker.
pub fn read_result(body: &[u8], task: TaskId, expectation: &Expectation, credentials: &Credentials) -> Ended {
    let secrets = Secrets::of(credentials);
    let ended = match result::read(body, task, expectation) {
        AtTheDoor::Answer(read) => usable(read, None, &secrets),
        AtTheDoor::Refused { code, why } => Ended {
            error_body: kept(body, &secrets),
            ..Ended::without_answer(Outcome::InvalidResponse, code, why)
        },
        AtTheDoor::GivenUp { outcome, why } => {
            Ended { error_body: kept(body, &secrets), ..Ended::without_answer(outcome, "reported", why) }
        }
    };
    Ended { warnings: ended.warnings.iter().map(|warning| secrets.hide(warning)).collect(), ..ended }
}

fn bad_status(reply: &Reply, secrets: &Secrets<'_>) -> Ended {
    let (outcome, code) = of_status(reply.status);
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

fn encoded(reply: &Reply) -> Ended {
    let encoding = reply.content_encoding.as_deref().unwrap_or_default();
    let encoding: String = encoding.chars().take(HEADER_CHARS_MAX).collect();
    let why = format!("the body is encoded ({encoding}) although only identity is accepted; it was not read");
    Ended { status: Some(200), ..Ended::without_answer(Outcome::InvalidResponse, "encoding_refused", why) }
}

fn judged(reply: &Reply, call: &Call, secrets: &Secrets<'_>) -> Ended {
    match answer::read(&reply.body, &call.expectation) {
        Ok(read) => usable(read, Some(200), secrets),
        Err(invalid) => Ended {
            status: Some(200),
            error_body: kept(&reply.body, secrets),
            ..Ended::without_answer(Outcome::InvalidResponse, invalid.code(), invalid.to_string())
        },
    }
}

fn usable(read: answer::Reading, status: Option<u16>, secrets: &Secrets<'_>) -> Ended {
    let mut warnings = read.warnings;
    let answer = secrets.hide_in_answer(read.answer, &mut warnings);
    Ended {
        outcome: Outcome::Valid,
        code: "ok".to_owned(),
        answer: Some(answer),
        warnings,
        error_body: None,
        status,
        retry: false,
    }
}

/// The start of an answer's body, taken or not, without the developer's secrets.
pub fn body_start(reply: &Reply, call: &Call) -> Option<String> {
    kept(&reply.body, &Secrets::of(&call.credentials))
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
