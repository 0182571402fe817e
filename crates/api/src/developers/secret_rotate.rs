//! A developer asks for a new signing secret of an agent.

use super::owned;
use crate::auth::{ActOnAgents, May};
use crate::extract::AgentPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, SecretRotated};
use gavel_domain::Timestamp;
use gavel_store::Deed;
use gavel_store::secrets::Rotation;
use gavel_vault::{agent_secret_context, new_signing_secret};

const ADVICE: &str = "Until promotes_at every request carries a signature of each secret: let the agent accept both, \
                      then take the old one out. This one is shown once; when it is lost, promote it and rotate again.";

/// A new signing secret for an agent; until it becomes the current one requests carry both signatures
#[utoipa::path(post, path = "/developers/agents/{agent_id}/secret/rotate", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = SecretRotated), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub(crate) async fn rotate(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    AgentPath(id): AgentPath,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    fields.finish(&[])?;
    owned(&state, &caller, id).await?;
    let (now, chance) = (state.now(), state.chance.as_ref());
    let promotes_at = now + state.settings.secret_overlap;
    let secret = new_signing_secret(chance);
    let sealed = state.vault.seal(secret.expose(), &agent_secret_context(id), chance);
    let rotate = async |deed: &mut Deed| match deed.rotate_secret(id, &sealed, promotes_at, now).await? {
        Rotation::Done => Answer::ok(&SecretRotated {
            agent_id: id.to_string(),
            signing_secret: secret.expose().to_owned(),
            promotes_at,
            message: ADVICE.to_owned(),
        }),
        Rotation::Overlaps { until } => Err(overlaps(until)),
    };
    ask.once(&state, &caller, rotate).await
}

fn overlaps(until: Timestamp) -> Problem {
    let until = until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    Problem::conflict(
        "secret_pending",
        format!(
            "A new secret is pending until {until}; wait for it, or end the overlap with POST .../secret/promote first."
        ),
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use chrono::{DateTime, TimeDelta, Utc};
    use gavel_domain::AgentId;
    use gavel_vault::agent_secret_context;
    use serde_json::{Value, json};

    /// What requests would be signed with now.
    async fn live(world: &World, agent: AgentId) -> Vec<String> {
        let sealed = world.state.store.sealed_secrets(agent).await.unwrap().unwrap();
        let open = |sealed| world.state.vault.open(sealed, &agent_secret_context(agent)).unwrap();
        sealed.live(world.state.now()).into_iter().map(|sealed| open(sealed).expose().to_owned()).collect()
    }

    #[tokio::test]
    async fn both_are_live_until_the_new_one_is_the_current_one() {
        let world = World::new().await;
        let id = world.agent_id("one").await;
        let agent: AgentId = id.parse().unwrap();
        let path = format!("/api/v1/developers/agents/{id}/secret/rotate");
        let first = live(&world, agent).await;

        let answer = world.post(world.developer(), &path, &json!({})).await;
        assert_eq!((answer.status, &answer.body["agent_id"]), (200, &json!(id)), "{}", answer.body);
        let second = answer.body["signing_secret"].as_str().unwrap().to_owned();
        assert!(second.starts_with("whsec_") && first == [first[0].clone()] && first[0] != second);
        let promotes_at: DateTime<Utc> = serde_json::from_value(answer.body["promotes_at"].clone()).unwrap();
        assert_eq!(promotes_at, world.state.now() + TimeDelta::hours(24));
        assert_eq!(live(&world, agent).await, [first[0].clone(), second.clone()], "the current one first");

        let again = world.post(world.developer(), &path, &Value::Null).await;
        assert_eq!((again.status, again.code()), (409, "secret_pending"));
        assert!(again.body["detail"].as_str().unwrap().contains("secret/promote"), "{}", again.body);
        assert_eq!(live(&world, agent).await, [first[0].clone(), second.clone()], "nothing was changed");

        world.clock.advance(TimeDelta::hours(24));
        assert_eq!(live(&world, agent).await, [second.as_str()], "with nobody's doing");
        let third = world.post(world.developer(), &path, &json!({})).await;
        assert_eq!(live(&world, agent).await, [&second, third.body["signing_secret"].as_str().unwrap()]);
    }

    #[tokio::test]
    async fn by_its_developer_alone_and_it_is_shown_once() {
        let world = World::new().await;
        let id = world.agent_id("one").await;
        let path = format!("/api/v1/developers/agents/{id}/secret/rotate");
        let other = world.key("agent_manager", false, false).await;
        let reader = world.key("agent_manager", true, false).await;
        for (key, status) in
            [(&*other, 404), (&reader, 403), (world.buyer(), 403), (world.admin(), 403), ("", 401)]
        {
            assert_eq!(world.post(key, &path, &json!({})).await.status, status);
        }
        assert_eq!(world.post(world.developer(), &path, &json!({ "secret": "mine" })).await.status, 422);
        let answer = world.post(world.developer(), &path, &json!({})).await;
        let secret = answer.body["signing_secret"].as_str().unwrap();
        for path in [format!("/api/v1/developers/agents/{id}"), "/api/v1/developers/agents".to_owned()] {
            let seen = world.get(world.developer(), &path).await;
            assert!(seen.status == 200 && !seen.text.contains(secret) && !seen.text.contains("whsec_"));
        }
    }
}
