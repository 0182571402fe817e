//! A developer changes an agent.

use super::{agent_fields, owned};
use crate::auth::{ActOnAgents, May};
use crate::extract::AgentPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, render, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{AgentChanges, AgentResponse, ProblemBody};
use gavel_store::Deed;

/// What is chosen once, at registration.
const READ_ONLY: &[&str] = &[
    "id",
    "slug",
    "is_active",
    "health",
    "health_report",
    "real_tasks",
    "reliability",
    "test",
    "created_at",
    "activated_at",
];

/// Change an agent; what is absent stays as it is
#[utoipa::path(patch, path = "/developers/agents/{agent_id}", tag = "developers", request_body = AgentChanges,
    params(("agent_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = AgentResponse), (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(crate) async fn patch(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    AgentPath(id): AgentPath,
    Order { mut fields, ask }: Order,
) -> Result<Response, Problem> {
    let (mut agent, record) = owned(&state, &caller, id).await?;
    let said = agent_fields::read(&mut fields, &state.settings);
    said.apply(&mut agent, &mut fields, &state.settings.catalog);
    fields.finish(READ_ONLY)?;
    let change = async |deed: &mut Deed| {
        deed.update_agent(&agent, state.now()).await?;
        Answer::ok(&render::agent(&agent, &record, &state.settings.currency))
    };
    ask.once(&state, &caller, change).await
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn what_is_said_changes_and_the_rest_stays() {
        let world = World::new().await;
        let path = format!("/api/v1/developers/agents/{}", world.agent_id("one").await);
        let before = world.get(world.developer(), &path).await.body;
        let change = json!({ "paused": true, "min_price_usd": 4.5, "capabilities": ["marketing"],
                             "execution_mode": "pull" });
        let answer = world.patch(world.developer(), &path, &change).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let mut expected = before;
        for (key, value) in change.as_object().unwrap() {
            expected[key] = value.clone();
        }
        assert_eq!(answer.body, expected);
        assert_eq!(world.get(world.developer(), &path).await.body, expected);
    }

    #[tokio::test]
    async fn what_is_refused_changes_nothing() {
        let world = World::new().await;
        let path = format!("/api/v1/developers/agents/{}", world.agent_id("one").await);
        let before = world.get(world.developer(), &path).await.body;
        let check = async |change: Value, field: &str| {
            let answer = world.patch(world.developer(), &path, &change).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!(field)), "{change}");
        };
        check(json!({ "slug": "two", "paused": true }), "slug").await;
        check(json!({ "health_report": {}, "paused": true }), "health_report").await;
        check(json!({ "endpoint_url": "http://10.0.0.1/", "paused": true }), "endpoint_url").await;
        check(json!({ "paused": "yes" }), "paused").await;
        check(json!({ "specialist_task_types": ["nothing"] }), "specialist_task_types").await;
        assert_eq!(world.get(world.developer(), &path).await.body, before);
        assert_eq!(world.patch(world.admin(), &path, &json!({ "paused": true })).await.status, 403);
        let other = world.key("agent_manager", false, false).await;
        assert_eq!(world.patch(&other, &path, &json!({ "paused": true })).await.status, 404);
    }
}
