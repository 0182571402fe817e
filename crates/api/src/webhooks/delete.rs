//! A buyer ends a subscription.

use super::{answered, owned, refused};
use crate::auth::{ActOnTasks, May};
use crate::extract::SubscriptionPath;
use crate::{AppState, idempotency::Repeatable, problem::Problem, reply};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gavel_contract::rest::ProblemBody;
use http::StatusCode;

/// Delete a webhook subscription; nothing more is sent to it
#[utoipa::path(delete, path = "/webhook-subscriptions/{subscription_id}", tag = "webhooks",
    params(("subscription_id" = String, Path, format = Uuid),
        ("Idempotency-Key" = Option<String>, Header, description = "Send it again and it is answered as before")),
    responses((status = 204), (status = 404, body = ProblemBody)))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    SubscriptionPath(id): SubscriptionPath,
    repeatable: Repeatable,
) -> Result<Response, Problem> {
    let key = repeatable.of(&caller, &[]);
    if let Some(before) = answered(&state, key.as_ref()).await? {
        return Ok(before);
    }
    owned(&state, &caller, id).await?;
    let deleted = state.store.delete_subscription(id, key.as_ref(), state.now()).await?;
    reply::once(deleted, |deleted| {
        deleted.map_err(refused)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
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
        assert_eq!(delete(world.buyer(), Some("k")).await.status, 204);
        let again = delete(world.buyer(), Some("k")).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (204, Some("true")));
        assert_eq!(delete(world.buyer(), None).await.status, 404);
        assert_eq!(world.get(world.buyer(), &format!("{path}/deliveries")).await.status, 404);
        assert_eq!(world.get(world.buyer(), PATH).await.body["subscriptions"], json!([]));
    }
}
