//! What the dispatcher asks of the network: one request out, one answer or one named failure back.

use async_trait::async_trait;
use bytes::Bytes;
use gavel_domain::invitation::Timing;
use std::fmt;
use tokio::time::Instant;

/// Sends one request. Implemented by `gavel-outbound` over real sockets and by scripts in tests.
///
/// An implementation sends at most once, follows no redirect, hands on the body undecoded, and is done by
/// [`Request::deadline`]. Dropping the future gives the request up and closes its connection.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` once.
    ///
    /// # Errors
    /// [`SendFailure`] where no complete answer came back. A status other than 200 is an answer.
    async fn send(&self, request: Request) -> Result<Reply, SendFailure>;
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A health probe. It carries no body, whatever the request holds.
    Get,
    /// A brief.
    Post,
}

/// One request, complete: it is sent as it stands.
#[derive(Clone)]
pub struct Request {
    /// What it does.
    pub method: Method,
    /// Where to; the transport checks it again before it connects.
    pub url: String,
    /// Names and values, in order. They carry the developer's key, so `Debug` shows only the names.
    pub headers: Vec<(String, String)>,
    /// The exact bytes that were signed.
    pub body: Bytes,
    /// When all of it (name, connection, handshake, head and body) must be over.
    pub deadline: Instant,
    /// The most bytes of a 200's body that are taken.
    pub body_cap: usize,
    /// The most bytes of any other answer's body that are kept; the rest is left unread.
    pub error_body_cap: usize,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Request").field("url", &self.url).field("headers", &names).finish_non_exhaustive()
    }
}

/// An answer with a status, whatever the status is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Encoding`, where one was named. Such a body is not read: `body` is then empty.
    pub content_encoding: Option<String>,
    /// `Retry-After` as sent, for the developer's log. It never leads to another send.
    pub retry_after: Option<String>,
    /// The body: whole for a 200, the start of it for anything else.
    pub body: Bytes,
    /// The headers as they came, for the developer's log; values that are no text are shown as such. Where there are
    /// more than is kept, the last entry is named "…" and says how many are not shown.
    pub headers: Vec<(String, String)>,
    /// How long each step took.
    pub timing: Timing,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SendFailure {
    /// What kind: this decides the outcome and whether one more send may be made.
    pub kind: FailureKind,
    /// A sentence for the developer's delivery log.
    pub message: String,
    /// How long each step took that was reached.
    pub timing: Timing,
}

impl SendFailure {
    /// A failure with its sentence.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), timing: Timing::default() }
    }
}

/// The kinds of failure, from the first step of a send to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The guard refused the address or one the name resolved to; its code.
    Refused(&'static str),
    /// The name did not resolve, nothing listens there, or the connection took too long to be made.
    Connect,
    /// The handshake failed: a certificate nobody trusts, another name, an old version, or no TLS at all.
    Tls,
    /// The connection was made and then closed before a byte of an answer arrived.
    NoResponse,
    /// Bytes arrived that are not the head of an HTTP answer.
    BrokenHead,
    /// The head arrived, but the body broke off or its framing is wrong.
    BrokenBody,
    /// The body is larger than the cap.
    TooLarge,
    /// The deadline passed.
    Timeout,
    /// The request could not even be made: our fault.
    Ours,
}
