//! Reading requests: bodies, ids in paths, queries. Everything that is wrong becomes a problem.

use crate::{fields::Fields, problem::Problem};
use axum::body::{Bytes, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use gavel_domain::{AgentId, AttemptId, BidId, TaskId};
use http::{HeaderMap, StatusCode, header, request::Parts};
use http_body_util::LengthLimitError;
use std::str::FromStr;
use std::time::Duration;

/// A JSON body: its fields, and its bytes as they came (for the fingerprint of an idempotent request).
#[derive(Debug)]
pub(crate) struct Body {
    /// To be read and finished.
    pub(crate) fields: Fields,
    /// Byte for byte.
    pub(crate) raw: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        // It is whole already: every lane reads it before a handler begins.
        let raw = Bytes::from_request(request, state).await;
        let raw = raw.map_err(|_| Problem::malformed("The body could not be read to its end."))?;
        if !is_json && !raw.is_empty() {
            let detail = "Send the body as application/json.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", "Not JSON", detail));
        }
        Ok(Body { fields: Fields::parse(&raw)?, raw })
    }
}

/// The request with its body read to the end, within `limit` and at most `bytes` of it.
pub(crate) async fn whole(request: Request, limit: Duration, bytes: usize) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    if body.size_hint().lower() > bytes as u64 {
        return Err(too_large(bytes)); // said so itself: nothing of it is read
    }
    let read = tokio::time::timeout(limit, axum::body::to_bytes(body, bytes)).await;
    let raw = read.map_err(|_| Problem::slow_body())?.map_err(|cause| {
        let is_long = std::error::Error::source(&cause).is_some_and(|source| source.is::<LengthLimitError>());
        if is_long { too_large(bytes) } else { Problem::malformed("The body could not be read to its end.") }
    })?;
    Ok(Request::from_parts(parts, raw.into()))
}

fn too_large(bytes: usize) -> Problem {
    let detail = format!("Send at most {} KiB.", bytes / 1024);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large", detail)
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let media_type = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

macro_rules! path_ids {
    ($($(#[$doc:meta])* $name:ident { $($field:literal: $id:ty),+ })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name($(pub(crate) $id),+);

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;
            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let params = RawPathParams::from_request_parts(parts, state)
                    .await
                    .map_err(|_| Problem::field("path", "is not UTF-8"))?;
                Ok($name($(path_id::<$id>(&params, $field)?),+))
            }
        }
    )*};
}

path_ids! {
    /// `/tasks/{task_id}`
    TaskPath { "task_id": TaskId }
    /// `/tasks/{task_id}/bids/{bid_id}`
    BidPath { "task_id": TaskId, "bid_id": BidId }
    /// `/developers/agents/{agent_id}`
    AgentPath { "agent_id": AgentId }
    /// `/developers/agents/{agent_id}/deliveries/{attempt_id}`
    AttemptPath { "agent_id": AgentId, "attempt_id": AttemptId }
}

fn path_id<T: FromStr>(params: &RawPathParams, name: &str) -> Result<T, Problem> {
    let text = params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    text.parse().map_err(|_| Problem::field(name, "must be a UUID"))
}

/// The query string as names and values.
#[derive(Debug)]
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or("");
        Ok(Query(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::convert::Infallible;

    const LIMIT: Duration = Duration::from_secs(30);
    const BYTES: usize = 1024;

    fn request(body: impl Into<axum::body::Body>) -> Request {
        Request::builder().header("x-kept", "1").body(body.into()).unwrap()
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together() {
        let pieces = stream::iter(["{", "}"].map(|piece| Ok::<_, Infallible>(Bytes::from(piece))));
        let whole = whole(request(axum::body::Body::from_stream(pieces)), LIMIT, BYTES).await.unwrap();
        assert_eq!(whole.headers()["x-kept"], "1");
        assert_eq!(whole.body().size_hint().exact(), Some(2), "nothing of it is still to come");
        assert_eq!(Bytes::from_request(whole, &()).await.unwrap(), "{}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_told_as_slow() {
        let never = axum::body::Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let slow = whole(request(never), LIMIT, BYTES).await.unwrap_err();
        assert_eq!(slow.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_body_that_says_it_is_too_large_is_not_read() {
        let large = whole(request(vec![b' '; BYTES + 1]), LIMIT, BYTES).await.unwrap_err();
        assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_body_that_turns_out_too_large_is_read_no_further() {
        let pieces = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b' '; 100])));
        let large = whole(request(axum::body::Body::from_stream(pieces)), LIMIT, BYTES).await.unwrap_err();
        assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
