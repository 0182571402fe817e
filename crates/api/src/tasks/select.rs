//! The buyer picks a bid.

use super::owned;
use crate::auth::{ActOnTasks, May};
use crate::extract::BidPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, render, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, Selected};
use gavel_store::Deed;

/// Select a bid; while agents still work this ends the phase
#[utoipa::path(post, path = "/tasks/{task_id}/bids/{bid_id}/select", tag = "bids",
    params(("task_id" = String, Path, format = Uuid), ("bid_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = Selected), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub(crate) async fn select(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    BidPath(task, bid): BidPath,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    fields.finish(&[])?;
    owned(&state, &caller, task).await?;
    let select = async |deed: &mut Deed| {
        let (after, chosen) = deed.select(task, bid, state.now()).await??;
        let task = render::task(&after, &state.settings.currency);
        Answer::ok(&Selected { task, bid: render::bid(&chosen, &state.settings) })
    };
    ask.once(&state, &caller, select).await
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn the_task_is_accepted_with_its_winner() {
        let world = World::new().await;
        let task = world.in_review().await;
        let bid = world.best_bid(&task).await;
        let path = format!("/api/v1/tasks/{task}/bids/{bid}/select");
        let answer = world.post(world.buyer(), &path, &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["task"]["status"], "accepted");
        assert_eq!((&answer.body["bid"]["id"], &answer.body["bid"]["selected"]), (&json!(bid), &json!(true)));
        let again = world.post(world.buyer(), &path, &json!({})).await;
        assert_eq!((again.status, again.code()), (409, "wrong_state"));
        let statuses = world.get(world.buyer(), &format!("/api/v1/tasks/{task}/bids")).await;
        let statuses: Vec<_> =
            statuses.body["bids"].as_array().unwrap().iter().map(|b| &b["status"]).collect();
        assert_eq!(statuses, [&json!("selected"), &json!("not_selected")]);
    }

    #[tokio::test]
    async fn a_repeated_key_gives_the_first_answer() {
        let world = World::new().await;
        let task = world.in_review().await;
        let path = format!("/api/v1/tasks/{task}/bids/{}/select", world.best_bid(&task).await);
        let select = || {
            let request = world.request("POST", &path, world.buyer()).header("idempotency-key", "once");
            world.send(request, String::new())
        };
        let (first, again) = (select().await, select().await);
        assert_eq!((first.status, again.status), (200, 200));
        assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &first.body));
    }

    #[tokio::test]
    async fn of_many_at_once_one_wins() {
        let world = World::new().await;
        let task = world.in_review().await;
        let gallery = world.get(world.buyer(), &format!("/api/v1/tasks/{task}/bids")).await;
        let bids: Vec<_> = gallery.body["bids"].as_array().unwrap().iter().map(|b| b["id"].clone()).collect();
        let paths: Vec<_> = (0..10)
            .map(|n| format!("/api/v1/tasks/{task}/bids/{}/select", bids[n % bids.len()].as_str().unwrap()))
            .collect();
        let empty = json!({});
        let answers =
            futures::future::join_all(paths.iter().map(|path| world.post(world.buyer(), path, &empty))).await;
        let mut statuses: Vec<_> = answers.iter().map(|a| a.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409, 409, 409]);
    }

    #[tokio::test]
    async fn who_and_what() {
        let world = World::new().await;
        let (task, posted) = (world.in_review().await, world.posted().await);
        let bid = world.best_bid(&task).await;
        let check = async |key: &str, task: &str, bid: &str, status: u16| {
            let path = format!("/api/v1/tasks/{task}/bids/{bid}/select");
            assert_eq!(world.post(key, &path, &json!({})).await.status, status, "{path}");
        };
        check(world.developer(), &task, &bid, 403).await;
        check(world.admin(), &task, &bid, 403).await; // it sees the task, it does not decide
        check(&world.key("task_poster", false, false).await, &task, &bid, 404).await;
        check(world.buyer(), &posted, &bid, 404).await;
        check(world.buyer(), &task, &posted, 404).await;
        check(world.buyer(), &task, "best", 422).await;
        let path = format!("/api/v1/tasks/{task}/bids/{bid}/select");
        let unknown = world.post(world.buyer(), &path, &json!({ "bid_id": bid })).await;
        assert_eq!((unknown.status, &unknown.body["errors"][0]["field"]), (422, &json!("bid_id")));
    }
}
