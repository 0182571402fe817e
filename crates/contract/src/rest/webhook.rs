//! Webhook subscriptions of buyers, and the log of what was sent to them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of a new subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NewSubscription {
    /// Where events are posted: https, at a public address.
    #[schema(max_length = 2000, example = "https://shop.example.com/gavel")]
    pub url: String,
    /// `task.bid_ready`, `task.delivery_ready`, `task.delivery_approved`, `task.delivery_disputed` (reserved: nothing
    /// causes it yet), `task.cancelled`, `task.expired`; all of them, and what there will be, when absent.
    pub event_types: Option<Vec<String>>,
    /// Your own words.
    #[schema(max_length = 500)]
    pub description: Option<String>,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubscriptionView {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// Where events are posted.
    pub url: String,
    /// Which; null: all.
    pub event_types: Option<Vec<String>>,
    /// Your own words.
    pub description: Option<String>,
    /// Made with a test key: it hears of test tasks alone.
    pub test: bool,
    /// `active`, `failing` (its last try failed) or `disabled`.
    pub status: String,
    /// Why it is disabled. Nothing is sent to it any more; make a new one once its endpoint is mended.
    pub disabled_reason: Option<String>,
    /// Since when it is disabled.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when every try has failed.
    pub failing_since: Option<DateTime<Utc>>,
    /// Until when the endpoint is left alone, because it said so (429, 502, 503, 504).
    pub quiet_until: Option<DateTime<Utc>>,
    /// When the endpoint last took something.
    pub last_delivered_at: Option<DateTime<Utc>>,
    /// Which signing secret is the newest: 1, then one more with each rotation.
    pub secret_version: u32,
    /// When the newest becomes the current one; until then requests carry the signatures of both. Null when it is.
    pub secret_promotes_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A subscription with the secret its requests are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubscriptionWithSecret {
    /// The subscription.
    #[serde(flatten)]
    pub subscription: SubscriptionView,
    /// Shown here, and when this request is repeated with its `Idempotency-Key`; nowhere else.
    pub signing_secret: String,
}

/// A new signing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubscriptionSecret {
    /// The subscription.
    #[schema(format = Uuid)]
    pub id: String,
    /// Its number.
    pub secret_version: u32,
    /// When it becomes the current one, and the old one is no longer used.
    pub promotes_at: DateTime<Utc>,
    /// What to do now.
    pub message: String,
    /// Shown here, and when this request is repeated with its `Idempotency-Key`; nowhere else.
    pub signing_secret: String,
}

/// A subscription that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubscriptionDeleted {
    /// Which it was.
    #[schema(format = Uuid)]
    pub id: String,
    /// From then on nothing is sent to it.
    pub deleted_at: DateTime<Utc>,
}

/// An account's subscriptions, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubscriptionList {
    /// All of them.
    pub subscriptions: Vec<SubscriptionView>,
}

/// A page of a subscription's deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookLog {
    /// The deliveries.
    pub deliveries: Vec<WebhookDelivery>,
    /// `cursor` of the next page; null on the last one.
    pub next: Option<String>,
}

/// One event on its way to one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookDelivery {
    /// The `X-AITasker-Delivery-Id`.
    #[schema(format = Uuid)]
    pub id: String,
    /// The `webhook-id`, and `id` in the body.
    pub event_id: String,
    /// `type` in the body.
    pub event_type: String,
    /// The task.
    #[schema(format = Uuid)]
    pub task_id: String,
    /// `data.version` in the body: orders the events of one task.
    pub version: i64,
    /// `pending`, `delivered`, `exhausted` (every try failed), or `dropped` (the subscription is disabled).
    pub status: String,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When it is tried next, or the present try ends at the latest; null where it is not tried any more.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it was taken or given up.
    pub ended_at: Option<DateTime<Utc>>,
    /// The tries, newest first; at most 20 are shown.
    pub attempts: Vec<WebhookAttempt>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookAttempt {
    /// 1 for the first, then one more for each.
    pub number: u32,
    /// When it left.
    pub started_at: DateTime<Utc>,
    /// When its answer was complete or given up; null while it is under way, or where nobody knows any more.
    pub ended_at: Option<DateTime<Utc>>,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// What went wrong.
    pub problem: Option<String>,
    /// The start of the answer's body, at most 2 KiB.
    pub response: Option<String>,
}

/// A delivery that is sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RedeliveryBegun {
    /// The delivery: it keeps its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// `pending`.
    pub status: String,
    /// At once; when that fails, all tries of the schedule follow again.
    pub next_attempt_at: DateTime<Utc>,
}
