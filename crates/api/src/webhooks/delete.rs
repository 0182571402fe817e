//! A buyer ends a subscription.

use super::refused;
use crate::auth::{ActOnTasks, May};
use crate::extract::SubscriptionPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, SubscriptionDeleted};
use gavel_store::Deed;

/// Delete a webhook subscription; nothing more is sent to it
#[utoipa::path(delete, path = "/webhook-subscriptions/{subscription_id}", tag = "webhooks",
    params(("subscription_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = SubscriptionDeleted), (status = 404, body = ProblemBody)))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    SubscriptionPath(id): SubscriptionPath,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    fields.finish(&[])?;
    let (now, whose) = (state.now(), (caller.account, caller.test));
    // Whose it is, is looked at with the key: whoever repeats finds it gone.
    let delete = async |deed: &mut Deed| {
        deed.delete_subscription(id, whose, now).await?.map_err(refused)?;
        Answer::ok(&SubscriptionDeleted { id: id.to_string(), deleted_at: now })
    };
    ask.once(&state, &caller, delete).await
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    const PATH: &str = "/api/v1/webhook-subscriptions";

    #[tokio::test]
    async fn once_and_only_by_its_buyer() {
        let world = World::new().await;
        let made = world.post(world.buyer(), PATH, &json!({ "url": "https://shop.example.com/" })).await;
        let path = format!("{PATH}/{}", made.id());
        let delete = async |key: &str, again: Option<&str>| {
            let request = world.request("DELETE", &path, key);
            let request = again.into_iter().fold(request, |r, again| r.header("idempotency-key", again));
            world.send(request, String::new()).await
        };
        let stranger = world.key("task_poster", false, false).await;
        let read_only = world.key("task_poster", true, false).await;
        for (key, status) in
            [(&*stranger, 404), (world.admin(), 404), (&read_only, 403), (world.developer(), 403)]
        {
            assert_eq!(delete(key, None).await.status, status);
        }
        assert_eq!(delete(world.buyer(), Some("k")).await.status, 200);
        let again = delete(world.buyer(), Some("k")).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
        assert_eq!(delete(world.buyer(), None).await.status, 404);
        assert_eq!(world.get(world.buyer(), &format!("{path}/deliveries")).await.status, 404);
        assert_eq!(world.get(world.buyer(), PATH).await.body["subscriptions"], json!([]));
    }
}
