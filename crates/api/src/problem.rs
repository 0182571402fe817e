//! Every error as problem+json (RFC 9457), those of axum and tower included.

use crate::reply::{Answer, Json, PROBLEM_JSON, written};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use gavel_contract::rest::{FieldError, ProblemBody};
use gavel_domain::{Chain, Timestamp};
use gavel_store::Seldom;
use gavel_store::choices::Refusal;
use http::{HeaderValue, StatusCode, header};
use std::borrow::Cow;
use std::time::Duration;

/// What a busy server asks a caller to wait.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    title: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    /// Seconds after which it may be tried again.
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Problem {
            status,
            code: Cow::Borrowed(code),
            title,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// 400: what came is no JSON, or no HTTP we can read.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read", detail)
    }

    /// 401.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A valid key is needed", detail)
    }

    /// 403.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This key may not do that", detail)
    }

    /// 404, for what does not exist and for what is somebody else's alike.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", format!("There is no such {what}."))
    }

    /// 410: the texts of a task that ended long ago.
    pub(crate) fn removed(at: Timestamp) -> Self {
        let detail = format!(
            "The texts of this task were removed on {}: this server keeps them for some time after a task has ended. \
             The task, its bids' prices and scores, its events and its money are kept.",
            at.date_naive()
        );
        Self::new(StatusCode::GONE, "removed_by_retention", "Its texts are no longer kept", detail)
    }

    /// 409.
    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, "The request does not fit the present state", detail)
    }

    /// 429.
    pub(crate) fn too_many(code: &'static str, detail: impl Into<String>, retry_after: TimeDelta) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, "Too many requests", detail).again_after(retry_after)
    }

    /// The same request may be sent again once so much time has passed.
    pub(crate) fn again_after(self, wait: TimeDelta) -> Self {
        // A part of a second counts as a whole one: whoever comes back then is not too early.
        let seconds = u64::try_from(wait.num_milliseconds()).unwrap_or(0).div_ceil(1000);
        Problem { retry_after: Some(seconds.max(1)), ..self }
    }

    /// 422 with everything that is wrong. One problem with a code of its own gives it to the whole.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] if only.field.is_empty() => only.message.clone(),
            [only] => format!("{}: {}", only.field, only.message),
            many => format!("{} fields are not as they must be; see errors.", many.len()),
        };
        let code = match errors.as_slice() {
            [FieldError { code: Some(code), .. }] => Cow::Owned(code.clone()),
            _ => Cow::Borrowed("validation"),
        };
        let title = "The request breaks a rule";
        Problem { status: StatusCode::UNPROCESSABLE_ENTITY, code, title, detail, errors, retry_after: None }
    }

    /// 422 about one field.
    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(field, message)])
    }

    /// 500. The cause is logged and never told.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed for a reason of our own");
        let detail = "Something went wrong on our side; it is logged. Try again, or tell the operator.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
    }

    /// 408.
    pub(crate) fn slow_body() -> Self {
        let detail = "The body did not arrive in time; nothing was changed. Send the request again.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "slow_body", "The body came too slowly", detail)
    }

    /// 504.
    pub(crate) fn timeout() -> Self {
        let detail = "The request took too long and may still be carried out; look before you send it again, or \
            send it with the same Idempotency-Key.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "Too slow", detail)
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    #[cfg(test)]
    pub(crate) fn errors(&self) -> &[FieldError] {
        &self.errors
    }
}

impl Problem {
    /// Whether it is the request's own fault: it would be refused again. Who only comes too early may come again.
    pub(crate) fn is_refusal(&self) -> bool {
        self.status.is_client_error() && self.status != StatusCode::TOO_MANY_REQUESTS
    }

    /// As it is kept for whoever repeats the request.
    pub(crate) fn into_answer(self) -> Result<Answer, Problem> {
        Ok(Answer { status: self.status, body: written(&self.into_body())? })
    }

    fn into_body(self) -> ProblemBody {
        ProblemBody {
            kind: format!("/problems/{}", self.code),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            code: self.code.into_owned(),
            detail: self.detail,
            errors: self.errors,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = (status, Json(self.into_body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An outage meets every request, and is told for some of them.
pub(crate) static OUTAGE: Seldom = Seldom::every(Duration::from_secs(5));

impl From<gavel_store::Error> for Problem {
    fn from(error: gavel_store::Error) -> Self {
        match error {
            gavel_store::Error::Busy(cause) => {
                if OUTAGE.is_news() {
                    tracing::warn!(%cause, "the database is busy or away");
                }
                busy()
            }
            gavel_store::Error::Taken { what } => Problem::conflict("taken", format!("{what} is taken.")),
            other => Problem::internal(&Chain(&other)),
        }
    }
}

/// 503: nothing was changed, the same request may be sent again.
pub(crate) fn busy() -> Problem {
    let detail = "The database is busy; nothing was changed. Try again in a second.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy", detail)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let sentence = format!("This cannot be done: {refusal}.");
        match refusal {
            Refusal::State(_) => Problem::conflict("wrong_state", sentence),
            Refusal::NoSuchBid => Problem::not_found("bid"),
            Refusal::NotPresented => Problem::conflict("not_presented", sentence),
            Refusal::NoDelivery => Problem::conflict("no_delivery", sentence),
            Refusal::NoRevisionsLeft(_) => Problem::conflict("no_revisions_left", sentence),
        }
    }
}
