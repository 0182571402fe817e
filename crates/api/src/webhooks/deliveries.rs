//! What was sent to a subscription, and what came back.

use super::seen;
use crate::auth::{May, SeeTasks};
use crate::extract::{Query, SubscriptionPath};
use crate::{AppState, problem::Problem, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{FieldError, ProblemBody, WebhookAttempt, WebhookDelivery, WebhookLog};
use gavel_domain::WebhookDeliveryId;
use gavel_domain::webhook::event_id;
use gavel_store::webhooks::log::{LoggedAttempt, LoggedWebhook};

const PAGE: i64 = 50;
const PAGE_MAX: i64 = 200;

/// Everything that was sent to a webhook subscription, newest first
#[utoipa::path(get, path = "/webhook-subscriptions/{subscription_id}/deliveries", tag = "webhooks",
    params(("subscription_id" = String, Path, format = Uuid),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<i64>, Query, description = "1-200; 50 when absent")),
    responses((status = 200, body = WebhookLog), (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(crate) async fn deliveries(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
    SubscriptionPath(id): SubscriptionPath,
    Query(query): Query,
) -> Result<Json<WebhookLog>, Problem> {
    let subscription = seen(&state, &caller, id).await?;
    let (before, limit) = page(&query)?;
    let mut logged = state.store.webhook_log(id, before, limit + 1).await?;
    let more = logged.len() as i64 > limit;
    logged.truncate(usize::try_from(limit).unwrap_or(0));
    let next = logged.last().filter(|_| more).map(|last| last.id.to_string());
    let disabled = subscription.disabled.is_some();
    Ok(Json(WebhookLog { deliveries: logged.into_iter().map(|one| view(one, disabled)).collect(), next }))
}

fn page(query: &[(String, String)]) -> Result<(Option<WebhookDeliveryId>, i64), Problem> {
    let (mut before, mut limit, mut errors) = (None, PAGE, Vec::new());
    for (name, value) in query {
        match (name.as_str(), value.parse(), value.parse()) {
            ("cursor", Ok(id), _) => before = Some(id),
            ("limit", _, Ok(most @ 1..=PAGE_MAX)) => limit = most,
            ("cursor", ..) => errors.push(FieldError::new(name, "must be `next` of the page before")),
            ("limit", ..) => {
                errors.push(FieldError::new(name, format!("must be a whole number from 1 to {PAGE_MAX}")));
            }
            _ => errors.push(FieldError::new(name, "is not a known parameter")),
        }
    }
    if errors.is_empty() { Ok((before, limit)) } else { Err(Problem::invalid(errors)) }
}

/// To a disabled subscription nothing is sent any more: what waits there is dropped.
fn view(logged: LoggedWebhook, disabled: bool) -> WebhookDelivery {
    let dropped = disabled && logged.state == "pending";
    WebhookDelivery {
        id: logged.id.to_string(),
        event_id: event_id(logged.task, logged.seq),
        event_type: logged.topic.name().to_owned(),
        task_id: logged.task.to_string(),
        version: logged.seq,
        status: if dropped { "dropped".to_owned() } else { logged.state },
        created_at: logged.created_at,
        next_attempt_at: logged.next_at.filter(|_| !dropped),
        ended_at: logged.ended_at,
        attempts: logged.attempts.into_iter().map(attempt).collect(),
    }
}

fn attempt(attempt: LoggedAttempt) -> WebhookAttempt {
    let LoggedAttempt { number, started_at, ended_at, status, problem, response } = attempt;
    WebhookAttempt { number, started_at, ended_at, status, problem, response }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn pages_newest_first_and_wrong_parameters() {
        let world = World::new().await;
        let (path, mut sent) = (world.subscribed().await, Vec::new());
        for _ in 0..3 {
            sent.insert(0, world.cancelled_and_told().await);
        }
        let page =
            async |query: &str| world.get(world.buyer(), &format!("{path}/deliveries{query}")).await.body;
        let first = page("?limit=2").await;
        let tasks = |page: &serde_json::Value| {
            let lines = page["deliveries"].as_array().unwrap().iter();
            lines.map(|line| line["task_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(tasks(&first), sent[..2]);
        let second = page(&format!("?limit=2&cursor={}", first["next"].as_str().unwrap())).await;
        assert_eq!((tasks(&second), &second["next"]), (sent[2..].to_vec(), &json!(null)));
        let line = &first["deliveries"][0];
        let expected = json!({ "event_type": "task.cancelled", "status": "pending", "version": 2, "attempts": [],
                               "ended_at": null });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{name}");
        }
        assert_eq!(line["event_id"], format!("evt_{}_2", sent[0].replace('-', "")));
        let wrong = page("?limit=201&cursor=x&order=up").await;
        assert_eq!(wrong["errors"].as_array().unwrap().len(), 3, "{wrong}");
    }

    #[tokio::test]
    async fn every_try_is_shown_and_what_waits_at_a_disabled_one_is_dropped() {
        let world = World::new().await;
        let path = world.subscribed().await;
        world.cancelled_and_told().await;
        world.cancelled_and_told().await;
        world.told_answers(410, "nobody here").await;
        let log = world.get(world.buyer(), &format!("{path}/deliveries")).await.body;
        let mut statuses: Vec<_> =
            log["deliveries"].as_array().unwrap().iter().map(|line| line["status"].clone()).collect();
        statuses.sort_by_key(ToString::to_string);
        assert_eq!(statuses, ["dropped", "exhausted"]);
        let lines = log["deliveries"].as_array().unwrap();
        let tried = lines.iter().find(|line| line["status"] == "exhausted").unwrap();
        let expected = json!([{ "number": 1, "status": 410, "problem": "no", "response": "nobody here",
                                "started_at": world.state.now(), "ended_at": world.state.now() }]);
        assert_eq!(tried["attempts"], expected);
        let seen = world.get(world.buyer(), "/api/v1/webhook-subscriptions").await;
        let seen = &seen.body["subscriptions"][0];
        assert_eq!(
            (&seen["status"], &seen["disabled_reason"]),
            (&json!("disabled"), &json!("the endpoint answered 410 Gone"))
        );
    }

    #[tokio::test]
    async fn for_its_buyer_and_operators() {
        let world = World::new().await;
        let path = format!("{}/deliveries", world.subscribed().await);
        let stranger = world.key("task_poster", false, false).await;
        for (key, status) in [
            (world.buyer(), 200),
            (world.admin(), 200),
            (&*stranger, 404),
            (&world.test_key_of_the_buyer().await, 404),
            (world.developer(), 403),
        ] {
            assert_eq!(world.get(key, &path).await.status, status);
        }
        let nothing = format!("/api/v1/webhook-subscriptions/{}/deliveries", uuid::Uuid::nil());
        assert_eq!(world.get(world.admin(), &nothing).await.status, 404);
    }
}
