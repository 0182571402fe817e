//! The winner's finished work.

use super::seen;
use crate::auth::{May, SeeTasks};
use crate::{AppState, extract::TaskPath, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{ProblemBody, TaskDelivery};

/// The latest delivery of a task
#[utoipa::path(get, path = "/tasks/{task_id}/delivery", tag = "deliveries",
    params(("task_id" = String, Path, format = Uuid)),
    responses((status = 200, body = TaskDelivery), (status = 404, body = ProblemBody),
        (status = 410, body = ProblemBody, description = "Its texts were removed some time after the task had ended")))]
pub(crate) async fn delivery(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
    TaskPath(id): TaskPath,
) -> Result<Json<TaskDelivery>, Problem> {
    let task = seen(&state, &caller, id).await?;
    let delivery = state.store.latest_delivery(id).await?.ok_or_else(|| Problem::not_found("delivery"))?;
    if task.state.is_final()
        && delivery.answer.is_none()
        && let Some(at) = state.store.bodies_removed_at(id).await?
    {
        return Err(Problem::removed(at));
    }
    let settings = state.settings.as_ref();
    Ok(Json(TaskDelivery {
        delivery: render::delivery(&task, &delivery, settings),
        task: render::task(&task, &settings.currency),
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn the_work_with_what_the_buyer_gave() {
        let world = World::new().await;
        let task = world.delivered().await;
        let path = format!("/api/v1/tasks/{task}/delivery");
        let answer = world.get(world.buyer(), &path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let delivery = &answer.body["delivery"];
        assert_eq!((&delivery["status"], &delivery["revision"]), (&json!("ready"), &json!(0)));
        assert!(delivery["full_text"].as_str().unwrap().starts_with("The finished"));
        assert_eq!(delivery["metadata"], json!({ "order": 7 }));
        assert_eq!(delivery["revisions_remaining"], 2);
        assert!(delivery["expires_at"].is_string());
        let stranger = world.key("task_poster", false, false).await;
        assert_eq!(world.get(&stranger, &path).await.status, 404);
    }

    #[tokio::test]
    async fn its_text_goes_with_time() {
        let world = World::new().await;
        let task = world.delivered().await;
        world.loses_its_texts(&task).await;
        let answer = world.get(world.buyer(), &format!("/api/v1/tasks/{task}/delivery")).await;
        assert_eq!((answer.status, answer.code()), (410, "removed_by_retention"), "{}", answer.body);
        assert_eq!(
            world.get(world.buyer(), &format!("/api/v1/tasks/{task}")).await.body["status"],
            "completed"
        );
    }

    #[tokio::test]
    async fn none_before_a_selection() {
        let world = World::new().await;
        let path = format!("/api/v1/tasks/{}/delivery", world.in_review().await);
        assert_eq!(world.get(world.buyer(), &path).await.status, 404);
    }
}
