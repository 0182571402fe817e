//! The secrets of a call, opened: what a stored request is signed with again, and what a result must not show.

use crate::{AppState, problem::Problem};
use gavel_dispatcher::Credentials;
use gavel_store::dispatches::Dispatch;

/// The key and the secrets of now, whatever the call was signed with then.
pub(crate) fn of(
    state: &AppState,
    dispatch: &Dispatch,
    callback_secret: Option<String>,
) -> Result<Credentials, Problem> {
    let live = dispatch.secrets.live(state.now());
    let (developer, agent) = (dispatch.developer, dispatch.invitation.agent);
    let keys = state.vault.signing_keys((developer, &dispatch.sealed_key), (agent, &live));
    let keys = keys.map_err(|cause| Problem::internal(&cause))?;
    Ok(Credentials {
        key: keys.key.expose().to_owned(),
        secrets: keys.secrets.iter().map(|secret| secret.expose().to_owned()).collect(),
        callback_secret,
    })
}
