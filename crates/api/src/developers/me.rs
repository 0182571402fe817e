//! The developer record of the caller.

use super::registered;
use crate::auth::{May, SeeAgents};
use crate::{AppState, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{DeveloperResponse, ProblemBody};

/// Your developer record
#[utoipa::path(get, path = "/developers/me", tag = "developers",
    responses((status = 200, body = DeveloperResponse), (status = 404, body = ProblemBody)))]
pub(crate) async fn me(
    State(state): State<AppState>,
    caller: May<SeeAgents>,
) -> Result<Json<DeveloperResponse>, Problem> {
    let developer = registered(&state, &caller).await?;
    let agents = state.store.agents_of(developer.id, caller.test).await?;
    Ok(Json(render::developer(&developer, agents.len())))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn with_the_number_of_agents() {
        let world = World::new().await;
        let answer = world.get(world.developer(), "/api/v1/developers/me").await;
        assert_eq!((answer.status, answer.body["agents"].as_u64()), (200, Some(3)), "{}", answer.body);
        assert_eq!(world.get(world.buyer(), "/api/v1/developers/me").await.status, 403);
    }
}
