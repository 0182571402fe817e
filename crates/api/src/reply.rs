//! Answers.

use crate::problem::Problem;
use axum::response::{IntoResponse, Response};
use gavel_store::Once;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// Set on an answer that was given before under the same `Idempotency-Key`.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A JSON answer.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_string(&self.0) {
            Ok(body) => text(StatusCode::OK, body),
            Err(cause) => {
                tracing::error!(%cause, "an answer could not be written as JSON");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// JSON that is already written.
pub(crate) fn text(status: StatusCode, body: String) -> Response {
    let json = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, json)], body).into_response()
}

/// JSON to be stored under a key and answered now and again.
pub(crate) fn written<T: Serialize>(view: &T) -> Result<String, Problem> {
    serde_json::to_string(view).map_err(|cause| Problem::internal(&cause))
}

/// What happened now or before under the key; `fresh` makes the answer of what happened now.
pub(crate) fn once<T>(
    once: Once<T>,
    fresh: impl FnOnce(T) -> Result<Response, Problem>,
) -> Result<Response, Problem> {
    match once {
        Once::Fresh(value) => fresh(value),
        Once::Replayed { status, body } => {
            let mut again = text(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), body);
            again.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(again)
        }
        Once::Mismatch => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "The Idempotency-Key was used before",
            "This Idempotency-Key was used for another request; use a new key for each new request.",
        )),
    }
}
