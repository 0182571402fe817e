//! A worker says that it is still at it.

use super::{CallPath, gone, not_held, own_call};
use crate::auth::{ActOnAgents, May};
use crate::extract::Body;
use crate::{AppState, problem::Problem, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{LeaseHeld, LeaseWish, ProblemBody};
use gavel_store::pull::Beat;

/// Hold a lease longer; 409 when another worker of yours has it, 410 when nobody waits for the result any more
#[utoipa::path(post, path = "/pull/invitations/{invitation_id}/heartbeat", tag = "agents", request_body = LeaseWish,
    params(("invitation_id" = String, Path, description = "as it was fetched")),
    responses((status = 200, body = LeaseHeld), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 410, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn heartbeat(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    CallPath(key): CallPath,
    body: Body,
) -> Result<Json<LeaseHeld>, Problem> {
    let mut fields = body.fields;
    fields.require(&["lease"]);
    let lease: Option<u32> = fields.whole("lease", 1..=u64::from(u32::MAX));
    fields.finish(&[])?;
    own_call(&state, &caller, key).await?;
    let (now, lease) = (state.now(), lease.unwrap_or_default());
    let until = now + state.settings.timers.pull_lease;
    match state.store.heartbeat(key, lease, until, now).await? {
        Beat::Held { lease_until, deadline_at } => {
            Ok(Json(LeaseHeld { lease, lease_expires_at: lease_until, deadline_at }))
        }
        Beat::Lost { present } => Err(not_held(lease, present)),
        Beat::Over => Err(gone()),
    }
}
