//! A buyer subscribes to events.

use super::{refused, view};
use crate::auth::{ActOnTasks, May};
use crate::fields::Fields;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{NewSubscription, ProblemBody, SubscriptionWithSecret};
use gavel_domain::network::Guard;
use gavel_domain::webhook::{Endpoint, SecretVersion, Subscription, Topic};
use gavel_domain::{AccountId, SubscriptionId, Timestamp};
use gavel_store::Deed;

const URL_CHARS_MAX: usize = 2000;
const DESCRIPTION_CHARS_MAX: usize = 500;
/// What a subscription has and a body must not.
const READ_ONLY: &[&str] = &[
    "id",
    "test",
    "status",
    "signing_secret",
    "secret_version",
    "created_at",
    "disabled_at",
    "disabled_reason",
];

/// Be told of events at an address of yours; answers with the secret that requests are signed with
#[utoipa::path(post, path = "/webhook-subscriptions", tag = "webhooks", request_body = NewSubscription,
    params(KeyHeader),
    responses((status = 201, body = SubscriptionWithSecret), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: May<ActOnTasks>,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    let now = state.now();
    let id = SubscriptionId::new(now, state.chance.as_ref());
    let new = read(fields, &state.settings.guard, (id, caller.account, caller.test), now)?;
    let subscribe = async |deed: &mut Deed| {
        deed.add_subscription(&new).await?.map_err(refused)?;
        Answer::created(&SubscriptionWithSecret {
            subscription: view(&new, now),
            signing_secret: state.vault.webhook_secret(id, new.secret.newest).expose().to_owned(),
        })
    };
    ask.once(&state, &caller, subscribe).await
}

fn read(
    mut f: Fields,
    guard: &Guard,
    (id, account, test): (SubscriptionId, AccountId, bool),
    now: Timestamp,
) -> Result<Subscription, Problem> {
    f.require(&["url"]);
    let (url, host) = url(&mut f, guard).unwrap_or_default();
    let new = Subscription {
        id,
        account,
        test,
        url,
        host,
        topics: topics(&mut f),
        description: f.text("description", 0..=DESCRIPTION_CHARS_MAX),
        secret: SecretVersion::FIRST,
        created_at: now,
        endpoint: Endpoint::default(),
        disabled: None,
    };
    f.finish(READ_ONLY)?;
    Ok(new)
}

/// The address as it was sent, and its host.
fn url(f: &mut Fields, guard: &Guard) -> Option<(String, String)> {
    let text = f.text("url", 1..=URL_CHARS_MAX)?;
    match guard.check_url(&text) {
        Ok(url) => Some((text, url.host_str().unwrap_or_default().to_owned())),
        Err(refused) => {
            f.coded_problem("url", refused.code(), refused.to_string());
            None
        }
    }
}

