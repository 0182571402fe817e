//! The result of an asynchronous agent.

use super::{Failures, ResultBody, gone, take};
use crate::peer::Peer;
use crate::{AppState, problem::Problem};
use axum::Extension;
use axum::extract::{RawPathParams, State};
use axum::response::Response;
use gavel_contract::rest::{ProblemBody, ResultTaken};
use gavel_contract::signature::{CallbackRefused, verify_callback};
use gavel_domain::Timestamp;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::ExchangeKey;
use gavel_store::dispatches::Dispatch;
use http::HeaderMap;

/// Bring the result of a call, signed with its `callback_secret`
///
/// The body is the ordinary answer, or `{"error": "...", "message": "..."}` when there will be none. It is signed like
/// our own requests: the Standard Webhooks trio, or `X-AITasker-Signature` and `X-AITasker-Timestamp`. Sending the same
/// message again (the same `webhook-id`) is harmless. After a 422 a better result may follow while there is time.
#[utoipa::path(post, path = "/callbacks/{token}", tag = "agents", security(()),
    request_body(content = Object, content_type = "application/json", description = "as a POST is answered"),
    params(("token" = String, Path, description = "as it stands in callback_url")),
    responses((status = 202, body = ResultTaken), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 410, body = ProblemBody),
        (status = 413, body = ProblemBody), (status = 422, body = ProblemBody), (status = 429, body = ProblemBody)))]
pub(crate) async fn callback(
    State(state): State<AppState>,
    Extension(failures): Extension<Failures>,
    Peer(address): Peer,
    params: RawPathParams,
    headers: HeaderMap,
    ResultBody(body): ResultBody,
) -> Result<Response, Problem> {
    let token = params.iter().find(|(name, _)| *name == "token").map_or("", |(_, token)| token);
    let (key, dispatch) = call_of(&state, token).await?;
    let secret = state.vault.callback_secret(key.invitation, key.mode, key.revision);
    let (now, headers) = (state.now(), texts(&headers));
    match verify_callback(secret.expose(), &headers, &body, now.timestamp()) {
        Ok(message_id) => take(&state, (key, &dispatch), message_id, &body).await,
        Err(CallbackRefused::Stale(header)) if is_over(&dispatch, now) => {
            // Whoever signed it well, but too long ago, learns what matters: it is too late.
            let then = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(header));
            let then = then.and_then(|(_, time)| time.parse().ok()).unwrap_or_default();
            let signed = verify_callback(secret.expose(), &headers, &body, then).is_ok();
            Err(if signed { gone() } else { unsigned(CallbackRefused::Stale(header)) })
        }
        Err(refused) => match failures.count(address, now) {
            Ok(()) => Err(unsigned(refused)),
            Err(wait) => {
                let detail = "Too many callbacks from this address were not signed by the call they name.";
                Err(Problem::too_many("too_many_failures", detail, wait))
            }
        },
    }
}

/// The call that a token of ours names, where it is one that is answered by callback.
async fn call_of(state: &AppState, token: &str) -> Result<(ExchangeKey, Dispatch), Problem> {
    let unknown = || Problem::not_found("callback");
    let (invitation, mode, revision) = state.vault.read_callback_token(token).ok_or_else(unknown)?;
    let key = ExchangeKey { invitation, mode, revision };
    let dispatch = state.store.dispatch(key).await?.filter(|dispatch| {
        dispatch.exchange.as_ref().is_some_and(|x| x.execution_mode == ExecutionMode::Async)
    });
    Ok((key, dispatch.ok_or_else(unknown)?))
}

fn is_over(dispatch: &Dispatch, now: Timestamp) -> bool {
    dispatch.exchange.as_ref().is_none_or(|exchange| exchange.ended.is_some() || exchange.deadline_at < now)
}

/// Headers as text; one that is no text cannot be part of a signature.
fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn unsigned(refused: CallbackRefused) -> Problem {
    Problem::unauthorized(format!("The callback is not signed as it must be: {refused}."))
}
