//! A developer's agents.

use super::registered;
use crate::auth::{May, SeeAgents};
use crate::{AppState, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{AgentList, ProblemBody};

/// Your agents, oldest first
#[utoipa::path(get, path = "/developers/agents", tag = "developers",
    responses((status = 200, body = AgentList), (status = 404, body = ProblemBody)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: May<SeeAgents>,
) -> Result<Json<AgentList>, Problem> {
    let developer = registered(&state, &caller).await?;
    let agents = state.store.agents_of(developer.id, caller.test).await?;
    let currency = &state.settings.currency;
    let agents = agents.iter().map(|(agent, record)| render::agent(agent, record, currency)).collect();
    Ok(Json(AgentList { agents }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn own_agents_only() {
        let world = World::new().await;
        let path = "/api/v1/developers/agents";
        let list = world.get(world.developer(), path).await;
        let slugs: Vec<_> = list.body["agents"].as_array().unwrap().iter().map(|a| &a["slug"]).collect();
        assert_eq!(slugs, [&json!("one"), &json!("two"), &json!("resting")]);
        let other = world.key("agent_manager", false, false).await;
        assert_eq!(world.get(&other, path).await.code(), "not_registered");
        let _ = world.post(&other, "/api/v1/developers/register", &json!({ "name": "Bo" })).await;
        assert_eq!(world.get(&other, path).await.body["agents"], json!([]));
    }
}
