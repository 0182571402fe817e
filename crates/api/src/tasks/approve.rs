//! The buyer accepts the work: the task completes and the money moves.

use super::owned;
use crate::auth::{ActOnTasks, May};
use crate::extract::TaskPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, render, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, TaskResponse};
use gavel_store::Deed;

/// Approve the delivery; the winner is paid
#[utoipa::path(post, path = "/tasks/{task_id}/delivery/approve", tag = "deliveries",
    params(("task_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = TaskResponse), (status = 409, body = ProblemBody)))]
pub(crate) async fn approve(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    TaskPath(id): TaskPath,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    fields.finish(&[])?;
    let task = owned(&state, &caller, id).await?;
    let now = state.now();
    let settle = state.settlement(&task, now);
    let approve = async |deed: &mut Deed| {
        let task = deed.approve(id, settle.as_ref(), now).await??;
        Answer::ok(&render::task(&task, &state.settings.currency))
    };
    ask.once(&state, &caller, approve).await
}

#[cfg(test)]
mod tests {
    use crate::{AppState, testing::World};
    use gavel_domain::ledger::TransferKind;
    use gavel_domain::policy::MoneyMode;
    use serde_json::json;
    use std::sync::Arc;

    #[tokio::test]
    async fn once_and_the_money_moves_once() {
        let world = World::new().await;
        let task = world.delivered().await;
        let path = format!("/api/v1/tasks/{task}/delivery/approve");
        let answer = world.post(world.buyer(), &path, &json!({})).await;
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("completed")), "{}", answer.body);
        let again = world.post(world.buyer(), &path, &json!({})).await;
        assert_eq!((again.status, again.code()), (409, "wrong_state"));
        let transfers = world.state.store.transfers_of(task.parse().unwrap()).await.unwrap();
        assert_eq!(transfers.len(), 2, "a hold and a release");
        let ledger = world.state.store.verify_ledger("USD").await.unwrap();
        assert_eq!((ledger.transfers, ledger.problems), (2, vec![]));
    }

    #[tokio::test]
    async fn what_was_held_is_paid_also_when_money_is_off_by_now() {
        let off = |state: &mut AppState| Arc::make_mut(&mut state.settings).money.mode = MoneyMode::Off;
        let world = World::with(off).await;
        let task = world.delivered().await; // its price was held while money was on
        let path = format!("/api/v1/tasks/{task}/delivery/approve");
        assert_eq!(world.post(world.buyer(), &path, &json!({})).await.status, 200);
        let transfers = world.state.store.transfers_of(task.parse().unwrap()).await.unwrap();
        let kinds: Vec<_> = transfers.iter().map(|transfer| transfer.kind).collect();
        assert_eq!(kinds, [TransferKind::Hold, TransferKind::Release]);
    }

    #[tokio::test]
    async fn not_before_the_work_is_in() {
        let world = World::new().await;
        let path = format!("/api/v1/tasks/{}/delivery/approve", world.in_review().await);
        assert_eq!(world.post(world.buyer(), &path, &json!({})).await.code(), "wrong_state");
        let stranger = world.key("task_poster", false, false).await;
        assert_eq!(world.post(&stranger, &path, &json!({})).await.status, 404);
    }
}
