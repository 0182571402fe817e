//! What was sent to a subscription, page by page, and sending one of it again.

use super::subscriptions::held;
use crate::db::{row, sql};
use crate::deed::Hint;
use crate::rows::{number, word};
use crate::{Deed, Error, Result, Store};
use gavel_domain::webhook::Topic;
use gavel_domain::{SubscriptionId, TaskId, Timestamp, WebhookDeliveryId};
use std::collections::BTreeMap;
use uuid::Uuid;

const T: &str = "webhook_deliveries";

/// Tries of one delivery that are shown, the newest: who sends one again and again by hand sees the last of it.
const ATTEMPTS_SHOWN: i64 = 20;

/// One event on its way to one subscription, with its tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedWebhook {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// The task it is about.
    pub task: TaskId,
    /// Which of its events.
    pub seq: i64,
    /// What that is to the buyer.
    pub topic: Topic,
    /// `pending`, `delivered` or `exhausted`.
    pub state: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it is tried next, or its present claim ends.
    pub next_at: Option<Timestamp>,
    /// When it was taken or given up.
    pub ended_at: Option<Timestamp>,
    /// Its tries, newest first.
    pub attempts: Vec<LoggedAttempt>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedAttempt {
    /// 1, 2, 3...
    pub number: u32,
    /// When it left.
    pub started_at: Timestamp,
    /// When it was over; `None`: it is under way, or was lost with its process.
    pub ended_at: Option<Timestamp>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// What went wrong.
    pub problem: Option<String>,
    /// The start of the answer's body.
    pub response: Option<String>,
}

/// What became of the wish to send a delivery again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redelivery {
    /// It is due now.
    Begun,
    /// The subscription has no such delivery, or is gone.
    Unknown,
    /// It is being sent at this moment.
    UnderWay,
    /// Nothing is sent to this subscription any more.
    Disabled,
}

row! {
    struct DeliveryRow {
        id: Uuid,
        task_id: Uuid,
        seq: i64,
        topic: String,
        state: String,
        created_at: Timestamp,
        next_at: Option<Timestamp>,
        ended_at: Option<Timestamp>,
    }
}

row! {
    struct AttemptRow {
        delivery_id: Uuid,
        number: i64,
        started_at: Timestamp,
        ended_at: Option<Timestamp>,
        status: Option<i64>,
        problem: Option<String>,
        response: Option<String>,
    }
}

impl TryFrom<AttemptRow> for LoggedAttempt {
    type Error = Error;
    fn try_from(row: AttemptRow) -> Result<Self> {
        const T: &str = "webhook_attempts";
        Ok(LoggedAttempt {
            number: number(row.number, T, "number")?,
            started_at: row.started_at,
            ended_at: row.ended_at,
            status: row.status.map(|status| number(status, T, "status")).transpose()?,
            problem: row.problem,
            response: row.response,
        })
    }
}

impl Store {
    /// A subscription's deliveries, newest first, older than `before`.
    pub async fn webhook_log(
        &self,
        subscription: SubscriptionId,
        before: Option<WebhookDeliveryId>,
        limit: i64,
    ) -> Result<Vec<LoggedWebhook>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as DeliveryRow,
            "SELECT d.id, d.task_id, d.seq, e.topic, d.state, d.created_at, d.next_at, d.ended_at
             FROM webhook_deliveries d JOIN webhook_events e ON e.task_id = d.task_id AND e.seq = d.seq
             WHERE d.subscription_id = $1 AND (d.id < $2 OR $2 IS NULL) ORDER BY d.id DESC LIMIT $3",
            subscription.uuid(),
            before.map(WebhookDeliveryId::uuid),
            limit
        )?;
        let attempts = sql!(
            c,
            fetch_all as AttemptRow,
            "SELECT a.delivery_id, a.number, a.started_at, a.ended_at, a.status, a.problem, a.response
             FROM webhook_attempts a JOIN (
                 SELECT d.id, d.attempts FROM webhook_deliveries d
                 WHERE d.subscription_id = $1 AND (d.id < $2 OR $2 IS NULL) ORDER BY d.id DESC LIMIT $3
             ) page ON page.id = a.delivery_id
             WHERE a.number > page.attempts - $4 ORDER BY a.number DESC",
            subscription.uuid(),
            before.map(WebhookDeliveryId::uuid),
            limit,
            ATTEMPTS_SHOWN
        )?;
        let mut tries: BTreeMap<Uuid, Vec<LoggedAttempt>> = BTreeMap::new();
        for row in attempts {
            tries.entry(row.delivery_id).or_default().push(row.try_into()?);
        }
        rows.into_iter().map(|row| logged(row, &mut tries)).collect()
    }
}

impl Deed {
    /// Sends a delivery again, whatever came of it: at once, and when that fails by the whole schedule.
    pub async fn redeliver_webhook(
        &mut self,
        subscription: SubscriptionId,
        delivery: WebhookDeliveryId,
        now: Timestamp,
    ) -> Result<Redelivery> {
        let to = held(&mut self.tx, subscription).await?;
        let known = sql!(
            self.tx,
            fetch_optional as (Option<Timestamp>,),
            "SELECT lease_until FROM webhook_deliveries WHERE id = $1 AND subscription_id = $2",
            delivery.uuid(),
            subscription.uuid()
        )?;
        match (to, known) {
            (None, _) | (_, None) => return Ok(Redelivery::Unknown),
            (Some(to), _) if to.disabled.is_some() => return Ok(Redelivery::Disabled),
            (_, Some((Some(lease_until),))) if lease_until > now => return Ok(Redelivery::UnderWay),
            (Some(_), Some(_)) => {}
        }
        let begun = sql!(
            self.tx,
            execute,
            "UPDATE webhook_deliveries SET state = 'pending', tries = 0, next_at = $2, lease_until = NULL,
                 ended_at = NULL
             WHERE id = $1",
            delivery.uuid(),
            now
        )?;
        if begun == 0 {
            return Ok(Redelivery::Unknown); // it was forgotten at this moment
        }
        super::look_by(&mut self.tx, subscription, now).await?;
        self.then(Hint::News);
        Ok(Redelivery::Begun)
    }
}

fn logged(row: DeliveryRow, tries: &mut BTreeMap<Uuid, Vec<LoggedAttempt>>) -> Result<LoggedWebhook> {
    Ok(LoggedWebhook {
        attempts: tries.remove(&row.id).unwrap_or_default(),
        id: WebhookDeliveryId::from_uuid(row.id),
        task: TaskId::from_uuid(row.task_id),
        seq: row.seq,
        topic: word(&row.topic, T, "topic")?,
        state: row.state,
        created_at: row.created_at,
        next_at: row.next_at,
        ended_at: row.ended_at,
    })
}
