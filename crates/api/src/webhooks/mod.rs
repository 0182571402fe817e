//! Webhook subscriptions of buyers, one endpoint per file.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deliveries;
pub(crate) mod list;
pub(crate) mod redeliver;
pub(crate) mod rotate;

use crate::{AppState, auth::sees_all, problem::Problem};
use gavel_contract::rest::SubscriptionView;
use gavel_domain::account::ApiKey;
use gavel_domain::limits::SUBSCRIPTIONS_MAX;
use gavel_domain::webhook::{Subscription, Topic};
use gavel_domain::{SubscriptionId, Timestamp};
use gavel_store::webhooks::subscriptions::Refused;

/// A subscription of this key's account.
async fn owned(state: &AppState, key: &ApiKey, id: SubscriptionId) -> Result<Subscription, Problem> {
    let known = state.store.subscription(id).await?;
    known.filter(|known| known.account == key.account && known.test == key.test).ok_or_else(missing)
}

/// A subscription that this key may look at: an admin's sees all.
async fn seen(state: &AppState, key: &ApiKey, id: SubscriptionId) -> Result<Subscription, Problem> {
    if sees_all(key) {
        state.store.subscription(id).await?.ok_or_else(missing)
    } else {
        owned(state, key, id).await
    }
}

fn missing() -> Problem {
    Problem::not_found("webhook subscription")
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
