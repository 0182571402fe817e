//! A buyer's tasks, page by page.

use crate::auth::{May, SeeTasks};
use crate::{AppState, extract::Query, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{FieldError, ProblemBody, TaskList};
use gavel_domain::{TaskId, lifecycle::TaskState};

const PAGE: i64 = 20;
const PAGE_MAX: i64 = 100;

/// Which page.
#[derive(Debug, PartialEq)]
struct Page {
    before: Option<TaskId>,
    limit: i64,
    status: Option<TaskState>,
}

/// Your tasks, newest first
#[utoipa::path(get, path = "/tasks", tag = "tasks",
    params(("before" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<i64>, Query, description = "1-100; 20 when absent"),
        ("status" = Option<String>, Query, description = "Only tasks in this state")),
    responses((status = 200, body = TaskList), (status = 422, body = ProblemBody)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
    Query(query): Query,
) -> Result<Json<TaskList>, Problem> {
    let page = page(&query)?;
    let (account, one_more) = (caller.account, page.limit + 1);
    let mut tasks = state.store.tasks_of(account, caller.test, page.status, page.before, one_more).await?;
    let more = tasks.len() as i64 == one_more;
    tasks.truncate(usize::try_from(page.limit).unwrap_or(0));
    let next = tasks.last().filter(|_| more).map(|task| task.id.to_string());
    let tasks = tasks.iter().map(|task| render::task(task, &state.settings.currency)).collect();
    Ok(Json(TaskList { tasks, next }))
}

fn page(query: &[(String, String)]) -> Result<Page, Problem> {
    let (mut page, mut errors) = (Page { before: None, limit: PAGE, status: None }, Vec::new());
    for (name, value) in query {
        let fits = match name.as_str() {
            "before" => value.parse().map(|id| page.before = Some(id)).is_ok(),
            "status" => value.parse().map(|state| page.status = Some(state)).is_ok(),
            "limit" => match value.parse() {
                Ok(limit @ 1..=PAGE_MAX) => {
                    page.limit = limit;
                    true
                }
                _ => false,
            },
            _ => {
                errors.push(FieldError::new(name, "is not a known parameter"));
                true
            }
        };
        if !fits {
            errors.push(FieldError::new(name, rule(name)));
        }
    }
    if errors.is_empty() { Ok(page) } else { Err(Problem::invalid(errors)) }
}

fn rule(name: &str) -> String {
    match name {
        "before" => "must be a task's id".to_owned(),
        "status" => format!("must be one of: {}", TaskState::ALL.map(TaskState::name).join(", ")),
        _ => format!("must be a whole number from 1 to {PAGE_MAX}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn pages_in_order_without_a_gap() {
        let world = World::new().await;
        let mut posted = Vec::new();
        for _ in 0..5 {
            posted.push(world.posted().await);
        }
        posted.reverse();
        let (mut seen, mut before) = (Vec::new(), String::new());
        loop {
            let page = world.get(world.buyer(), &format!("/api/v1/tasks?limit=2{before}")).await;
            let tasks = page.body["tasks"].as_array().unwrap().iter();
            seen.extend(tasks.map(|t| t["id"].as_str().unwrap().to_owned()));
            match page.body["next"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => break,
            }
        }
        assert_eq!(seen, posted);
    }

    #[tokio::test]
    async fn filters_and_wrong_parameters() {
        let world = World::new().await;
        let task = world.posted().await;
        assert_eq!(
            world.post(world.buyer(), &format!("/api/v1/tasks/{task}/cancel"), &().into()).await.status,
            200
        );
        let count = async |key: &str, query: &str| {
            let page = world.get(key, &format!("/api/v1/tasks{query}")).await;
            page.body["tasks"].as_array().map(Vec::len)
        };
        assert_eq!(count(world.buyer(), "?status=cancelled").await, Some(1));
        assert_eq!(count(world.buyer(), "?status=open").await, Some(0));
        assert_eq!(count(world.admin(), "").await, Some(0), "another account's list");
        let wrong = world.get(world.buyer(), "/api/v1/tasks?status=lost&limit=0&before=x&order=up").await;
        assert_eq!((wrong.status, wrong.body["errors"].as_array().unwrap().len()), (422, 4));
    }
}
