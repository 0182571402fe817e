//! While the database is known to be away nobody waits for it: requests are turned away at once, and tell when to come
//! again. What was under way when it went hears the same within the time that a connection may be waited for.

use crate::{AppState, problem::Problem};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use http::StatusCode;

/// When a request may come again; the database is looked at more often.
const COME_AGAIN: TimeDelta = TimeDelta::seconds(2);
/// What does not need the database is answered all the same: health, documentation.
const NEEDS_IT: &str = "/api/";

pub(crate) async fn turn_away(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if state.store.pulse().is_away() && request.uri().path().starts_with(NEEDS_IT) {
        let detail = "The database is away; nothing was changed. Try again in some seconds.";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy", detail);
        return problem.again_after(COME_AGAIN).into_response();
    }
    next.run(request).await
}
