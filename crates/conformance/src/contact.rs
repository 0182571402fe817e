//! Does anything answer at all? Where nothing does, that is told first, and what mends it is another thing than what
//! mends a poor answer. Pure.

use crate::case::{Verdict, Via};
use crate::judge::{is_refusal, told};
use crate::stage::Asked;
use gavel_dispatcher::transport::{FailureKind, SendFailure};
use serde_json::{Value, json};

const KEYS: &str = "the agent does not know this key or this signature: give --key and --secret exactly as the agent \
                    has them";
const ACKNOWLEDGED: &str = "an agent that acknowledges and calls back is asynchronous: run with --mode async; a \
                            synchronous one answers 200 with the work itself";
const AWAITED: &str = "bring the object that a synchronous agent would answer, in time (--timeout here): the cases under \
                       callback or pull say what kept it from being taken";

/// Nobody answered anything over this transport: of the agent nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// The transport.
    pub via: Via,
    /// What happened instead.
    pub why: String,
    /// What to do.
    pub fix: &'static str,
}

impl Silence {
    /// What the exchanges say of a transport, where each of them remained without a byte of an answer.
    pub fn of(via: Via, exchanges: &[&Asked]) -> Option<Silence> {
        let last = exchanges.last()?;
        if !exchanges.iter().all(|asked| asked.failure.as_ref().is_some_and(is_silence)) {
            return None;
        }
        let failure = last.failure.as_ref()?;
        let why = match failure.kind {
            FailureKind::Timeout => last.trouble.clone().unwrap_or_default(),
            _ => failure.message.clone(),
        };
        Some(Silence { via, why, fix: fix_of(failure.kind)? })
    }

    /// For machines.
    pub fn document(&self) -> Value {
        json!({ "transport": self.via.name(), "reason": self.why, "fix": self.fix })
    }
}

fn is_silence(failure: &SendFailure) -> bool {
    match failure.kind {
        FailureKind::Refused(_) | FailureKind::Connect | FailureKind::Tls | FailureKind::NoResponse => true,
        FailureKind::Timeout => failure.timing.first_byte.is_none(),
        FailureKind::BrokenHead | FailureKind::BrokenBody | FailureKind::TooLarge | FailureKind::Ours => {
            false
        }
    }
}

/// The verdict where the ordinary call has no answer that could be judged, each with what mends just that.
pub fn unanswered(asked: &Asked) -> Option<Verdict> {
    let (why, fix) = match (&asked.failure, &asked.trouble) {
        (Some(failure), trouble) => (trouble.clone().unwrap_or_default(), fix_of(failure.kind)?),
        (None, Some(trouble)) => (trouble.clone(), AWAITED),
        (None, None) if is_refusal(asked) => {
            (format!("the agent refused the call: it was {}", told(asked)), KEYS)
        }
        (None, None) if asked.status == 202 => {
            (format!("the agent only acknowledged the call: it was {}", told(asked)), ACKNOWLEDGED)
        }
        _ => return None,
    };
    Some(Verdict::Unanswered { why, fix })
}

/// What to do where the network failed so. A body that is too large has a case of its own.
pub fn fix_of(kind: FailureKind) -> Option<&'static str> {
    Some(match kind {
        FailureKind::Connect => {
            "start the agent, or name the URL at which it listens: see whether host and port are right"
        }
        FailureKind::Refused(_) => "name a host that is found at once and may be dialled from here",
        FailureKind::Tls => {
            "serve a certificate that is valid for the host of the URL and that this machine trusts, or name an \
             http:// URL"
        }
        FailureKind::NoResponse => {
            "look into the agent's log for why it hangs up; where it serves TLS, name an https:// URL"
        }
        FailureKind::BrokenHead => {
            "name a URL at which HTTP is spoken: https:// where the agent serves TLS, http:// where it does not"
        }
        FailureKind::BrokenBody => {
            "send as many bytes as Content-Length or the chunks say, then end the answer"
        }
        FailureKind::Timeout => {
            "see whether the agent hangs; where its work takes longer, allow more with --timeout"
        }
        FailureKind::TooLarge | FailureKind::Ours => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_that_is_silence_says_what_to_do() {
        let silent = [
            FailureKind::Refused("dns_timeout"),
            FailureKind::Connect,
            FailureKind::Tls,
            FailureKind::NoResponse,
            FailureKind::Timeout,
        ];
        for kind in silent {
            assert!(is_silence(&SendFailure::new(kind, "")) && fix_of(kind).is_some(), "{kind:?}");
        }
    }

    #[test]
    fn whoever_sent_a_byte_is_not_silent() {
        assert!(!is_silence(&SendFailure::new(FailureKind::BrokenHead, "")));
        let mut late = SendFailure::new(FailureKind::Timeout, "");
        late.timing.first_byte = Some(7);
        assert!(!is_silence(&late));
    }
}
