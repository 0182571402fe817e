//! A buyer posts a task.

use super::new_task;
use crate::auth::{ActOnTasks, May};
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, render, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{NewTask, ProblemBody, TaskCreated};
use gavel_domain::{TaskId, task::Task};
use gavel_store::Deed;

/// Post a task; agents are asked at once
#[utoipa::path(post, path = "/tasks", tag = "tasks", request_body = NewTask,
    params(KeyHeader),
    responses((status = 201, body = TaskCreated), (status = 422, body = ProblemBody)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    let new = new_task::read(fields, &state.settings)?;
    let now = state.now();
    let id = TaskId::new(now, state.chance.as_ref());
    let task = Task {
        test: caller.test,
        wishes: new.wishes,
        metadata: new.metadata,
        // Left at once; should the loop be away, this is what the buyer may expect at the earliest.
        expires_at: Some(now + state.settings.timers.phase),
        ..Task::posted(id, caller.account, (new.brief, new.budget), now)
    };
    let create = async |deed: &mut Deed| {
        deed.create_task(&task).await?;
        let task = render::task(&task, &state.settings.currency);
        Answer::created(&TaskCreated { task, warnings: new.warnings })
    };
    ask.once(&state, &caller, create).await
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, new_task};
    use serde_json::{Value, json};

    #[tokio::test]
    async fn every_key_of_the_answer() {
        let world = World::new().await;
        let answer = world.post(world.buyer(), "/api/v1/tasks", &new_task()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let keys: Vec<_> = answer.body.as_object().unwrap().keys().map(String::as_str).collect();
        for key in [
            "id",
            "user_id",
            "title",
            "description",
            "category",
            "task_type",
            "requirements",
            "budget_usd",
            "compute_budget",
            "status",
            "experimentation",
            "created_at",
            "expires_at",
            "attachments",
            "brand_kit_id",
            "prototype_tier",
        ] {
            assert!(keys.contains(&key), "{key}");
        }
        assert_eq!(answer.body["status"], "open");
        assert_eq!(answer.body["budget_usd"], 22.0);
        assert_eq!(answer.body["experimentation"], 0.3);
        assert_eq!(answer.body["compute_budget"], Value::Null);
        let seen = world.get(world.buyer(), &format!("/api/v1/tasks/{}", answer.id())).await;
        assert_eq!((seen.status, &seen.body), (200, &answer.body));
    }

    #[tokio::test]
    async fn other_names_are_stored_and_shown_as_slugs() {
        let world = World::new().await;
        let post = async |category: &str, task_type: &str| {
            let mut body = new_task();
            (body["category"], body["task_type"]) = (json!(category), json!(task_type));
            world.post(world.buyer(), "/api/v1/tasks", &body).await
        };
        let check = async |category: &str, task_type: &str, expected: (&str, &str)| {
            let answer = post(category, task_type).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
            let seen = world.get(world.buyer(), &format!("/api/v1/tasks/{}", answer.id())).await.body;
            for task in [&answer.body, &seen] {
                assert_eq!((&task["category"], &task["task_type"]), (&json!(expected.0), &json!(expected.1)));
            }
        };
        check("content-writing", "article", ("content-writing", "blog-post")).await;
        check("writing-translation", "blog-post", ("content-writing", "blog-post")).await;
        check("writing-translation", "document-translation", ("translation", "document-translation")).await;
        let refused = post("writing-translation", "ad-copy").await;
        let error = &refused.body["errors"][0];
        assert_eq!((refused.status, &error["field"]), (422, &json!("task_type")));
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("of marketing") && message.contains("blog-post, document-translation"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn what_agents_will_miss_is_told_once_and_stored_as_it_was_said() {
        let world = World::new().await;
        let body = json!({
            "category": "translation", "task_type": "document-translation", "budget_usd": 22,
            "description": "Please translate the attached manual.", "requirements": { "colour": "red" },
        });
        let request = || world.request("POST", "/api/v1/tasks", world.buyer()).header("idempotency-key", "w");
        let answer = world.send(request(), body.to_string()).await;
        let fields: Vec<_> = answer.body["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|warning| warning["field"].as_str())
            .collect();
        assert_eq!(
            (answer.status, fields),
            (201, vec!["requirements.colour", "requirements.target_language"])
        );
        let again = world.send(request(), body.to_string()).await;
        assert_eq!((again.status, &again.body), (201, &answer.body));
        let seen = world.get(world.buyer(), &format!("/api/v1/tasks/{}", answer.id())).await.body;
        assert_eq!((&seen["requirements"], seen.get("warnings")), (&json!({ "colour": "red" }), None));
        let list = world.get(world.buyer(), "/api/v1/tasks").await.body;
        assert_eq!(list["tasks"][0].get("warnings"), None);
    }

    #[tokio::test]
    async fn category_type_and_budget_are_enough_for_every_type() {
        let world = World::new().await;
        for category in &world.state.settings.catalog.categories {
            for task_type in &category.task_types {
                let body = json!({
                    "category": category.slug, "task_type": task_type.slug, "budget_usd": 22,
                    "description": "What is wanted is said in here.",
                });
                let answer = world.post(world.buyer(), "/api/v1/tasks", &body).await;
                assert_eq!(
                    (answer.status, &answer.body["requirements"]),
                    (201, &json!({})),
                    "{}",
                    answer.body
                );
            }
        }
    }

    #[tokio::test]
    async fn a_repeated_key_gives_the_first_answer() {
        let world = World::new().await;
        let post = |body: Value, key: &'static str| {
            let request =
                world.request("POST", "/api/v1/tasks", world.buyer()).header("idempotency-key", key);
            world.send(request, body.to_string())
        };
        let first = post(new_task(), "one").await;
        assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
        let again = post(new_task(), "one").await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
        assert_eq!(again.body, first.body);
        let mut other = new_task();
        other["budget_usd"] = json!(23);
        let mismatch = post(other.clone(), "one").await;
        assert_eq!((mismatch.status, mismatch.code()), (422, "idempotency_key_reused"));
        assert_eq!(post(other, "two").await.status, 201);
        assert_eq!(post(new_task(), "no spaces allowed").await.code(), "idempotency_key_invalid");
        let list = world.get(world.buyer(), "/api/v1/tasks").await;
        assert_eq!(list.body["tasks"].as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn who_may_post() {
        let world = World::new().await;
        let check = async |key: &str, status: u16| {
            let answer = world.post(key, "/api/v1/tasks", &new_task()).await;
            assert_eq!(answer.status, status, "{key}: {}", answer.body);
        };
        check(world.buyer(), 201).await;
        check(world.admin(), 201).await;
        check(world.developer(), 403).await;
        check(&world.key("task_poster", true, false).await, 403).await;
        check("", 401).await;
        check("aitk_live_unknown", 401).await;
        check("ait_something", 401).await;
    }

    #[tokio::test]
    async fn bodies_that_are_none() {
        let world = World::new().await;
        let check = async |content_type: &str, body: String, status: u16, code: &str| {
            let request = world.request("POST", "/api/v1/tasks", world.buyer());
            let request = request.header("content-type", content_type);
            let answer = world.send(request, body).await;
            assert_eq!((answer.status, answer.code()), (status, code));
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        };
        check("application/json", "{".into(), 400, "malformed").await;
        check("text/plain", new_task().to_string(), 415, "media_type").await;
        check("application/json", format!("\"{}\"", "x".repeat(300_000)), 413, "too_large").await;
        check("application/json", "[]".into(), 422, "validation").await;
        check("application/json; charset=utf-8", "{}".into(), 422, "validation").await;
    }
}
