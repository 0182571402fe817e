//! A buyer asks for a new signing secret.

use super::{owned, refused};
use crate::auth::{ActOnTasks, May};
use crate::extract::SubscriptionPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, SubscriptionSecret};
use gavel_store::Deed;

const ADVICE: &str = "Until promotes_at every request carries a signature of each secret in webhook-signature: let the \
                      endpoint accept both, then take the old one out. X-AITasker-Signature is the old secret's until \
                      then, and the new one's afterwards.";

/// A new signing secret for a webhook subscription; until it becomes the current one requests carry both signatures
#[utoipa::path(post, path = "/webhook-subscriptions/{subscription_id}/rotate", tag = "webhooks",
    params(("subscription_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = SubscriptionSecret), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub(crate) async fn rotate(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    SubscriptionPath(id): SubscriptionPath,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    fields.finish(&[])?;
    owned(&state, &caller, id).await?;
    let now = state.now();
    let promotes_at = now + state.settings.secret_overlap;
    let rotate = async |deed: &mut Deed| {
        let rotated = deed.rotate_webhook_secret(id, promotes_at, now).await?.map_err(refused)?;
        Answer::ok(&SubscriptionSecret {
            id: id.to_string(),
            secret_version: rotated.secret.newest,
            promotes_at,
            message: ADVICE.to_owned(),
            signing_secret: state.vault.webhook_secret(id, rotated.secret.newest).expose().to_owned(),
        })
    };
    ask.once(&state, &caller, rotate).await
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
        assert_eq!(rotated(&world, &path, "c").await.body["secret_version"], 3);
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
