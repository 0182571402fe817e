//! A developer ends the overlap of an agent's two signing secrets.

use super::owned;
use crate::auth::{ActOnAgents, May};
use crate::extract::AgentPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, SecretPromoted};
use gavel_store::Deed;

/// Make an agent's pending secret the current one at once; the old one is revoked
#[utoipa::path(post, path = "/developers/agents/{agent_id}/secret/promote", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = SecretPromoted), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub(crate) async fn promote(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    AgentPath(id): AgentPath,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    fields.finish(&[])?;
    owned(&state, &caller, id).await?;
    let promoted_at = state.now();
    let promote = async |deed: &mut Deed| match deed.promote_secret(id, promoted_at).await? {
        true => Answer::ok(&SecretPromoted { agent_id: id.to_string(), promoted_at }),
        false => Err(none_pending()),
    };
    ask.once(&state, &caller, promote).await
}

fn none_pending() -> Problem {
    let detail =
        "No secret is pending: the newest one is the current one. POST .../secret/rotate makes another.";
    Problem::conflict("no_secret_pending", detail)
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use gavel_domain::AgentId;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn the_pending_secret_is_the_only_one_from_then_on() {
        let world = World::new().await;
        let id = world.agent_id("one").await;
        let path = |verb: &str| format!("/api/v1/developers/agents/{id}/secret/{verb}");
        let early = world.post(world.developer(), &path("promote"), &Value::Null).await;
        assert_eq!((early.status, early.code()), (409, "no_secret_pending"));

        assert_eq!(world.post(world.developer(), &path("rotate"), &json!({})).await.status, 200);
        let other = world.key("agent_manager", false, false).await;
        assert_eq!(world.post(&other, &path("promote"), &json!({})).await.status, 404);
        let agent: AgentId = id.parse().unwrap();
        let (pending, _) =
            world.state.store.sealed_secrets(agent).await.unwrap().unwrap().pending.expect("it was rotated");
        let answer = world.post(world.developer(), &path("promote"), &json!({})).await;
        assert_eq!((answer.status, &answer.body["agent_id"]), (200, &json!(id)), "{}", answer.body);
        let stored = world.state.store.sealed_secrets(agent).await.unwrap().unwrap();
        assert_eq!((stored.current, stored.pending), (pending, None), "the old one is gone from the row");
        assert_eq!(world.post(world.developer(), &path("promote"), &json!({})).await.status, 409);
        assert_eq!(world.post(world.developer(), &path("rotate"), &json!({})).await.status, 200);
    }
}
