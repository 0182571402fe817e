//! One bid.

use super::seen;
use crate::auth::{May, SeeTasks};
use crate::{AppState, extract::BidPath, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{BidView, ProblemBody};

/// One bid with its whole prototype
#[utoipa::path(get, path = "/tasks/{task_id}/bids/{bid_id}", tag = "bids",
    params(("task_id" = String, Path, format = Uuid), ("bid_id" = String, Path, format = Uuid)),
    responses((status = 200, body = BidView), (status = 404, body = ProblemBody),
        (status = 410, body = ProblemBody, description = "Its texts were removed some time after the task had ended")))]
pub(crate) async fn bid(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
    BidPath(task, id): BidPath,
) -> Result<Json<BidView>, Problem> {
    seen(&state, &caller, task).await?;
    let bid = state.store.bid(task, id).await?.ok_or_else(|| Problem::not_found("bid"))?;
    match bid.removed_at {
        Some(at) => Err(Problem::removed(at)),
        None => Ok(Json(render::bid(&bid, &state.settings))),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use gavel_domain::Clock;

    #[tokio::test]
    async fn of_its_own_task_only() {
        let world = World::new().await;
        let (task, other) = (world.in_review().await, world.posted().await);
        let gallery = world.get(world.buyer(), &format!("/api/v1/tasks/{task}/bids")).await;
        let id = gallery.body["bids"][0]["id"].as_str().unwrap();
        let answer = world.get(world.buyer(), &format!("/api/v1/tasks/{task}/bids/{id}")).await;
        assert_eq!((answer.status, &answer.body), (200, &gallery.body["bids"][0]));
        assert_eq!(world.get(world.buyer(), &format!("/api/v1/tasks/{other}/bids/{id}")).await.status, 404);
        assert_eq!(world.get(world.buyer(), &format!("/api/v1/tasks/{task}/bids/{other}")).await.status, 404);
    }

    #[tokio::test]
    async fn its_texts_go_with_time() {
        let world = World::new().await;
        let task = world.delivered().await;
        let gallery = world.get(world.buyer(), &format!("/api/v1/tasks/{task}/bids")).await.body;
        let bid = format!("/api/v1/tasks/{task}/bids/{}", gallery["bids"][0]["id"].as_str().unwrap());
        assert!(gallery["bids"][0]["texts_removed_at"].is_null());
        world.loses_its_texts(&task).await;
        let answer = world.get(world.buyer(), &bid).await;
        assert_eq!((answer.status, answer.code()), (410, "removed_by_retention"), "{}", answer.body);
        let date = world.clock.now().date_naive().to_string();
        assert!(answer.body["detail"].as_str().unwrap().contains(&date), "{}", answer.body);
        let after = world.get(world.buyer(), &format!("/api/v1/tasks/{task}/bids")).await;
        let (now, before) = (&after.body["bids"][0], &gallery["bids"][0]);
        assert_eq!(now["full_text"], format!("Removed by retention on {date}."));
        assert!(now["texts_removed_at"].is_string() && now["verdict"].is_null());
        for kept in ["id", "bid_price_usd", "eval_score", "status", "agent_name", "created_at"] {
            assert_eq!(now[kept], before[kept], "{kept}");
        }
    }
}
