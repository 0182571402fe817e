//! One call: everything a fan-out needs to send, and what it writes down while sending.

use crate::reply::Ended;
use async_trait::async_trait;
use bytes::Bytes;
use gavel_contract::agent::answer::Expectation;
use gavel_domain::invitation::{AttemptResult, Mode};
use gavel_domain::{AgentId, AttemptId, InvitationId, TaskId, Timestamp};
use std::fmt;

/// One agent to be called, with an attempt row already written for the first send.
#[derive(Clone)]
pub struct Call {
    /// What is being sent.
    pub invitation: InvitationId,
    /// Who is called.
    pub agent: AgentId,
    /// How many calls it takes at once.
    pub max_concurrency: u32,
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
    /// The `User-Agent` it is sent with.
    pub user_agent: String,
    /// What its answer is held against.
    pub expectation: Expectation,
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
        f.debug_struct("Call")
            .field("invitation", &self.invitation)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Where sends are written down: before a second one is made, its row exists.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Completes the row of a send that brought nothing back and is followed by another. The last send's row is
    /// completed by whoever takes the [`Settled`].
    async fn end(&self, attempt: AttemptId, result: &AttemptResult);

    /// Writes the row of send `number` of `call`. The request leaves only after this has returned.
    ///
    /// # Errors
    /// [`Stop`] where no further send may be made: the invitation has ended, the lease is lost, the row could not be
    /// written.
    async fn begin(&self, call: &Call, number: u32) -> Result<AttemptId, Stop>;
}

/// No further send may be made, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no second send: {0}")]
pub struct Stop(pub String);

/// A call that is over. The caller stores `result` with the attempt (storing it twice is harmless: it is the same) and
/// `ended` with the invitation.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// Whose call it was.
    pub invitation: InvitationId,
    /// The last send's row.
    pub attempt: AttemptId,
    /// What came of that send, for its row.
    pub result: AttemptResult,
    /// How the call ended.
    pub ended: Ended,
}
