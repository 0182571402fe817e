//! The outbox: from an event of a task to one delivery per subscription, each exactly once.

use super::{SubscriptionRow, columns, look_by};
use crate::db::{Conn, row, sql};
use crate::events::EventRow;
use crate::rows::{json, word};
use crate::{Error, Result, Store};
use chrono::TimeDelta;
use gavel_domain::event::Event;
use gavel_domain::webhook::{News, Subscription, Topic};
use gavel_domain::{AccountId, Timestamp, WebhookDeliveryId};
use std::collections::BTreeSet;
use uuid::Uuid;

const T: &str = "webhook_events";

/// The body of an event that cannot be read: it is told to nobody, and does not stand in the way of others for ever.
const NOTHING: &str = "null";

/// Puts an event into the outbox, in its own transaction, where a subscription of the task's account is alive. Most events
/// are nothing to tell, and most accounts have no subscription: those cost nothing, these one look at an index.
pub(crate) async fn put(c: &mut Conn, event: &Event) -> Result<()> {
    let Some(topic) = Topic::of(event) else { return Ok(()) };
    sql!(
        c,
        execute,
        "INSERT INTO webhook_events (task_id, seq, account_id, test, topic, created_at)
         SELECT t.id, $2, t.account_id, t.test, $3, $4 FROM tasks t
         WHERE t.id = $1 AND EXISTS (SELECT 1 FROM webhook_subscriptions s WHERE s.account_id = t.account_id
             AND s.test = t.test AND s.deleted_at IS NULL AND s.disabled_at IS NULL)",
        event.task.uuid(),
        event.seq,
        topic.name(),
        event.at
    )?;
    Ok(())
}

row! {
    struct NewsRow {
        #[flatten]
        event: EventRow,
        topic: String,
        test: bool,
        metadata: Option<String>,
    }
}

impl TryFrom<NewsRow> for News {
    type Error = Error;
    fn try_from(row: NewsRow) -> Result<Self> {
        Ok(News {
            event: row.event.try_into()?,
            topic: word(&row.topic, T, "topic")?,
            test: row.test,
            metadata: row.metadata.map(|text| json(&text, "tasks", "metadata")).transpose()?,
        })
    }
}

macro_rules! waiting {
    ($lock:literal) => {
        concat!(
            "SELECT v.task_id, v.seq, v.kind, v.from_state, v.to_state, v.actor, v.reason, v.data, v.at, e.topic, e.test,
                 t.metadata
             FROM webhook_events e JOIN task_events v ON v.task_id = e.task_id AND v.seq = e.seq
             JOIN tasks t ON t.id = e.task_id
             WHERE e.relayed_at IS NULL AND e.account_id = $1 AND e.test = $2 ORDER BY e.created_at LIMIT $3",
            $lock
        )
    };
}

macro_rules! listeners {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM webhook_subscriptions WHERE account_id = $1 AND test = $2 AND deleted_at IS NULL
              AND disabled_at IS NULL ORDER BY id",
            $lock
        )
    };
}

/// Events that wait to be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// How many.
    pub events: u64,
    /// Since when the oldest waits.
    pub oldest: Option<Timestamp>,
}

impl Backlog {
    /// How long the oldest waits.
    pub fn waits(&self, now: Timestamp) -> TimeDelta {
        self.oldest.map_or(TimeDelta::zero(), |oldest| (now - oldest).max(TimeDelta::zero()))
    }
}

impl Store {
    /// What waits to be passed on: for long only where no process does that.
    pub async fn webhook_backlog(&self) -> Result<Backlog> {
        let mut c = self.read().await?;
        let (events, oldest) = sql!(
            c,
            fetch_one as (i64, Option<Timestamp>),
            "SELECT COUNT(*), MIN(created_at) FROM webhook_events WHERE relayed_at IS NULL"
        )?;
        Ok(Backlog { events: events.unsigned_abs(), oldest })
    }

