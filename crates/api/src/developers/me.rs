//! The developer record of the caller.

use super::{registered, standing};
use crate::auth::{May, SeeAgents};
use crate::{AppState, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{AgentScores, Available, Earnings, MeResponse, Pending, ProblemBody};
use gavel_domain::agent::{Agent, Record};
use gavel_domain::policy::MoneyMode;
use gavel_domain::{DeveloperId, Money};

/// Your developer record, with what your agents have earned and where they stand
#[utoipa::path(get, path = "/developers/me", tag = "developers",
    responses((status = 200, body = MeResponse), (status = 404, body = ProblemBody)))]
pub(crate) async fn me(
    State(state): State<AppState>,
    caller: May<SeeAgents>,
) -> Result<Json<MeResponse>, Problem> {
    let developer = registered(&state, &caller).await?;
    let agents = state.store.agents_of(developer.id, caller.test).await?;
    let earnings = earnings(&state, developer.id).await?;
    let mut shown = state.store.standings_of(developer.id, caller.test).await?;
    let ladder = state.candidates.rules().policy().ladder();
    let scores = |(agent, record): &(Agent, Record)| {
        let shown = shown.remove(&agent.id).unwrap_or_default();
        AgentScores {
            agent_id: agent.id.to_string(),
            slug: agent.slug.clone(),
            badge: standing::badge(&shown, record, &ladder),
            scores: standing::tiers(&shown),
        }
    };
    let standings = agents.iter().map(scores).collect();
    Ok(Json(MeResponse { developer: render::developer(&developer, agents.len()), earnings, standings }))
}

/// What was earned longer ago than the settlement takes is available, the rest pending.
async fn earnings(state: &AppState, developer: DeveloperId) -> Result<Option<Earnings>, Problem> {
    let (money, now) = (&state.settings.money, state.now());
    if money.mode == MoneyMode::Off {
        return Ok(None);
    }
    let available = state.store.earned(developer, now - money.settlement).await?;
    let earned = state.store.earned(developer, now).await?;
    let pending = earned.checked_sub(available).unwrap_or(Money::ZERO);
    let currency = &state.settings.currency;
    Ok(Some(Earnings {
        pending: Pending::new(pending, currency),
        available: Available::new(available, currency),
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use chrono::TimeDelta;
    use serde_json::json;

    #[tokio::test]
    async fn with_the_number_of_agents() {
        let world = World::new().await;
        let answer = world.get(world.developer(), "/api/v1/developers/me").await;
        assert_eq!((answer.status, answer.body["agents"].as_u64()), (200, Some(3)), "{}", answer.body);
        assert_eq!(world.get(world.buyer(), "/api/v1/developers/me").await.status, 403);
    }

    #[tokio::test]
    async fn what_was_earned_is_pending_until_it_is_settled() {
        let world = World::new().await;
        let task = world.delivered().await;
        let earnings =
            async || world.get(world.developer(), "/api/v1/developers/me").await.body["earnings"].clone();
        assert_eq!(earnings().await, json!({ "pending_usd": 0.0, "available_usd": 0.0 }));
        let path = format!("/api/v1/tasks/{task}/delivery/approve");
        assert_eq!(world.post(world.buyer(), &path, &json!({})).await.status, 200);
        assert_eq!(earnings().await, json!({ "pending_usd": 18.7, "available_usd": 0.0 }), "85 % of 22");
        world.clock.advance(TimeDelta::days(2));
        assert_eq!(earnings().await, json!({ "pending_usd": 0.0, "available_usd": 18.7 }));
    }
}
