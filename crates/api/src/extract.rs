//! Reading requests: bodies, ids in paths, queries. Everything that is wrong becomes a problem.

use crate::{fields::Fields, problem::Problem};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use gavel_domain::{AgentId, AttemptId, BidId, SubscriptionId, TaskId, WebhookDeliveryId};
use http::{HeaderMap, StatusCode, header, request::Parts};
use std::str::FromStr;

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
        // It is whole already: every lane reads it (bodies.rs) before a handler begins.
        let raw = Bytes::from_request(request, state).await;
        let raw = raw.map_err(|_| Problem::malformed("The body could not be read to its end."))?;
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

macro_rules! path_ids {
    ($($(#[$doc:meta])* $name:ident { $($field:literal: $id:ty),+ })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
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
    /// `/admin/agents/{slug}/visibility`
    SlugPath { "slug": String }
    /// `/developers/agents/{agent_id}/deliveries/{attempt_id}`
    AttemptPath { "agent_id": AgentId, "attempt_id": AttemptId }
    /// `/webhook-subscriptions/{subscription_id}`
    SubscriptionPath { "subscription_id": SubscriptionId }
    /// `/webhook-subscriptions/{subscription_id}/deliveries/{delivery_id}`
    WebhookDeliveryPath { "subscription_id": SubscriptionId, "delivery_id": WebhookDeliveryId }
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
