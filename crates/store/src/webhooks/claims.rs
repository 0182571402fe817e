//! Which deliveries are sent now, by us alone, and what came of them.
//!
//! Subscriptions queue, not deliveries: whoever was served goes to the end, so that one with thousands of deliveries
//! waiting delays no other. `due_at` is when a subscription is looked at next; while it has as many deliveries under way
//! as it may have, that is the end of the first claim.

use super::EndpointRow;
use crate::db::{Conn, sql};
use crate::rows::{number, to_json};
use crate::{Guarded, Result, Store};
use gavel_domain::webhook::{Endpoint, Next, SCHEDULE, SecretVersion, Standing, Verdict};
use gavel_domain::{AccountId, SubscriptionId, TaskId, Timestamp, WebhookDeliveryId};
use uuid::Uuid;

const T: &str = "webhook_deliveries";

/// Deliveries under way to an endpoint of which nothing good is known: one finds out as much as eight.
const AT_ONCE_UNLESS_PROVEN: u32 = 1;

/// Which deliveries may be begun.
#[derive(Debug, Clone)]
pub struct Turn<'a> {
    /// Those to endpoints of this standing.
    pub standing: Standing,
    /// How many at most.
    pub most: u32,
    /// How many to one subscription may be under way.
    pub at_once: u32,
    /// Who takes no more at this moment.
    pub full: &'a Full,
    /// Now.
    pub now: Timestamp,
    /// Without a result by then, a delivery is sent again.
    pub lost_at: Timestamp,
}

/// Who is sent no more at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Full {
    /// Nobody at these hosts.
    pub hosts: Vec<String>,
    /// None of these accounts' subscriptions.
    pub accounts: Vec<AccountId>,
    /// None of this account's at this host.
    pub at_hosts: Vec<(String, AccountId)>,
}

impl Full {
    /// One text for each, as the query makes them of a subscription: no host has a space in it.
    fn texts(&self) -> Vec<String> {
        let hosts = self.hosts.iter().cloned();
        let accounts = self.accounts.iter().map(|account| at("", *account));
        let at_hosts = self.at_hosts.iter().map(|(host, account)| at(host, *account));
        hosts.chain(accounts).chain(at_hosts).collect()
    }
}

fn at(host: &str, account: AccountId) -> String {
    format!("{host} {}", account.uuid().simple())
}

/// A delivery to be sent now, by us alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueWebhook {
    /// Its id.
    pub delivery: WebhookDeliveryId,
    /// To whom.
    pub subscription: SubscriptionId,
    /// Where to.
    pub url: String,
    /// Which secrets sign.
    pub secret: SecretVersion,
    /// The task it is about.
    pub task: TaskId,
    /// Which of its events.
    pub seq: i64,
    /// What it says.
    pub body: String,
    /// The how manieth try of its schedule this is.
    pub tries: u32,
    /// The how manieth try of all: it guards the result.
    pub attempt: u32,
}

/// What came of a try, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookResult {
    /// The status of the answer.
    pub status: Option<u16>,
    /// What went wrong.
    pub problem: Option<String>,
    /// The start of the answer's body.
    pub response: Option<String>,
    /// When.
    pub at: Timestamp,
}

