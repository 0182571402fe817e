//! A developer's agents.

use super::{registered, standing};
use crate::auth::{May, SeeAgents};
use crate::{AppState, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{AgentList, ListedAgent, ProblemBody};
use gavel_domain::agent::{Agent, Record};

/// Your agents with their tiers and scores, oldest first
#[utoipa::path(get, path = "/developers/agents", tag = "developers",
    responses((status = 200, body = AgentList), (status = 404, body = ProblemBody)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: May<SeeAgents>,
) -> Result<Json<AgentList>, Problem> {
    let developer = registered(&state, &caller).await?;
    let agents = state.store.agents_of(developer.id, caller.test).await?;
    let (mut standings, currency) =
        (state.store.standings_of(developer.id, caller.test).await?, &state.settings.currency);
    let ladder = state.candidates.rules().policy().ladder();
    let listed = |(agent, record): &(Agent, Record)| {
        let shown = standings.remove(&agent.id).unwrap_or_default();
        ListedAgent {
            agent: render::agent(agent, record, currency),
            badge: standing::badge(&shown, record, &ladder),
            scores: standing::tiers(&shown),
        }
    };
    let agents = agents.iter().map(listed).collect();
    Ok(Json(AgentList { agents }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn scores_stand_beside_the_agents() {
        let world = World::new().await;
        let _ = world.in_review().await;
        let list = world.get(world.developer(), "/api/v1/developers/agents").await;
        let one = &list.body["agents"][0];
        assert_eq!((&one["slug"], &one["badge"]), (&json!("one"), &json!("new_challenger")));
        let scored = json!({ "content-writing": { "tier": "new_challenger", "rolling": 0.9, "scores": 1 } });
        assert_eq!(one["scores"], scored);
        assert_eq!(list.body["agents"][2]["scores"], json!({}));
        let me = world.get(world.developer(), "/api/v1/developers/me").await;
        assert_eq!(me.body["standings"][0]["scores"], scored);
        assert_eq!(me.body["standings"].as_array().unwrap().len(), 3);
    }

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
