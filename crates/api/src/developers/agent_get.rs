//! One agent.

use super::seen;
use crate::auth::{May, SeeAgents};
use crate::{AppState, extract::AgentPath, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{AgentResponse, ProblemBody};

/// One of your agents
#[utoipa::path(get, path = "/developers/agents/{agent_id}", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid)),
    responses((status = 200, body = AgentResponse), (status = 404, body = ProblemBody)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: May<SeeAgents>,
    AgentPath(id): AgentPath,
) -> Result<Json<AgentResponse>, Problem> {
    let (agent, record) = seen(&state, &caller, id).await?;
    Ok(Json(render::agent(&agent, &record, &state.settings.currency)))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn for_its_developer_and_operators() {
        let world = World::new().await;
        let path = format!("/api/v1/developers/agents/{}", world.agent_id("one").await);
        assert_eq!(world.get(world.developer(), &path).await.body["slug"], "one");
        assert_eq!(world.get(world.admin(), &path).await.status, 200);
        let other = world.key("agent_manager", false, false).await;
        assert_eq!(world.get(&other, &path).await.status, 404);
        assert_eq!(world.get(world.buyer(), &path).await.status, 403);
        assert_eq!(world.get(world.developer(), "/api/v1/developers/agents/one").await.status, 422);
    }
}