    /// Passes up to `most` events of one account on to its subscriptions, those that wait longest: the body of each is
    /// written by `render`, each delivery is called by `fresh`. Says how many; 0: none waits. Where one of them could not
    /// be read, all others are passed on before that is told.
    pub async fn relay_webhooks(
        &self,
        most: u32,
        now: Timestamp,
        fresh: impl Fn() -> WebhookDeliveryId + Send + Sync,
        render: impl Fn(&News) -> String + Send + Sync,
    ) -> Result<usize> {
        let Some((account, test)) = self.longest_waiting().await? else { return Ok(0) };
        let mut tx = self.begin().await?;
        // The events first: whoever subscribed before one of them is then among the listeners.
        let waiting = sql!(
            tx,
            fetch_all as NewsRow,
            { sqlite: waiting!(""), postgres: waiting!(" FOR NO KEY UPDATE OF e SKIP LOCKED") },
            account.uuid(),
            test,
            i64::from(most)
        )?;
        let listeners = listeners(&mut tx, account, test).await?;
        let (relayed, mut due, mut unreadable) = (waiting.len(), BTreeSet::new(), None);
        for row in waiting {
            let (task, seq) = (row.event.task_id, row.event.seq);
            let news = match News::try_from(row) {
                Ok(news) => news,
                Err(error) => {
                    passed_on(&mut tx, (task, seq), NOTHING, now).await?;
                    unreadable = Some(error);
                    continue;
                }
            };
            for listener in listeners.iter().filter(|listener| listener.wants(news.topic)) {
                deliver(&mut tx, &news, listener, fresh(), now).await?;
                due.insert(listener.id);
            }
            passed_on(&mut tx, (task, seq), &render(&news), now).await?;
        }
        for listener in due {
            look_by(&mut tx, listener, now).await?;
        }
        tx.commit().await?;
        unreadable.map_or(Ok(relayed), Err)
    }

    /// Whose event waits longest. An idle loop never takes the write lock.
    async fn longest_waiting(&self) -> Result<Option<(AccountId, bool)>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (Uuid, bool),
            "SELECT account_id, test FROM webhook_events WHERE relayed_at IS NULL ORDER BY created_at LIMIT 1"
        )?;
        Ok(row.map(|(account, test)| (AccountId::from_uuid(account), test)))
    }
}

async fn listeners(c: &mut Conn, account: AccountId, test: bool) -> Result<Vec<Subscription>> {
    let rows = sql!(
        c,
        fetch_all as SubscriptionRow,
        { sqlite: listeners!(""), postgres: listeners!(" FOR NO KEY UPDATE") },
        account.uuid(),
        test
    )?;
    rows.into_iter().map(Subscription::try_from).collect()
}

async fn deliver(
    c: &mut Conn,
    news: &News,
    listener: &Subscription,
    id: WebhookDeliveryId,
    now: Timestamp,
) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO webhook_deliveries (id, subscription_id, task_id, seq, state, next_at, created_at)
         VALUES ($1, $2, $3, $4, 'pending', $5, $5) ON CONFLICT (task_id, seq, subscription_id) DO NOTHING",
        id.uuid(),
        listener.id.uuid(),
        news.event.task.uuid(),
        news.event.seq,
        now
    )?;
    Ok(())
}

async fn passed_on(c: &mut Conn, (task, seq): (Uuid, i64), body: &str, now: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE webhook_events SET body = $3, relayed_at = $4 WHERE task_id = $1 AND seq = $2",
        task,
        seq,
        body,
        now
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop here")]

    use super::*;
    use crate::support::{World, on_both};
    use gavel_domain::TaskId;
    use gavel_domain::event::Actor;

    async fn cancelled(world: &World, account: AccountId) -> TaskId {
        let task = world.task(account).await.id;
        world.store.cancel(task, Actor::Buyer, "x", world.now()).await.unwrap().unwrap();
        task
    }

    on_both! {
        async fn what_cannot_be_read_stops_nobody_else(world) {
            let (store, account) = (&world.store, world.account("buyer").await);
            let listener = world.new_subscription(account, "shop.example.com", None);
            store.add_subscription(&listener).await.unwrap().unwrap();
            let tasks = [cancelled(&world, account).await, cancelled(&world, account).await];
            let mut tx = store.begin().await.unwrap();
            let broken = "UPDATE webhook_events SET topic = 'task.unknown' WHERE task_id = $1";
            sql!(tx, execute, broken, tasks[0].uuid()).unwrap();
            tx.commit().await.unwrap();
            let relay = async || {
                let fresh = || WebhookDeliveryId::new(world.now(), &world.chance);
                store.relay_webhooks(10, world.now(), fresh, |_| "{}".to_owned()).await
            };
            assert!(relay().await.is_err(), "it is told");
            assert_eq!(relay().await.unwrap(), 0, "once");
            let told = store.webhook_log(listener.id, None, 10).await.unwrap();
            assert_eq!(told.iter().map(|logged| logged.task).collect::<Vec<_>>(), tasks[1..]);
        }
    }
}
