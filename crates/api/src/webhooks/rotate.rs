//! A buyer asks for a new signing secret.

use super::{SECRET, answered, owned, refused, told, with_secret};
use crate::auth::{ActOnTasks, May};
use crate::extract::{Body, SubscriptionPath};
use crate::{AppState, idempotency::Repeatable, problem::Problem, reply};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, SubscriptionSecret};
use gavel_domain::Timestamp;
use gavel_domain::webhook::Subscription;
use http::StatusCode;
use serde_json::json;

const ADVICE: &str = "Until promotes_at every request carries a signature of each secret in webhook-signature: let the \
                      endpoint accept both, then take the old one out. X-AITasker-Signature is the old secret's until \
                      then, and the new one's afterwards.";

/// A new signing secret for a webhook subscription; until it becomes the current one requests carry both signatures
#[utoipa::path(post, path = "/webhook-subscriptions/{subscription_id}/rotate", tag = "webhooks",
    params(("subscription_id" = String, Path, format = Uuid),
        ("Idempotency-Key" = Option<String>, Header, description = "Send it again and nothing happens twice")),
    responses((status = 200, body = SubscriptionSecret), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub(crate) async fn rotate(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    SubscriptionPath(id): SubscriptionPath,
    repeatable: Repeatable,
    body: Body,
) -> Result<Response, Problem> {
    let key = repeatable.of(&caller, &body.raw);
    if let Some(before) = answered(&state, key.as_ref()).await? {
        return Ok(before);
    }
    body.fields.finish(&[])?;
    owned(&state, &caller, id).await?;
    let now = state.now();
    let promotes_at = now + state.settings.secret_overlap;
    let stored = |rotated: &Subscription| without_secret(rotated, promotes_at);
    let rotated = state.store.rotate_webhook_secret(id, promotes_at, key.as_ref(), now, stored).await?;
    reply::once(told(&state, rotated)?, |rotated| {
        Ok(reply::text(StatusCode::OK, with_secret(&state, rotated.map_err(refused)?)?))
    })
}

/// The answer as it is kept: no secret is.
fn without_secret(rotated: &Subscription, promotes_at: Timestamp) -> String {
    json!({
        "id": rotated.id.to_string(), "secret_version": rotated.secret.newest, "promotes_at": promotes_at,
        "message": ADVICE, SECRET: null,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Reply, World};
    use chrono::TimeDelta;
    use serde_json::{Value, json};

    const PATH: &str = "/api/v1/webhook-subscriptions";

    async fn rotated(world: &World, path: &str, key: &str) -> Reply {
        let request = world.request("POST", path, world.buyer()).header("idempotency-key", key);
        world.send(request, "{}".to_owned()).await
    }

    #[tokio::test]
    async fn the_new_secret_is_pending_and_a_repeated_request_shows_it_again() {
        let world = World::new().await;
        let made = world.post(world.buyer(), PATH, &json!({ "url": "https://shop.example.com/" })).await;
        let path = format!("{PATH}/{}/rotate", made.id());
        let first = rotated(&world, &path, "a").await;
        assert_eq!((first.status, &first.body["secret_version"]), (200, &json!(2)), "{}", first.text);
        assert_ne!(first.body["signing_secret"], made.body["signing_secret"]);
        let again = rotated(&world, &path, "a").await;
        assert_eq!((again.body, again.status), (first.body.clone(), 200));
        let refused = rotated(&world, &path, "b").await;
        assert_eq!((refused.status, refused.code()), (409, "secret_pending"));
        let seen = world.get(world.buyer(), PATH).await;
        assert_eq!(seen.body["subscriptions"][0]["secret_promotes_at"], first.body["promotes_at"]);
        world.clock.advance(TimeDelta::hours(24));
        let seen = world.get(world.buyer(), PATH).await;
        assert_eq!(seen.body["subscriptions"][0]["secret_promotes_at"], Value::Null, "with nobody's doing");
        assert_eq!(rotated(&world, &path, "b").await.body["secret_version"], 3);
        let typed: gavel_contract::rest::SubscriptionSecret = typed(&first.body);
        assert!(typed.signing_secret.starts_with("whsec_"));
    }

    /// The answer has the keys that are described.
    fn typed(body: &Value) -> gavel_contract::rest::SubscriptionSecret {
        gavel_contract::rest::SubscriptionSecret {
            id: body["id"].as_str().unwrap().to_owned(),
            secret_version: u32::try_from(body["secret_version"].as_u64().unwrap()).unwrap(),
            promotes_at: body["promotes_at"].as_str().unwrap().parse().unwrap(),
            message: body["message"].as_str().unwrap().to_owned(),
            signing_secret: body["signing_secret"].as_str().unwrap().to_owned(),
        }
    }

    #[tokio::test]
    async fn only_by_its_buyer() {
        let world = World::new().await;
        let made = world.post(world.buyer(), PATH, &json!({ "url": "https://shop.example.com/" })).await;
        let path = format!("{PATH}/{}/rotate", made.id());
        let stranger = world.key("task_poster", false, false).await;
        let read_only = world.key("task_poster", true, false).await;
        for (key, status) in [(&*stranger, 404), (world.admin(), 404), (&read_only, 403), ("", 401)] {
            assert_eq!(world.post(key, &path, &json!({})).await.status, status);
        }
        assert_eq!(world.post(world.buyer(), &path, &json!({ "secret": "mine" })).await.status, 422);
        assert_eq!(world.get(world.buyer(), PATH).await.body["subscriptions"][0]["secret_version"], 1);
    }
}
