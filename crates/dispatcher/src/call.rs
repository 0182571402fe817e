//! One call: everything a fan-out needs to send, and what it writes down while sending.

use crate::lanes::{Ask, Place};
use crate::reply::Said;
use async_trait::async_trait;
use bytes::Bytes;
use gavel_contract::agent::answer::Expectation;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::AttemptResult;
use gavel_domain::{AttemptId, TaskId, Timestamp};
use std::fmt;
use std::time::Duration;

/// One agent to be called.
#[derive(Clone)]
pub struct Call {
    /// What is being sent; its text is the `webhook-id`.
    pub key: ExchangeKey,
    /// Who is called, for whom, and how many calls there may be at once.
    pub ask: Ask,
    /// The task, for the headers.
    pub task: TaskId,
    /// The agent's endpoint.
    pub url: String,
    /// The envelope, serialised once: these bytes are signed and sent.
    pub body: Bytes,
    /// When the call ends; as planned, never moved.
    pub deadline_at: Timestamp,
    /// Whether that is the call's own limit or the end of the phase.
    pub deadline_is_own_limit: bool,
    /// How long an asynchronous agent may take to say that it has the brief; `None` for one whose answer is the work.
    pub acknowledge_within: Option<Duration>,
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
    /// What an asynchronous agent signs its result with.
    pub callback_secret: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A send that may leave now: its row is written and its place is taken.
#[derive(Debug)]
pub struct Begun {
    /// The row of this send.
    pub attempt: AttemptId,
    /// Held until the call is over.
    pub place: Place,
}

/// A send whose row is written.
#[derive(Debug)]
pub struct Sendable {
    /// The row.
    pub attempt: AttemptId,
    /// Where it goes.
    pub url: String,
    /// What it is signed with.
    pub credentials: Credentials,
}

/// Where sends are written down: before one leaves, its row exists.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Completes the row of a send that brought nothing back and is followed by another. The last send's row is
    /// completed by whoever takes the [`Settled`].
    async fn end(&self, attempt: AttemptId, result: &AttemptResult);

    /// Writes the row of send `number` of `call`, and gives where it goes and what to sign it with now: its developer
    /// may have changed both since it was planned. The request leaves only after this has returned. `None`: the agent has as many calls under way as it takes, from another process or an
    /// earlier one; ask again a little later.
    ///
    /// # Errors
    /// [`Stop`] where no send may be made: the invitation has ended, the lease is lost, the row could not be written.
    async fn begin(&self, call: &Call, number: u32) -> Result<Option<Sendable>, Stop>;
}

/// No send may be made, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing more was sent: {0}")]
pub struct Stop(pub String);

/// A call that is over, as far as sending goes. The caller stores what came of the last send (storing it twice is
/// harmless: it is the same) and what the agent said.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// Whose call it was.
    pub key: ExchangeKey,
    /// The last send's row and what came of it; `None` where nothing was sent.
    pub last_send: Option<(AttemptId, AttemptResult)>,
    /// What the agent said.
    pub said: Said,
}
