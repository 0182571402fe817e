//! What comes back: the head's few facts, and as much of the body as is wanted.

use crate::failure::in_the_body;
use crate::limits::FRAMING;
use crate::meter::Tally;
use bytes::{Bytes, BytesMut};
use gavel_dispatcher::transport::{FailureKind, Reply, Request, SendFailure};
use http::Response;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderName, RETRY_AFTER};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::connect::CaptureConnection;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// An answer whose head has arrived. Dropped before its body's end, it takes its connection with it: what is left
/// unread is never taken for the start of another answer.
pub(crate) struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Incoming,
    tally: Arc<Tally>,
    connection: CaptureConnection,
    ended: bool,
}

impl Answer {
    pub(crate) fn new(
        response: Response<Incoming>,
        tally: Arc<Tally>,
        connection: CaptureConnection,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self { status: head.status.as_u16(), headers: head.headers, body, tally, connection, ended: false }
    }

    /// All of a 200, the start of anything else, nothing of a body that is encoded.
    pub(crate) async fn read(
        mut self,
        request: &Request,
        error_body_wait: Duration,
    ) -> Result<Reply, SendFailure> {
        let mut reply = Reply {
            status: self.status,
            content_encoding: text_of(&self.headers, CONTENT_ENCODING).filter(|named| is_encoding(named)),
            retry_after: text_of(&self.headers, RETRY_AFTER),
            body: Bytes::new(),
            ..Reply::default()
        };
        if reply.content_encoding.is_none() {
            reply.body = match reply.status {
                200 => self.whole_body(request.body_cap).await?,
                _ => {
                    let until = request.deadline.min(Instant::now() + error_body_wait);
                    self.start_of_body(request.error_body_cap, until).await
                }
            };
        }
        Ok(reply)
    }

    /// The whole body, or a failure once it is known to be larger than `cap`.
    async fn whole_body(&mut self, cap: usize) -> Result<Bytes, SendFailure> {
        let too_large =
            || SendFailure::new(FailureKind::TooLarge, format!("the answer is larger than {cap} bytes"));
        if self.body.size_hint().lower() > cap as u64 {
            return Err(too_large());
        }
        self.allow(cap);
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await.map_err(|error| in_the_body(&error, &self.tally))? {
            if body.len() + chunk.len() > cap {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// What arrives soon of a body that only explains the status. Nothing that happens to it changes the verdict.
    async fn start_of_body(&mut self, cap: usize, until: Instant) -> Bytes {
        self.allow(cap);
        let mut body = BytesMut::new();
        while body.len() < cap {
            match timeout_at(until, self.chunk()).await {
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
                Ok(Ok(None) | Err(_)) | Err(_) => break,
            }
        }
        body.truncate(cap);
        body.freeze()
    }

    fn allow(&self, cap: usize) {
        self.tally.allow((cap as u64).saturating_mul(FRAMING));
    }

    /// The next bytes of the body, or `None` at its end. Trailers say nothing to us.
    async fn chunk(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(chunk) = frame?.into_data() {
                return Ok(Some(chunk));
            }
        }
        self.ended = true;
        Ok(None)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.ended
            && let Some(connected) = self.connection.connection_metadata().as_ref()
        {
            connected.poison();
        }
    }
}

/// The header's lines joined, or `None` where there is none.
fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.map(|line| line.into_owned()).reduce(|all, line| format!("{all}, {line}"))
}

/// `identity` names no encoding; neither does an empty value.
fn is_encoding(named: &str) -> bool {
    let named = named.trim();
    !named.is_empty() && !named.eq_ignore_ascii_case("identity")
}
