//! A developer takes an agent out for a while, and back in.

use super::owned;
use crate::auth::{ActOnAgents, May};
use crate::extract::AgentPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, render, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{AgentResponse, ProblemBody};
use gavel_domain::agent::Agent;
use gavel_store::Deed;

/// Take an agent out: it is asked for nothing new; what it was asked already may be finished
#[utoipa::path(post, path = "/developers/agents/{agent_id}/pause", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = AgentResponse), (status = 404, body = ProblemBody)))]
pub(crate) async fn pause(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    path: AgentPath,
    order: Order,
) -> Result<Response, Problem> {
    set(state, caller, path, order, true).await
}

/// Bring a paused agent back
#[utoipa::path(post, path = "/developers/agents/{agent_id}/resume", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = AgentResponse), (status = 404, body = ProblemBody)))]
pub(crate) async fn resume(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    path: AgentPath,
    order: Order,
) -> Result<Response, Problem> {
    set(state, caller, path, order, false).await
}

async fn set(
    state: AppState,
    caller: May<ActOnAgents>,
    AgentPath(id): AgentPath,
    Order { fields, ask }: Order,
    paused: bool,
) -> Result<Response, Problem> {
    fields.finish(&[])?;
    let (found, record) = owned(&state, &caller, id).await?;
    let set = async |deed: &mut Deed| {
        let present = deed.agent(id).await?.unwrap_or_else(|| found.clone());
        let agent = Agent { paused, ..present };
        deed.update_agent(&agent, state.now()).await?;
        Answer::ok(&render::agent(&agent, &record, &state.settings.currency))
    };
    ask.once(&state, &caller, set).await
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use gavel_domain::agent::ExecutionMode;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn out_and_in_again_by_its_developer_alone() {
        let world = World::new().await;
        let path = format!("/api/v1/developers/agents/{}", world.agent_id("one").await);
        for (verb, paused) in [("pause", true), ("pause", true), ("resume", false), ("resume", false)] {
            let answer = world.post(world.developer(), &format!("{path}/{verb}"), &Value::Null).await;
            assert_eq!((answer.status, &answer.body["paused"]), (200, &json!(paused)), "{verb}");
        }
        let other = world.key("agent_manager", false, false).await;
        assert_eq!(world.post(&other, &format!("{path}/pause"), &Value::Null).await.status, 404);
        let read_only = world.key_of_the_developer(true, false).await;
        assert_eq!(world.post(&read_only, &format!("{path}/pause"), &Value::Null).await.status, 403);
        assert_eq!(world.post(world.buyer(), &format!("{path}/pause"), &Value::Null).await.status, 403);
    }

    #[tokio::test]
    async fn what_was_asked_before_the_pause_may_be_finished() {
        let world = World::new().await;
        let id = world.agent_asked_by(ExecutionMode::Pull, "worker").await;
        let _ = world.prototyping(&["worker"]).await;
        let path = format!("/api/v1/developers/agents/{id}/pause");
        assert_eq!(world.post(world.developer(), &path, &Value::Null).await.status, 200);
        let fetched = world.get(world.developer(), "/api/v1/pull/invitations").await;
        let name = fetched.body["invitations"][0]["id"].as_str().unwrap().to_owned();
        let text = "A finished draft with more than fifty characters in it, which is what was asked for.";
        let result = json!({ "full_text": text, "summary": "A draft." });
        let path = format!("/api/v1/pull/invitations/{name}/result");
        assert_eq!(world.post(world.developer(), &path, &result).await.status, 202);
    }
}
