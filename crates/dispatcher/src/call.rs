//! One call: everything a fan-out needs to send, and what it writes down while sending.

use crate::reply::Ended;
use async_trait::async_trait;
use bytes::Bytes;
use gavel_domain::invitation::{AttemptResult, Mode};
use gavel_domain::{AttemptId, InvitationId, Money, TaskId, Timestamp};
use std::fmt;

/// One agent to be called, with an attempt row already written for the first send.
#[derive(Clone)]
pub struct Call {
    /// What is being sent.
    pub invitation: InvitationId,
    /// The task, for the headers.
    pub task: TaskId,
    /// Prototype or final.
    pub mode: Mode,
    /// 0 for the prototype and the first final call, then one per revision.
    pub revision: u32,
    /// The agent's endpoint.
    pub url: String,
    /// The envelope, serialised once: these bytes are signed and sent.
    pub body: Bytes,
    /// When the call ends; as planned, never moved.
    pub deadline_at: Timestamp,
    /// Whether that is the call's own limit or the end of the phase.
    pub deadline_is_own_limit: bool,
    /// The attempt row of the first send, number `sends_so_far + 1`.
    pub first_attempt: AttemptId,
    /// Sends already made under this webhook-id, lost with an earlier process.
    pub sends_so_far: u32,
    /// What the request is signed with.
    pub credentials: Credentials,
    /// The task's budget: the price where the agent names none, and the most it may name.
    pub budget: Money,
}

/// What a request to one developer's agent carries and is signed with.
#[derive(Clone)]
pub struct Credentials {
    /// The developer's `ait_` key.
    pub key: String,
    /// The agent's `whsec_` secrets, the current one first.
    pub secrets: Vec<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("invitation", &self.invitation).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// Where a second send is written down before it is made.
#[async_trait]
pub trait Journal: Send + Sync {
    /// In one transaction completes the row of the send that brought nothing back and writes the row of send
    /// `number`. The request leaves only after this has returned.
    ///
    /// # Errors
    /// [`Stop`] where no further send may be made: the invitation has ended, the lease is lost, the rows could not be
    /// written. Nothing has been stored then.
    async fn send_again(&self, call: &Call, lost: &Lost<'_>, number: u32) -> Result<AttemptId, Stop>;
}

/// A send that brought nothing back.
#[derive(Debug, Clone, Copy)]
pub struct Lost<'a> {
    /// Its row.
    pub attempt: AttemptId,
    /// What the row is completed with.
    pub result: &'a AttemptResult,
}

/// No further send may be made, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no second send: {0}")]
pub struct Stop(pub String);

/// A call that is over. The caller stores `result` with the attempt and `ended` with the invitation, in one
/// transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// Whose call it was.
    pub invitation: InvitationId,
    /// The last send's row, not yet completed.
    pub attempt: AttemptId,
    /// What came of that send, for its row.
    pub result: AttemptResult,
    /// How the call ended.
    pub ended: Ended,
}
