//! One task.

use super::seen;
use crate::auth::{May, SeeTasks};
use crate::{AppState, extract::TaskPath, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{ProblemBody, TaskResponse};

/// One task as it is now
#[utoipa::path(get, path = "/tasks/{task_id}", tag = "tasks", params(("task_id" = String, Path, format = Uuid)),
    responses((status = 200, body = TaskResponse), (status = 404, body = ProblemBody)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
    TaskPath(id): TaskPath,
) -> Result<Json<TaskResponse>, Problem> {
    let task = seen(&state, &caller, id).await?;
    Ok(Json(render::task(&task, &state.settings.currency)))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn owner_operator_and_nobody_else() {
        let world = World::new().await;
        let task = format!("/api/v1/tasks/{}", world.posted().await);
        let check = async |key: &str, path: &str, status: u16| {
            assert_eq!(world.get(key, path).await.status, status, "{path}");
        };
        check(world.buyer(), &task, 200).await;
        check(world.admin(), &task, 200).await;
        check(&world.key("task_poster", true, false).await, &task, 404).await; // another account
        check(&world.test_key_of_the_buyer().await, &task, 404).await;
        check(world.developer(), &task, 403).await;
        check(world.buyer(), "/api/v1/tasks/0190a000-0000-7000-8000-000000000000", 404).await;
        check(world.buyer(), "/api/v1/tasks/seven", 422).await;
        check(world.developer(), "/api/v1/tasks/seven", 403).await; // the scope comes first
    }
}
