//! A worker brings a result.

use super::{CallPath, ResultBody, own_call, take};
use crate::auth::{ActOnAgents, May};
use crate::{AppState, problem::Problem};
use axum::extract::State;
use axum::response::Response;
use gavel_contract::rest::{ProblemBody, ResultTaken};
use http::HeaderMap;
use sha2::{Digest, Sha256};

/// Bring the result of a fetched invitation
///
/// The body is what other agents answer a POST with, or `{"error": "...", "message": "..."}` when there will be none.
/// Whichever worker brings a usable result first has answered; the same body (or the same `webhook-id`) again is
/// harmless. After a 422 a better result may follow while there is time.
#[utoipa::path(post, path = "/pull/invitations/{invitation_id}/result", tag = "agents",
    request_body(content = Object, content_type = "application/json", description = "as a POST is answered"),
    params(("invitation_id" = String, Path, description = "as it was fetched"),
        ("lease" = Option<u32>, Query, description = "for your own logs: a result counts whatever became of its lease")),
    responses((status = 202, body = ResultTaken), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 410, body = ProblemBody), (status = 413, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn result(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    CallPath(key): CallPath,
    headers: HeaderMap,
    ResultBody(body): ResultBody,
) -> Result<Response, Problem> {
    let dispatch = own_call(&state, &caller, key).await?;
    let named = headers.get("webhook-id").and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty());
    let message_id = named.map_or_else(|| hex::encode(Sha256::digest(&body)), str::to_owned);
    take(&state, (key, &dispatch), message_id, &body).await
}
