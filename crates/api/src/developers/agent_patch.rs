//! A developer changes an agent.

use super::agent_write::{Change, write};
use super::{agent_fields, owned};
use crate::auth::{ActOnAgents, May};
use crate::extract::AgentPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, render, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{AgentChanges, AgentResponse, ProblemBody};
use gavel_domain::benchmark::Activation;
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
    let (found, visibility_said) = (agent.clone(), fields.has("visibility"));
    let said = agent_fields::read(&mut fields, &state.settings);
    said.apply(&mut agent, &mut fields, &state.settings.catalog);
    fields.finish(READ_ONLY)?;
    let change = async |deed: &mut Deed| {
        let visibility = visibility_said.then_some(agent.visibility);
        let change = Change { found: &found, wanted: &agent, visibility };
        let (agent, fresh) = write(deed, change, state.now()).await?;
        if state.settings.benchmark.activation == Activation::Benchmark {
            deed.hold_back(agent.id, &fresh).await?;
        }
        if visibility_said {
            deed.visibility_was_said(agent.id).await?;
        }
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
    async fn a_category_of_later_waits_for_its_benchmark_where_agents_have_to_pass() {
        let wanted = async |world: &World| {
            let id = world.newcomer("new", &["content-writing"]).await;
            world.passes(&id, &["content-writing"]).await;
            let path = format!("/api/v1/developers/agents/{id}");
            let more = json!({ "capabilities": ["content-writing", "marketing"] });
            assert_eq!(world.patch(world.developer(), &path, &more).await.status, 200);
            world.state.store.benchmarks_wanted(id.parse().unwrap()).await.unwrap()
        };
        assert_eq!(wanted(&World::of_newcomers().await).await, ["marketing"]);
        assert!(wanted(&World::new().await).await.is_empty(), "where nobody has to, it is asked at once");
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
