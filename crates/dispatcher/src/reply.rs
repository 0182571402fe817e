//! What an answer or a failure means: the outcome, its code, and what the developer's log shows.

use crate::call::{Call, Credentials};
use crate::retry::may_send_again;
use crate::transport::{FailureKind, Reply, SendFailure};
use gavel_contract::agent::{answer, outcome};
use gavel_domain::invitation::{Answer, Outcome};
use gavel_domain::limits::ERROR_BODY_BYTES;

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
