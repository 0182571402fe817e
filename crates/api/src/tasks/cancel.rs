//! The buyer ends a task before a winner is chosen.

use super::owned;
use crate::auth::{ActOnTasks, May};
use crate::extract::TaskPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, render, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, TaskResponse};
use gavel_domain::event::Actor;
use gavel_store::Deed;

/// Why a task the buyer cancelled has ended.
const REASON: &str = "cancelled_by_buyer";

/// Cancel a task; open calls to agents are ended
#[utoipa::path(post, path = "/tasks/{task_id}/cancel", tag = "tasks",
    params(("task_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = TaskResponse), (status = 409, body = ProblemBody)))]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    TaskPath(id): TaskPath,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    fields.finish(&[])?;
    owned(&state, &caller, id).await?;
    let cancel = async |deed: &mut Deed| {
        let task = deed.cancel(id, Actor::Buyer, REASON, state.now()).await??;
        Answer::ok(&render::task(&task, &state.settings.currency))
    };
    ask.once(&state, &caller, cancel).await
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn until_a_winner_is_chosen() {
        let world = World::new().await;
        let check = async |task: &str, status: u16| {
            let answer = world.post(world.buyer(), &format!("/api/v1/tasks/{task}/cancel"), &json!({})).await;
            assert_eq!(answer.status, status, "{}", answer.body);
            answer
        };
        let open = check(&world.posted().await, 200).await;
        assert_eq!(
            (&open.body["status"], &open.body["status_reason"]),
            (&json!("cancelled"), &json!("cancelled_by_buyer"))
        );
        let review = world.in_review().await;
        check(&review, 200).await;
        assert_eq!(check(&review, 409).await.code(), "wrong_state");
        check(&world.delivered().await, 409).await;
    }

    #[tokio::test]
    async fn only_by_its_buyer() {
        let world = World::new().await;
        let path = format!("/api/v1/tasks/{}/cancel", world.posted().await);
        assert_eq!(world.post(world.admin(), &path, &json!({})).await.status, 403);
        let stranger = world.key("task_poster", false, false).await;
        assert_eq!(world.post(&stranger, &path, &json!({})).await.status, 404);
    }
}
