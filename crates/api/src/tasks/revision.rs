//! The buyer wants changes: the winner is called again with the notes.

use super::owned;
use crate::auth::{ActOnTasks, May};
use crate::extract::TaskPath;
use crate::fields::Fields;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, render, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{ProblemBody, RevisionRequest, TaskDelivery};
use gavel_domain::DeliveryId;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::invitation::Mode;
use gavel_store::Deed;
use gavel_store::choices::Revision;

const NOTES_MAX: usize = 2000;

/// Ask for changes; the winner delivers once more
#[utoipa::path(post, path = "/tasks/{task_id}/delivery/revision", tag = "deliveries",
    request_body = RevisionRequest, params(("task_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 200, body = TaskDelivery), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(crate) async fn revision(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    TaskPath(id): TaskPath,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    let notes = notes(fields)?;
    let task = owned(&state, &caller, id).await?;
    let (settings, now) = (state.settings.as_ref(), state.now());
    let wish = Revision {
        id: DeliveryId::new(now, state.chance.as_ref()),
        notes,
        deadline_at: now + settings.timers.call_limit(ExecutionMode::Sync, Mode::Final, &task.brief.category),
    };
    let revise = async |deed: &mut Deed| {
        let revised = deed.request_revision(id, wish, settings.timers.revisions_max, now).await?;
        let (task, delivery) = revised?;
        Answer::ok(&TaskDelivery {
            delivery: render::delivery(&task, &delivery, settings),
            task: render::task(&task, &settings.currency),
        })
    };
    ask.once(&state, &caller, revise).await
}

fn notes(mut fields: Fields) -> Result<String, Problem> {
    fields.require(&["notes"]);
    let notes = fields.text("notes", 1..=NOTES_MAX);
    if notes.as_ref().is_some_and(|notes| notes.trim().is_empty()) {
        fields.problem("notes", "must say what to change");
    }
    fields.finish(&[])?;
    Ok(notes.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn the_next_delivery_is_pending_with_the_notes() {
        let world = World::new().await;
        let task = world.delivered().await;
        let path = format!("/api/v1/tasks/{task}/delivery/revision");
        let answer = world.post(world.buyer(), &path, &json!({ "notes": "Shorter, please." })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let delivery = &answer.body["delivery"];
        assert_eq!((&delivery["status"], &delivery["revision"]), (&json!("pending"), &json!(1)));
        assert_eq!(
            (&delivery["notes"], &delivery["revisions_remaining"]),
            (&json!("Shorter, please."), &json!(1))
        );
        assert_eq!(answer.body["task"]["status"], "delivering");
        let early = world.post(world.buyer(), &path, &json!({ "notes": "Longer!" })).await;
        assert_eq!((early.status, early.code()), (409, "no_delivery"));
    }

    #[tokio::test]
    async fn what_is_refused() {
        let world = World::new().await;
        let path = format!("/api/v1/tasks/{}/delivery/revision", world.delivered().await);
        for body in
            [json!({}), json!({ "notes": " " }), json!({ "notes": "x".repeat(2001) }), json!({ "notes": 1 })]
        {
            let answer = world.post(world.buyer(), &path, &body).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!("notes")), "{body}");
        }
        let path = format!("/api/v1/tasks/{}/delivery/revision", world.in_review().await);
        assert_eq!(world.post(world.buyer(), &path, &json!({ "notes": "More" })).await.code(), "wrong_state");
    }
}
