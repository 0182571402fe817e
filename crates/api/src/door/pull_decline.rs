//! A worker will not do it.

use super::{CallPath, answer, own_call};
use crate::auth::{ActOnAgents, May};
use crate::extract::Body;
use crate::{AppState, problem::Problem};
use axum::extract::State;
use axum::response::Response;
use gavel_contract::rest::{DeclineWish, ProblemBody, ResultTaken};
use gavel_domain::BidId;
use gavel_domain::exchange::Arrived;
use gavel_domain::invitation::Outcome;

/// The longest reason.
const REASON_MAX: usize = 1_000;

/// Decline a fetched invitation: it is no task for the agent, and that does not count against it
///
/// The reason is for your own log and may be left out. Another worker's lease is answered with 409.
#[utoipa::path(post, path = "/pull/invitations/{invitation_id}/decline", tag = "agents", request_body = DeclineWish,
    params(("invitation_id" = String, Path, description = "as it was fetched")),
    responses((status = 202, body = ResultTaken), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 410, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn decline(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    CallPath(key): CallPath,
    body: Body,
) -> Result<Response, Problem> {
    let mut fields = body.fields;
    fields.require(&["lease"]);
    let lease: Option<u32> = fields.whole("lease", 1..=u64::from(u32::MAX));
    let reason = fields.text("reason", 0..=REASON_MAX);
    fields.finish(&[])?;
    let dispatch = own_call(&state, &caller, key).await?;
    let at = state.now();
    let arrived = Arrived {
        // No header holds a line break: this is no id that a worker can give its result.
        message_id: format!("decline\n{}", lease.unwrap_or_default()),
        lease, // whoever fetched it since may be doing it
        outcome: Outcome::Declined,
        code: "declined".to_owned(),
        answer: None,
        warnings: vec!["the worker declined".to_owned()],
        error_body: reason.filter(|reason| !reason.is_empty()),
        at,
    };
    let bid = BidId::new(at, state.chance.as_ref()); // there will be none
    let taken = state.store.take_result(&dispatch, key, &arrived, bid, at).await?;
    answer(taken, &arrived)
}
