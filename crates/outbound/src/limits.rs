//! Every bound of the client that is not the request's own deadline or cap.

use std::time::Duration;

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
            error_body_wait: Duration::from_secs(2),
        }
    }
}
