//! A buyer's subscriptions.

use super::view;
use crate::auth::{May, SeeTasks};
use crate::{AppState, problem::Problem, reply::Json};
use axum::extract::State;
use gavel_contract::rest::SubscriptionList;

/// Your webhook subscriptions, oldest first
#[utoipa::path(get, path = "/webhook-subscriptions", tag = "webhooks",
    responses((status = 200, body = SubscriptionList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
) -> Result<Json<SubscriptionList>, Problem> {
    let known = state.store.subscriptions_of(caller.account, caller.test).await?;
    let now = state.now();
    Ok(Json(SubscriptionList { subscriptions: known.iter().map(|known| view(known, now)).collect() }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use chrono::TimeDelta;
    use serde_json::json;

    const PATH: &str = "/api/v1/webhook-subscriptions";

    #[tokio::test]
    async fn own_ones_in_order_and_nobody_elses() {
        let world = World::new().await;
        for n in 0..3 {
            world.clock.advance(TimeDelta::milliseconds(1));
            let body = json!({ "url": format!("https://{n}.example.com/") });
            assert_eq!(world.post(world.buyer(), PATH, &body).await.status, 201);
        }
        let list = world.get(world.buyer(), PATH).await;
        let urls: Vec<_> =
            list.body["subscriptions"].as_array().unwrap().iter().map(|s| s["url"].clone()).collect();
        assert_eq!(urls, ["https://0.example.com/", "https://1.example.com/", "https://2.example.com/"]);
        for key in [
            world.admin(),
            &world.key("task_poster", false, false).await,
            &world.test_key_of_the_buyer().await,
        ] {
            assert_eq!(world.get(key, PATH).await.body["subscriptions"], json!([]));
        }
    }
}
