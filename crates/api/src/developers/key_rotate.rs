//! A developer asks for a new `ait_` key.

use super::registered;
use crate::auth::{ActOnAgents, May};
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{KeyRotated, ProblemBody};
use gavel_store::Deed;
use gavel_vault::{developer_key_context, new_developer_key};

const ADVICE: &str = "Requests show this key from now on, and the old one never again; only those on their way still \
                      carry the old one. Give it to your agents and resume those you had paused. It is shown once.";

/// A new key for your agents to see; the old one is gone
///
/// Pause your agents first and wait until their open calls have ended: a request can show only one key, and an agent
/// that knows the other refuses it.
#[utoipa::path(post, path = "/developers/keys/rotate", tag = "developers", params(KeyHeader),
    responses((status = 200, body = KeyRotated), (status = 404, body = ProblemBody)))]
pub(crate) async fn rotate(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    fields.finish(&[])?;
    let developer = registered(&state, &caller).await?;
    let chance = state.chance.as_ref();
    let key = new_developer_key(chance);
    let sealed = state.vault.seal(key.expose(), &developer_key_context(developer.id), chance);
    let rotate = async |deed: &mut Deed| {
        deed.replace_developer_key(developer.id, &sealed).await?;
        Answer::ok(&KeyRotated { api_key: key.expose().to_owned(), message: ADVICE.to_owned() })
    };
    ask.once(&state, &caller, rotate).await
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, new_agent};
    use gavel_domain::DeveloperId;
    use gavel_vault::{agent_secret_context, developer_key_context};
    use serde_json::{Value, json};

    const PATH: &str = "/api/v1/developers/keys/rotate";

    async fn developer(world: &World, key: &str) -> DeveloperId {
        world.get(key, "/api/v1/developers/me").await.id().parse().unwrap()
    }

    async fn stored(world: &World, id: DeveloperId) -> Vec<u8> {
        world.state.store.sealed_developer_key(id).await.unwrap().unwrap()
    }

    fn open(world: &World, sealed: &[u8], id: DeveloperId) -> Option<String> {
        Some(world.state.vault.open(sealed, &developer_key_context(id)).ok()?.expose().to_owned())
    }

    async fn shown(world: &World) -> String {
        let id = developer(world, world.developer()).await;
        open(world, &stored(world, id).await, id).unwrap()
    }

    #[tokio::test]
    async fn the_new_key_takes_the_old_ones_place_and_is_shown_once() {
        let world = World::new().await;
        let before = shown(&world).await;
        let answer = world.post(world.developer(), PATH, &Value::Null).await;
        let key = answer.body["api_key"].as_str().unwrap();
        assert_eq!((answer.status, shown(&world).await.as_str()), (200, key), "{}", answer.body);
        assert!(key.starts_with("ait_") && key != before);
        assert!(answer.body["message"].as_str().unwrap().contains("paused"), "{}", answer.text);
        let me = world.get(world.developer(), "/api/v1/developers/me").await;
        assert!(!me.text.contains(key));
        let older = world.post(world.developer(), "/api/developers/keys/rotate", &json!({})).await;
        assert_eq!((older.status, older.body["api_key"].as_str()), (200, Some(shown(&world).await.as_str())));
    }

    #[tokio::test]
    async fn what_is_refused() {
        let world = World::new().await;
        let nobody = world.key("agent_manager", false, false).await;
        assert_eq!(world.post(&nobody, PATH, &json!({})).await.code(), "not_registered");
        for (key, status) in [(world.buyer(), 403), ("", 401), ("ait_x", 401)] {
            assert_eq!(world.post(key, PATH, &json!({})).await.status, status);
        }
        assert_eq!(world.post(world.developer(), PATH, &json!({ "api_key": "ait_mine" })).await.status, 422);
    }

    /// Whoever can write to the database gains nothing by giving one developer's secrets to another, or one kind of
    /// secret the place of another.
    #[tokio::test]
    async fn what_is_sealed_for_one_opens_for_nobody_else() {
        let world = World::new().await;
        let other = world.key("agent_manager", false, false).await;
        assert_eq!(
            world.post(&other, "/api/v1/developers/register", &json!({ "name": "Bob" })).await.status,
            201
        );
        let agent = world.post(&other, "/api/v1/developers/agents", &new_agent("his")).await;
        let (his_agent, her_agent) =
            (agent.id().parse().unwrap(), world.agent_id("one").await.parse().unwrap());
        let (store, now) = (&world.state.store, world.state.now());
        let (she, he) = (developer(&world, world.developer()).await, developer(&world, &other).await);
        let her_key = stored(&world, she).await;
        let secret = async |agent| store.sealed_secrets(agent).await.unwrap().unwrap().live(now)[0].to_vec();
        let her_secret = secret(her_agent).await;
        assert!(open(&world, &stored(&world, he).await, he).is_some());

        store.replace_developer_key(he, &her_key).await.unwrap();
        assert_eq!(open(&world, &stored(&world, he).await, he), None);
        let _ = store.rotate_secret(his_agent, &her_secret, now, now).await.unwrap();
        let moved = secret(his_agent).await;
        assert_eq!(moved, her_secret);
        assert!(world.state.vault.open(&moved, &agent_secret_context(his_agent)).is_err());
        store.replace_developer_key(she, &her_secret).await.unwrap();
        assert_eq!(open(&world, &stored(&world, she).await, she), None);
    }
}
