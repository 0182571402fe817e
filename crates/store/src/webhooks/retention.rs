//! What goes with time: an event that buyers were told of, with its deliveries and all their tries.
//!
//! On PostgreSQL what somebody else holds is skipped, so that this waits for nobody while it holds rows itself.

use crate::db::{Conn, sql};
use crate::{Result, Store};
use gavel_domain::Timestamp;
use uuid::Uuid;

/// Nothing more is sent to its subscription, and was not for as long as things are kept.
macro_rules! abandoned {
    ($until:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM webhook_subscriptions s WHERE s.id = d.subscription_id AND (s.deleted_at <= ",
            $until,
            " OR s.disabled_at <= ",
            $until,
            "))"
        )
    };
}

/// Events that were passed on long ago, and of which no delivery is under way or was a short while ago.
macro_rules! due {
    ($lock:literal) => {
        concat!(
            "SELECT e.task_id, e.seq FROM webhook_events e WHERE e.relayed_at <= $1 AND NOT EXISTS (
                 SELECT 1 FROM webhook_deliveries d WHERE d.task_id = e.task_id AND d.seq = e.seq
                     AND (d.ended_at > $1 OR (d.ended_at IS NULL AND NOT ",
            abandoned!("$1"),
            "))) ORDER BY e.relayed_at LIMIT $2",
            $lock
        )
    };
}

macro_rules! over {
    ($lock:literal) => {
        concat!(
            "SELECT d.id FROM webhook_deliveries d WHERE d.task_id = $1 AND d.seq = $2
                 AND (d.ended_at <= $3 OR (d.ended_at IS NULL AND ",
            abandoned!("$3"),
            "))",
            $lock
        )
    };
}

impl Store {
    /// Forgets up to `most` events that were told by `told_until`, those that were passed on first before the others.
    /// What is still on its way to somebody stays. Gives how many.
    pub async fn forget_webhooks(&self, told_until: Timestamp, most: u32) -> Result<u64> {
        let mut c = self.read().await?;
        let oldest = sql!(c, fetch_optional as (Uuid, i64), due!(""), told_until, 1_i64)?;
        drop(c); // an idle loop never takes the write lock
        if oldest.is_none() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let events = sql!(
            tx,
            fetch_all as (Uuid, i64),
            { sqlite: due!(""), postgres: due!(" FOR UPDATE OF e SKIP LOCKED") },
            told_until,
            i64::from(most)
        )?;
        let mut forgotten = 0;
        for event in events {
            forgotten += forget(&mut tx, event, told_until).await?;
        }
        tx.commit().await?;
        Ok(forgotten)
    }
}

/// Forgets one event; 0: one of its deliveries is in somebody's hands, and it stays until the next time.
async fn forget(c: &mut Conn, (task, seq): (Uuid, i64), told_until: Timestamp) -> Result<u64> {
    let deliveries = sql!(
        c,
        fetch_all as (Uuid,),
        { sqlite: over!(""), postgres: over!(" FOR UPDATE OF d SKIP LOCKED") },
        task, seq, told_until
    )?;
    for (delivery,) in deliveries {
        sql!(c, execute, "DELETE FROM webhook_attempts WHERE delivery_id = $1", delivery)?;
        sql!(c, execute, "DELETE FROM webhook_deliveries WHERE id = $1", delivery)?;
    }
    sql!(
        c,
        execute,
        "DELETE FROM webhook_events WHERE task_id = $1 AND seq = $2
             AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.task_id = $1 AND d.seq = $2)",
        task,
        seq
    )
}