macro_rules! due {
    (sqlite: $end:literal) => {
        due!("SELECT value FROM json_each($3)", "lower(hex(s.account_id))", $end)
    };
    (postgres: $end:literal) => {
        due!(
            "SELECT jsonb_array_elements_text(CAST($3 AS jsonb))",
            "replace(CAST(s.account_id AS text), '-', '')",
            $end
        )
    };
    ($full:literal, $account:literal, $end:literal) => {
        concat!(
            "SELECT s.id, s.account_id, s.host, s.url, s.secret_version, s.promotes_at FROM webhook_subscriptions s
             WHERE s.due_at <= $1 AND $2 = CASE WHEN s.fails > 0 THEN 'failing'
                 WHEN s.delivered_at IS NULL THEN 'new' ELSE 'proven' END AND s.host NOT IN (",
            $full, ") AND (' ' || ", $account, ") NOT IN (",
            $full, ") AND (s.host || ' ' || ", $account, ") NOT IN (",
            $full, ") ORDER BY s.due_at LIMIT $4",
            $end
        )
    };
}

type DueRow = (Uuid, Uuid, String, String, i64, Option<Timestamp>);
type WaitingRow = (Uuid, Uuid, i64, i64, i64, String);

impl Store {
    /// Whether there is anything to be sent now.
    pub async fn webhook_is_due(&self, now: Timestamp) -> Result<bool> {
        let mut c = self.read().await?;
        let due = sql!(
            c,
            fetch_optional as (Uuid,),
            "SELECT id FROM webhook_subscriptions WHERE due_at <= $1 LIMIT 1",
            now
        )?;
        Ok(due.is_some())
    }

    /// Claims deliveries whose time has come, each with the place that `place` finds for it at its host
    /// and for its account.
    pub async fn claim_webhooks<P: Send>(
        &self,
        turn: &Turn<'_>,
        mut place: impl FnMut(&str, AccountId) -> Option<P> + Send,
    ) -> Result<Vec<(DueWebhook, P)>> {
        let full = to_json(&turn.full.texts(), T, "host")?;
        let mut c = self.read().await?;
        let waiting = sql!(
            c,
            fetch_optional as DueRow,
            { sqlite: due!(sqlite: ""), postgres: due!(postgres: "") },
            turn.now, word(turn.standing), &full, 1_i64
        )?;
        drop(c); // an idle loop never takes the write lock
        if waiting.is_none() || turn.most == 0 {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let due = sql!(
            tx,
            fetch_all as DueRow,
            // SQLite has one writer; only PostgreSQL needs row locks, and skips rows that others are claiming.
            { sqlite: due!(sqlite: ""), postgres: due!(postgres: " FOR NO KEY UPDATE SKIP LOCKED") },
            turn.now, word(turn.standing), &full, i64::from(turn.most)
        )?;
        let mut claimed = Vec::new();
        for row in due {
            serve(&mut tx, row, turn, &mut place, &mut claimed).await?;
            if claimed.len() >= turn.most as usize {
                break;
            }
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Stores what came of a try, and what `judge` makes of it; says why the subscription is disabled, where it is from
    /// now on. [`Guarded::Lost`]: the claim had ended and another try has begun, whose result counts.
    pub async fn record_webhook(
        &self,
        sent: &DueWebhook,
        result: &WebhookResult,
        at_once: u32,
        judge: impl FnOnce(&Endpoint) -> Verdict + Send,
    ) -> Result<Guarded<Option<String>>> {
        let mut tx = self.begin().await?;
        let verdict = judge(&held_endpoint(&mut tx, sent.subscription).await?);
        if !conclude(&mut tx, sent, &verdict.next, result.at).await? {
            tx.rollback().await?;
            return Ok(Guarded::Lost);
        }
        note(&mut tx, sent, result).await?;
        write(&mut tx, sent.subscription, &verdict, result.at).await?;
        queue(&mut tx, sent.subscription, at_once, result.at).await?;
        tx.commit().await?;
        Ok(Guarded::Done(verdict.disabled))
    }

    /// Lets deliveries go that were claimed and not sent to their end: they are sent again at once, and the schedule does
    /// not count the try.
    pub async fn let_webhook_go(&self, sent: &DueWebhook, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        held_endpoint(&mut tx, sent.subscription).await?;
        sql!(
            tx,
            execute,
            "UPDATE webhook_deliveries SET next_at = $3, lease_until = NULL, tries = tries - 1
             WHERE id = $1 AND attempts = $2 AND state = 'pending'",
            sent.delivery.uuid(),
            i64::from(sent.attempt),
            now
        )?;
        super::look_by(&mut tx, sent.subscription, now).await?;
        tx.commit().await
    }
}

/// Claims as many of a subscription's deliveries as it, its host and the turn have room for.
async fn serve<P>(
    c: &mut Conn,
    (id, account, host, url, version, promotes_at): DueRow,
    turn: &Turn<'_>,
    place: &mut impl FnMut(&str, AccountId) -> Option<P>,
    claimed: &mut Vec<(DueWebhook, P)>,
) -> Result<()> {
    let (subscription, account) = (SubscriptionId::from_uuid(id), AccountId::from_uuid(account));
    let room =
        at_once(turn.standing, turn.at_once).saturating_sub(under_way(c, subscription, turn.now).await?);
    let room = room.min(turn.most.saturating_sub(u32::try_from(claimed.len()).unwrap_or(u32::MAX)));
    let secret = SecretVersion { newest: number(version, super::T, "secret_version")?, promotes_at };
    for (delivery, task, seq, tries, attempts, body) in waiting(c, subscription, turn.now, room).await? {
        let tries: u32 = number(tries, T, "tries")?;
        if tries as usize >= SCHEDULE.len() {
            exhausted(c, delivery, turn.now).await?; // the last try was lost with its process
            continue;
        }
        let Some(place) = place(&host, account) else { break };
        let due = DueWebhook {
            delivery: WebhookDeliveryId::from_uuid(delivery),
            subscription,
            url: url.clone(),
            secret,
            task: TaskId::from_uuid(task),
            seq,
            body,
            tries: tries + 1,
            attempt: number::<u32>(attempts, T, "attempts")?.saturating_add(1),
        };
        begin(c, &due, turn).await?;
        claimed.push((due, place));
    }
    queue(c, subscription, turn.at_once, turn.now).await
}

fn at_once(standing: Standing, proven: u32) -> u32 {
    match standing {
        Standing::Proven => proven,
        Standing::New | Standing::Failing => AT_ONCE_UNLESS_PROVEN,
    }
}

/// As the query knows it.
fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Proven => "proven",
        Standing::New => "new",
        Standing::Failing => "failing",
    }
}

/// How many of a subscription's deliveries are being sent.
async fn under_way(c: &mut Conn, subscription: SubscriptionId, now: Timestamp) -> Result<u32> {
    let (count,) = sql!(
        c,
        fetch_one as (i64,),
        "SELECT COUNT(*) FROM webhook_deliveries WHERE subscription_id = $1 AND lease_until > $2",
        subscription.uuid(),
        now
    )?;
    number(count, T, "lease_until")
}

async fn waiting(
    c: &mut Conn,
    subscription: SubscriptionId,
    now: Timestamp,
    room: u32,
) -> Result<Vec<WaitingRow>> {
    Ok(sql!(
        c,
        fetch_all as WaitingRow,
        "SELECT d.id, d.task_id, d.seq, d.tries, d.attempts, e.body
         FROM webhook_deliveries d JOIN webhook_events e ON e.task_id = d.task_id AND e.seq = d.seq
         WHERE d.subscription_id = $1 AND d.next_at <= $2 ORDER BY d.next_at LIMIT $3",
        subscription.uuid(),
        now,
        i64::from(room)
    )?)
}

/// Writes the try before it leaves.
async fn begin(c: &mut Conn, due: &DueWebhook, turn: &Turn<'_>) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE webhook_deliveries SET tries = $2, attempts = $3, next_at = $4, lease_until = $4 WHERE id = $1",
        due.delivery.uuid(),
        i64::from(due.tries),
        i64::from(due.attempt),
        turn.lost_at
    )?;
    sql!(
        c,
        execute,
        "INSERT INTO webhook_attempts (delivery_id, number, started_at) VALUES ($1, $2, $3)",
        due.delivery.uuid(),
        i64::from(due.attempt),
        turn.now
    )?;
    Ok(())
}

async fn exhausted(c: &mut Conn, delivery: Uuid, now: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE webhook_deliveries SET state = 'exhausted', next_at = NULL, lease_until = NULL, ended_at = $2
         WHERE id = $1",
        delivery,
        now
    )?;
    Ok(())
}

