//! What comes back: the head's few facts, and as much of the body as is wanted.

use crate::failure::in_the_body;
use crate::limits::{FRAMING, HEADER_BYTES_TOLD, HEADER_VALUE_BYTES_TOLD, HEADERS_TOLD};
use crate::meter::Tally;
use crate::steps::Step;
use bytes::{Bytes, BytesMut};
use gavel_dispatcher::transport::{FailureKind, Reply, Request, SendFailure};
use http::Response;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
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
        tally: &Arc<Tally>,
        connection: CaptureConnection,
    ) -> Self {
        let (head, body) = response.into_parts();
        let (status, tally) = (head.status.as_u16(), Arc::clone(tally));
        Self { status, headers: head.headers, body, tally, connection, ended: false }
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
            headers: told(&self.headers),
            ..Reply::default()
        };
        if reply.content_encoding.is_none() {
            let tally = Arc::clone(&self.tally);
            reply.body = tally.steps.measure(Step::Body, self.body(request, error_body_wait)).await?;
        }
        Ok(reply)
    }

    async fn body(&mut self, request: &Request, error_body_wait: Duration) -> Result<Bytes, SendFailure> {
        if self.status == 200 {
            return self.whole_body(request.body_cap).await;
        }
        let until = request.deadline.min(Instant::now() + error_body_wait);
        Ok(self.start_of_body(request.error_body_cap, until).await)
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

/// The headers for the developer's log: as many as the limits hold, and how much is not shown.
fn told(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut told = Vec::with_capacity(headers.len().min(HEADERS_TOLD + 1));
    let mut room = HEADER_BYTES_TOLD;
    for (name, value) in headers.iter().take(HEADERS_TOLD) {
        let Some(left) = room.checked_sub(name.as_str().len()) else { break };
        let value = cut(readable(value), left.min(HEADER_VALUE_BYTES_TOLD));
        room = left.saturating_sub(value.len());
        told.push((name.as_str().to_owned(), value));
    }
    let more = headers.len() - told.len();
    if more > 0 {
        told.push(("…".to_owned(), format!("{more} more headers are not shown")));
    }
    told
}

/// The value as text; bytes that are no text are shown as `\xff`.
fn readable(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(|_| bytes.escape_ascii().to_string(), str::to_owned)
}

/// The start of a text that is longer than `most`, with how much is missing.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let kept = text.floor_char_boundary(most);
        let missing = text.len() - kept;
        text.truncate(kept);
        text.push_str(&format!("… ({missing} more bytes)"));
    }
    text
}

/// The start of the header's lines joined, or `None` where there is none.
fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    let joined = lines.map(|line| line.into_owned()).reduce(|all, line| format!("{all}, {line}"));
    joined.map(|text| cut(text, HEADER_VALUE_BYTES_TOLD))
}

/// `identity` names no encoding; neither does an empty value.
fn is_encoding(named: &str) -> bool {
    let named = named.trim();
    !named.is_empty() && !named.eq_ignore_ascii_case("identity")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn every_line_is_told_and_what_is_no_text_is_shown_as_such() {
        let lines: &[(&str, &[u8])] = &[
            ("x-a", b"1"),
            ("set-cookie", b"a=b"),
            ("set-cookie", b"c=d"),
            ("x-b", "ü".as_bytes()),
            ("x-c", b"a\xff"),
        ];
        let expected =
            [("x-a", "1"), ("set-cookie", "a=b"), ("set-cookie", "c=d"), ("x-b", "ü"), ("x-c", "a\\xff")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(told(&headers(lines)), expected);
    }

    #[test]
    fn what_is_left_out_is_said() {
        let long = "é".repeat(HEADER_VALUE_BYTES_TOLD);
        let kept = "é".repeat(HEADER_VALUE_BYTES_TOLD / 2);
        let expected = format!("{kept}… ({HEADER_VALUE_BYTES_TOLD} more bytes)");
        assert_eq!(told(&headers(&[("x-long", long.as_bytes())]))[0].1, expected);

        let many = told(&headers(&[("x-one", b"1".as_slice()); HEADERS_TOLD + 3]));
        let last = ("…".to_owned(), "3 more headers are not shown".to_owned());
        assert_eq!((many.len(), many.last()), (HEADERS_TOLD + 1, Some(&last)));

        let bytes: usize = {
            let heavy = told(&headers(&[("x-heavy", long.as_bytes()); HEADERS_TOLD]));
            assert!(heavy.last().is_some_and(|(name, _)| name == "…"), "{heavy:?}");
            heavy.iter().map(|(name, value)| name.len() + value.len()).sum()
        };
        assert!(bytes < HEADER_BYTES_TOLD + 200, "{bytes}");
    }
}
