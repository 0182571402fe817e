//! A buyer wants an event once more.

use super::owned;
use crate::auth::{ActOnTasks, May};
use crate::extract::WebhookDeliveryPath;
use crate::idempotency::{KeyHeader, Order};
use crate::reply::{self, Answer};
use crate::{AppState, problem::Problem};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, RedeliveryBegun};
use gavel_store::Deed;
use gavel_store::webhooks::log::Redelivery;
use http::StatusCode;

/// Send a webhook delivery again, whatever came of it; it keeps its ids
#[utoipa::path(post, path = "/webhook-subscriptions/{subscription_id}/deliveries/{delivery_id}/redeliver",
    tag = "webhooks",
    params(("subscription_id" = String, Path, format = Uuid), ("delivery_id" = String, Path, format = Uuid),
        KeyHeader),
    responses((status = 202, body = RedeliveryBegun), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub(crate) async fn redeliver(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    WebhookDeliveryPath(subscription, delivery): WebhookDeliveryPath,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    fields.finish(&[])?;
    owned(&state, &caller, subscription).await?;
    let now = state.now();
    let redeliver = async |deed: &mut Deed| match deed.redeliver_webhook(subscription, delivery, now).await? {
        Redelivery::Begun => {
            let begun = RedeliveryBegun {
                id: delivery.to_string(),
                status: "pending".to_owned(),
                next_attempt_at: now,
            };
            Ok(Answer { status: StatusCode::ACCEPTED, body: reply::written(&begun)? })
        }
        Redelivery::Unknown => Err(Problem::not_found("webhook delivery")),
        Redelivery::UnderWay => Err(Problem::conflict(
            "under_way",
            "This delivery is being sent now; see what comes of it first.",
        )),
        Redelivery::Disabled => Err(Problem::conflict(
            "subscription_disabled",
            "This subscription is disabled; its disabled_reason says why. Make a new one once the endpoint is mended.",
        )),
    };
    ask.once(&state, &caller, redeliver).await
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn it_is_due_again_once_per_key() {
        let world = World::new().await;
        let path = world.subscribed().await;
        world.cancelled_and_told().await;
        world.told_answers(200, "").await;
        let log = async || world.get(world.buyer(), &format!("{path}/deliveries")).await.body;
        let id = log().await["deliveries"][0]["id"].as_str().unwrap().to_owned();
        let redeliver = format!("{path}/deliveries/{id}/redeliver");
        let again = async || {
            let request = world.request("POST", &redeliver, world.buyer()).header("idempotency-key", "k");
            world.send(request, "{}".to_owned()).await
        };
        let begun = again().await;
        assert_eq!((begun.status, &begun.body["status"]), (202, &json!("pending")), "{}", begun.text);
        assert_eq!(world.told_answers(200, "").await, 1);
        assert_eq!(again().await.status, 202);
        assert_eq!(world.told_answers(200, "").await, 0, "the repeated request had no effect");
        let line = &log().await["deliveries"][0];
        assert_eq!((&line["id"], &line["status"]), (&json!(id), &json!("delivered")));
        assert_eq!(line["attempts"].as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn not_of_others_nor_of_what_is_not_there() {
        let world = World::new().await;
        let path = world.subscribed().await;
        let other = world.subscribed().await;
        let task = world.cancelled_and_told().await;
        let id =
            world.get(world.buyer(), &format!("{path}/deliveries")).await.body["deliveries"][0]["id"].clone();
        let redeliver = |path: &str, id: &str| format!("{path}/deliveries/{id}/redeliver");
        let own = redeliver(&path, id.as_str().unwrap());
        let stranger = world.key("task_poster", false, false).await;
        let read_only = world.key("task_poster", true, false).await;
        let check = async |key: &str, path: &str, status: u16| {
            assert_eq!(world.post(key, path, &json!({})).await.status, status, "{path}");
        };
        check(&stranger, &own, 404).await;
        check(&read_only, &own, 403).await;
        check(world.buyer(), &redeliver(&other, id.as_str().unwrap()), 404).await;
        check(world.buyer(), &redeliver(&path, &task), 404).await;
        check(world.buyer(), &redeliver(&path, "1"), 422).await;
        check(world.buyer(), &own, 202).await;
        world.told_answers(410, "").await;
        let refused = world.post(world.buyer(), &own, &json!({})).await;
        assert_eq!((refused.status, refused.code()), (409, "subscription_disabled"));
    }
}