/// Says when a subscription is looked at next, and sends it to the end of the queue.
async fn queue(c: &mut Conn, subscription: SubscriptionId, at_once_most: u32, now: Timestamp) -> Result<()> {
    let endpoint = endpoint(c, subscription).await?;
    let next = if under_way(c, subscription, now).await? < at_once(endpoint.standing(), at_once_most) {
        sql!(
            c,
            fetch_optional as (Timestamp,),
            "SELECT next_at FROM webhook_deliveries WHERE subscription_id = $1 AND next_at IS NOT NULL
             ORDER BY next_at LIMIT 1",
            subscription.uuid()
        )?
    } else {
        sql!(
            c,
            fetch_optional as (Timestamp,),
            "SELECT lease_until FROM webhook_deliveries WHERE subscription_id = $1 AND lease_until > $2
             ORDER BY lease_until LIMIT 1",
            subscription.uuid(),
            now
        )?
    };
    let due_at = next.map(|(at,)| at.max(now).max(endpoint.quiet_until.unwrap_or(now)));
    sql!(
        c,
        execute,
        "UPDATE webhook_subscriptions SET due_at = $2
         WHERE id = $1 AND disabled_at IS NULL AND deleted_at IS NULL",
        subscription.uuid(),
        due_at
    )?;
    Ok(())
}

