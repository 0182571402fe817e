//! Every bound of the client that is not the request's own deadline or cap.

use std::time::Duration;

/// Bytes on the wire for one byte of a body, at worst: an agent that streams byte by byte sends `1\r\nx\r\n`. What
/// costs more is padding, not an answer.
pub(crate) const FRAMING: u64 = 6;
/// Headers of an answer that are kept for the developer's log. Real answers have about ten, behind proxies thirty.
pub(crate) const HEADERS_TOLD: usize = 64;
/// Bytes of one value that are kept: a policy or a cookie that is longer says nothing more to a reader.
pub(crate) const HEADER_VALUE_BYTES_TOLD: usize = 1024;
/// Bytes of all names and values that are kept, as much as most servers take themselves.
pub(crate) const HEADER_BYTES_TOLD: usize = 8 * 1024;
/// The parser works with no less.
pub(crate) const HEAD_BYTES_LEAST: usize = 8 * 1024;

/// How long the steps of a request may take and how much is kept open. The defaults are for strangers' servers on
/// the internet; a request's own deadline cuts all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Looking a name up. A hanging name server must not eat a call's whole time.
    pub look_up: Duration,
    /// Connection and TLS handshake. A server that takes longer to say hello is down, and the second send may still
    /// reach it when it is back.
    pub connect: Duration,
    /// How long an unused connection is kept. Below the 5 s after which common servers close theirs: a request on a
    /// connection that is just being closed is lost and costs the agent one of its two sends.
    pub idle: Duration,
    /// Unused connections kept per host: as many as an agent is sent calls at once by default.
    pub idle_per_host: usize,
    /// Headers of an answer. Real ones have about ten; each costs memory before the body's cap counts.
    pub headers: usize,
    /// Bytes of one head. Servers themselves take 8 to 32 KiB; it is held in memory until it is complete.
    pub head_bytes: usize,
    /// Bytes until the answer's own head is complete, all interim heads (1xx) together. Above `head_bytes`, because
    /// the first bytes of the body may come with the head.
    pub before_the_body: usize,
    /// How long the body of an answer other than 200 is waited for. Its status is the verdict already; the body is
    /// only a help for the developer.
    pub error_body_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            look_up: Duration::from_secs(5),
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(4),
            idle_per_host: 8,
            headers: 100,
            head_bytes: 64 * 1024,
            before_the_body: 128 * 1024,
            error_body_wait: Duration::from_secs(2),
        }
    }
}
