//! Answers.

use crate::problem::Problem;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// Set on an answer that was given before under the same `Idempotency-Key`.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The type of what says why something was not done.
pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

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

/// JSON as it is answered.
pub(crate) fn written<T: Serialize>(view: &T) -> Result<String, Problem> {
    serde_json::to_string(view).map_err(|cause| Problem::internal(&cause))
}

/// What is answered now, and again to whoever repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// JSON.
    pub(crate) body: String,
}

impl Answer {
    /// 200.
    pub(crate) fn ok<T: Serialize>(view: &T) -> Result<Answer, Problem> {
        Ok(Answer { status: StatusCode::OK, body: written(view)? })
    }

    /// 201.
    pub(crate) fn created<T: Serialize>(view: &T) -> Result<Answer, Problem> {
        Ok(Answer { status: StatusCode::CREATED, body: written(view)? })
    }

    /// 202: it has begun.
    pub(crate) fn accepted<T: Serialize>(view: &T) -> Result<Answer, Problem> {
        Ok(Answer { status: StatusCode::ACCEPTED, body: written(view)? })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = text(self.status, self.body);
        if self.status.is_client_error() {
            response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        }
        response
    }
}