fn topics(f: &mut Fields) -> Option<Vec<Topic>> {
    const FIELD: &str = "event_types";
    let names = f.texts(FIELD, Topic::ALL.len())?;
    if names.is_empty() {
        f.problem(FIELD, "must name at least one; leave it out to be told of all");
    }
    let known = names.iter().map(|name| name.parse()).collect::<Result<Vec<Topic>, _>>();
    known
        .map_err(|_| f.problem(FIELD, format!("must be some of: {}", Topic::ALL.map(Topic::name).join(", "))))
        .ok()
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use gavel_domain::limits::SUBSCRIPTIONS_MAX;
    use serde_json::{Value, json};

    const PATH: &str = "/api/v1/webhook-subscriptions";
    const URL: &str = "https://shop.example.com/gavel";

    #[tokio::test]
    async fn the_secret_is_shown_once_and_the_subscription_hears_of_all() {
        let world = World::new().await;
        let answer = world.post(world.buyer(), PATH, &json!({ "url": URL, "description": "mine" })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let secret = answer.body["signing_secret"].as_str().unwrap();
        assert!(secret.starts_with("whsec_"), "{secret}");
        let expected = json!({
            "url": URL, "event_types": null, "description": "mine", "test": false, "status": "active",
            "secret_version": 1, "secret_promotes_at": null, "disabled_at": null, "disabled_reason": null,
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&answer.body[name], value, "{name}");
        }
        let list = world.get(world.buyer(), PATH).await;
        assert!(list.status == 200 && !list.text.contains("whsec_"), "{}", list.text);
        assert_eq!(list.body["subscriptions"][0]["id"], answer.body["id"]);
    }

    #[tokio::test]
    async fn a_repeated_request_gets_the_same_secret_and_makes_nothing() {
        let world = World::new().await;
        let body = json!({ "url": URL, "event_types": ["task.expired", "task.bid_ready"] });
        let post = async |body: &Value| {
            let request = world.request("POST", PATH, world.buyer()).header("idempotency-key", "k");
            world.send(request, body.to_string()).await
        };
        let (first, second) = (post(&body).await, post(&body).await);
        assert_eq!((first.status, second.status), (201, 201), "{}", second.text);
        assert_eq!((&first.body, second.header("idempotent-replayed")), (&second.body, Some("true")));
        assert_eq!(first.body["event_types"], json!(["task.expired", "task.bid_ready"]));
        assert_eq!(post(&json!({ "url": "https://other.example.com" })).await.status, 422);
        let list = world.get(world.buyer(), PATH).await;
        assert_eq!(list.body["subscriptions"].as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_is_refused() {
        let world = World::new().await;
        let check = async |body: Value, field: &str| {
            let answer = world.post(world.buyer(), PATH, &body).await;
            let fields: Vec<_> =
                answer.body["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
            assert_eq!((answer.status, fields), (422, vec![&json!(field)]), "{body}");
        };
        check(json!({}), "url").await;
        check(json!({ "url": "http://shop.example.com" }), "url").await;
        check(json!({ "url": "https://10.0.0.1/hook" }), "url").await;
        check(json!({ "url": "https://localhost/hook" }), "url").await;
        check(json!({ "url": "https://user:pw@shop.example.com" }), "url").await;
        check(json!({ "url": URL, "event_types": [] }), "event_types").await;
        check(json!({ "url": URL, "event_types": ["task.posted"] }), "event_types").await;
        check(json!({ "url": URL, "event_types": "task.expired" }), "event_types").await;
        check(json!({ "url": URL, "description": "x".repeat(501) }), "description").await;
        check(json!({ "url": URL, "signing_secret": "whsec_mine" }), "signing_secret").await;
        check(json!({ "url": URL, "colour": "red" }), "colour").await;
        let coded = world.post(world.buyer(), PATH, &json!({ "url": "https://169.254.169.254/" })).await;
        assert!(coded.body["errors"][0]["code"].is_string(), "{}", coded.text);
    }

    #[tokio::test]
    async fn an_account_has_so_many() {
        let world = World::new().await;
        for n in 0..SUBSCRIPTIONS_MAX {
            let body = json!({ "url": format!("{URL}/{n}") });
            assert_eq!(world.post(world.buyer(), PATH, &body).await.status, 201);
        }
        let refused = world.post(world.buyer(), PATH, &json!({ "url": URL })).await;
        assert_eq!((refused.status, refused.code()), (409, "too_many_subscriptions"));
        assert!(refused.body["detail"].as_str().unwrap().contains(&SUBSCRIPTIONS_MAX.to_string()));
        let test_key = world.test_key_of_the_buyer().await;
        assert_eq!(world.post(&test_key, PATH, &json!({ "url": URL })).await.status, 201);
    }

    #[tokio::test]
    async fn who_may() {
        let world = World::new().await;
        let read_only = world.key("task_poster", true, false).await;
        for (key, status) in [(world.developer(), 403), (&*read_only, 403), ("", 401), (world.admin(), 201)] {
            assert_eq!(world.post(key, PATH, &json!({ "url": URL })).await.status, status);
        }
        assert_eq!(world.get(&read_only, PATH).await.status, 200);
        assert_eq!(world.get(world.developer(), PATH).await.status, 403);
    }
}
