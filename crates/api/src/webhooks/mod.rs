//! Webhook subscriptions of buyers, one endpoint per file.
//!
//! An answer that shows a secret is kept under its `Idempotency-Key` without it; the secret is derived again when the
//! answer is repeated, from the id and the version that stand in it.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deliveries;
pub(crate) mod list;
pub(crate) mod redeliver;
pub(crate) mod rotate;

use crate::{AppState, problem::Problem, reply};
use axum::response::Response;
use gavel_contract::rest::SubscriptionView;
use gavel_domain::account::ApiKey;
use gavel_domain::limits::SUBSCRIPTIONS_MAX;
use gavel_domain::webhook::{Subscription, Topic};
use gavel_domain::{SubscriptionId, Timestamp};
use gavel_store::webhooks::subscriptions::Refused;
use gavel_store::{IdempotencyKey, Once};
use serde_json::{Value, json};

/// Where a secret stands in an answer.
const SECRET: &str = "signing_secret";

/// A subscription of this key's account.
async fn owned(state: &AppState, key: &ApiKey, id: SubscriptionId) -> Result<Subscription, Problem> {
    let known = state.store.subscription(id).await?;
    known.filter(|known| known.account == key.account && known.test == key.test).ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::not_found("webhook subscription")
}

/// What was answered before under the key. Looked at before anything else: the request may have deleted what it is about.
async fn answered(state: &AppState, key: Option<&IdempotencyKey>) -> Result<Option<Response>, Problem> {
    let Some(key) = key else { return Ok(None) };
    let Some(before) = state.store.replay(key).await? else { return Ok(None) };
    let before = told(state, before)?;
    reply::once(before, |()| Err(Problem::internal(&"a remembered answer is never fresh"))).map(Some)
}

/// A remembered answer with the secret that belongs into it.
fn told<T>(state: &AppState, once: Once<T>) -> Result<Once<T>, Problem> {
    match once {
        Once::Replayed { status, body } => Ok(Once::Replayed { status, body: with_secret(state, body)? }),
        fresh_or_mismatch => Ok(fresh_or_mismatch),
    }
}

/// An answer as it is stored (its secret is null) with the secret of the subscription and version that it names.
fn with_secret(state: &AppState, body: String) -> Result<String, Problem> {
    let Ok(Value::Object(mut answer)) = serde_json::from_str(&body) else { return Ok(body) };
    let id = answer.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let version = answer.get("secret_version").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    if let (Some(id), Some(version), true) = (id, version, answer.contains_key(SECRET)) {
        answer.insert(SECRET.to_owned(), json!(state.vault.webhook_secret(id, version).expose()));
    }
    reply::written(&answer)
}

fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::TooMany => Problem::conflict(
            "too_many_subscriptions",
            format!(
                "This account has {SUBSCRIPTIONS_MAX} webhook subscriptions, as many as it may have; delete one first."
            ),
        ),
        Refused::Gone => missing(),
        Refused::Overlaps { until } => Problem::conflict(
            "secret_pending",
            format!(
                "A new secret is pending until {}; wait for it, or make a new subscription.",
                until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            ),
        ),
    }
}

fn view(subscription: &Subscription, now: Timestamp) -> SubscriptionView {
    let (disabled_at, disabled_reason) = subscription.disabled.clone().unzip();
    let status = match () {
        () if disabled_at.is_some() => "disabled",
        () if subscription.endpoint.fails > 0 => "failing",
        () => "active",
    };
    let names = |topics: &Vec<Topic>| topics.iter().map(|topic| topic.name().to_owned()).collect();
    SubscriptionView {
        id: subscription.id.to_string(),
        url: subscription.url.clone(),
        event_types: subscription.topics.as_ref().map(names),
        description: subscription.description.clone(),
        test: subscription.test,
        status: status.to_owned(),
        disabled_reason,
        disabled_at,
        failing_since: subscription.endpoint.failing_since,
        quiet_until: subscription.endpoint.quiet_until.filter(|until| now < *until),
        last_delivered_at: subscription.endpoint.delivered_at,
        secret_version: subscription.secret.newest,
        secret_promotes_at: subscription.secret.overlaps_until(now),
        created_at: subscription.created_at,
    }
}
