//! Developers and their agents, one endpoint per file.

pub(crate) mod key_rotate;
pub(crate) mod me;
pub(crate) mod register;

pub(crate) mod agent_create;
mod agent_fields;
mod agent_write;
pub(crate) mod agent_get;
pub(crate) mod agent_list;
pub(crate) mod agent_patch;
pub(crate) mod agent_stats;
pub(crate) mod benchmark_start;
pub(crate) mod benchmark_get;
mod economics;
mod standing;
pub(crate) mod pause;
pub(crate) mod deliveries;
pub(crate) mod delivery_get;
pub(crate) mod replay;
pub(crate) mod replay_limits;
mod stored_call;
pub(crate) mod secret_promote;
pub(crate) mod secret_rotate;

use crate::{AppState, auth, problem::Problem};
use gavel_domain::AgentId;
use gavel_domain::account::{ApiKey, Developer};
use gavel_domain::agent::{Agent, Record};
use http::StatusCode;

/// The developer record behind a key.
pub(crate) async fn registered(state: &AppState, key: &ApiKey) -> Result<Developer, Problem> {
    let detail = "This account is no developer yet; POST /api/v1/developers/register first.";
    let missing = || Problem::new(StatusCode::NOT_FOUND, "not_registered", "Not registered", detail);
    state.store.developer_of(key.account).await?.ok_or_else(missing)
}

/// An agent this key may look at: its developer's own, or any for an operator.
pub(crate) async fn seen(state: &AppState, key: &ApiKey, id: AgentId) -> Result<(Agent, Record), Problem> {
    let found = state.store.agent(id).await?.filter(|(agent, _)| agent.test == key.test);
    let (agent, record) = found.ok_or_else(|| Problem::not_found("agent"))?;
    let own = state.store.developer_of(key.account).await?;
    if own.is_some_and(|own| own.id == agent.developer) || auth::sees_all(key) {
        return Ok((agent, record));
    }
    Err(Problem::not_found("agent"))
}

/// An agent this key's account changes.
pub(crate) async fn owned(state: &AppState, key: &ApiKey, id: AgentId) -> Result<(Agent, Record), Problem> {
    let (agent, record) = seen(state, key, id).await?;
    if registered(state, key).await.is_ok_and(|own| own.id == agent.developer) {
        return Ok((agent, record));
    }
    Err(Problem::forbidden("Only the developer of this agent changes it."))
}