/// How the endpoint is doing; the subscription is ours until the end of the transaction.
async fn held_endpoint(c: &mut Conn, subscription: SubscriptionId) -> Result<Endpoint> {
    if matches!(c, Conn::Postgres(_)) {
        sql!(
            c,
            fetch_optional as (Uuid,),
            "SELECT id FROM webhook_subscriptions WHERE id = $1 FOR NO KEY UPDATE",
            subscription.uuid()
        )?;
    }
    endpoint(c, subscription).await
}

async fn endpoint(c: &mut Conn, subscription: SubscriptionId) -> Result<Endpoint> {
    let row = sql!(
        c,
        fetch_one as EndpointRow,
        "SELECT fails, failing_since, failed_at, quiet_until, delivered_at FROM webhook_subscriptions WHERE id = $1",
        subscription.uuid()
    )?;
    row.try_into()
}

/// `false`: this was not the present try any more.
async fn conclude(c: &mut Conn, sent: &DueWebhook, next: &Next, at: Timestamp) -> Result<bool> {
    let (state, next_at, ended_at) = match next {
        Next::Delivered => ("delivered", None, Some(at)),
        Next::Exhausted => ("exhausted", None, Some(at)),
        Next::Again { at: next } => ("pending", Some(*next), None),
    };
    let concluded = sql!(
        c,
        execute,
        "UPDATE webhook_deliveries SET state = $3, next_at = $4, ended_at = $5, lease_until = NULL
         WHERE id = $1 AND attempts = $2 AND state = 'pending' AND lease_until IS NOT NULL",
        sent.delivery.uuid(),
        i64::from(sent.attempt),
        state,
        next_at,
        ended_at
    )?;
    Ok(concluded == 1)
}

async fn note(c: &mut Conn, sent: &DueWebhook, result: &WebhookResult) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE webhook_attempts SET ended_at = $3, status = $4, problem = $5, response = $6
         WHERE delivery_id = $1 AND number = $2",
        sent.delivery.uuid(),
        i64::from(sent.attempt),
        result.at,
        result.status.map(i64::from),
        &result.problem,
        &result.response
    )?;
    Ok(())
}

async fn write(c: &mut Conn, subscription: SubscriptionId, verdict: &Verdict, at: Timestamp) -> Result<()> {
    let endpoint = &verdict.endpoint;
    sql!(
        c,
        execute,
        "UPDATE webhook_subscriptions SET fails = $2, failing_since = $3, failed_at = $4, quiet_until = $5,
             delivered_at = $6
         WHERE id = $1",
        subscription.uuid(),
        i64::from(endpoint.fails),
        endpoint.failing_since,
        endpoint.failed_at,
        endpoint.quiet_until,
        endpoint.delivered_at
    )?;
    let Some(reason) = &verdict.disabled else { return Ok(()) };
    sql!(
        c,
        execute,
        "UPDATE webhook_subscriptions SET disabled_at = $2, disabled_reason = $3, due_at = NULL
         WHERE id = $1 AND disabled_at IS NULL",
        subscription.uuid(),
        at,
        reason
    )?;
    Ok(())
}
