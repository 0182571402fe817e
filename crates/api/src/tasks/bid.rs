//! One bid.

use super::seen;
use crate::auth::{May, SeeTasks};
use crate::{AppState, extract::BidPath, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{BidView, ProblemBody};

/// One bid with its whole prototype
#[utoipa::path(get, path = "/tasks/{task_id}/bids/{bid_id}", tag = "bids",
    params(("task_id" = String, Path, format = Uuid), ("bid_id" = String, Path, format = Uuid)),
    responses((status = 200, body = BidView), (status = 404, body = ProblemBody)))]
pub(crate) async fn bid(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
    BidPath(task, id): BidPath,
) -> Result<Json<BidView>, Problem> {
    seen(&state, &caller, task).await?;
    let bid = state.store.bid(task, id).await?.ok_or_else(|| Problem::not_found("bid"))?;
    Ok(Json(render::bid(&bid, &state.settings)))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

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
}
