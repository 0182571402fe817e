//! Reading requests: bodies, ids in paths, queries. Everything that is wrong becomes a problem.

use crate::{fields::Fields, problem::Problem};
use axum::body::{Bytes, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use gavel_domain::limits::REQUEST_BYTES;
use gavel_domain::{AgentId, BidId, TaskId};
use http::{HeaderMap, StatusCode, header, request::Parts};
use std::str::FromStr;
use std::time::Duration;

/// How long a body may take to arrive: below the limit of a whole request, so that the client is told what was slow.
const BODY_LIMIT: Duration = Duration::from_secs(20);

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
        if request.body().size_hint().lower() > REQUEST_BYTES as u64 {
            return Err(unreadable(StatusCode::PAYLOAD_TOO_LARGE)); // said so itself: nothing of it is read
        }
        let read = tokio::time::timeout(BODY_LIMIT, Bytes::from_request(request, state)).await;
        let raw = read.map_err(|_| Problem::slow_body())?.map_err(|cause| unreadable(cause.status()))?;
        if !is_json && !raw.is_empty() {
            let detail = "Send the body as application/json.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", "Not JSON", detail));
        }
        Ok(Body { fields: Fields::parse(&raw)?, raw })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let media_type = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn unreadable(status: StatusCode) -> Problem {
    if status != StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::malformed("The body could not be read to its end.");
    }
    let most = REQUEST_BYTES / 1024;
    Problem::new(status, "too_large", "The body is too large", format!("Send at most {most} KiB."))
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

    async fn refused(request: http::request::Builder, body: axum::body::Body) -> Problem {
        let request = request.header("content-type", "application/json").body(body).unwrap();
        Body::from_request(request, &()).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_told_as_slow() {
        let never = axum::body::Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        assert_eq!(refused(Request::builder(), never).await.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_body_that_says_it_is_too_large_is_not_read() {
        let large = axum::body::Body::from(vec![b' '; REQUEST_BYTES + 1]);
        assert_eq!(refused(Request::builder(), large).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
