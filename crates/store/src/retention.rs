//! What goes with time: the long bodies of tasks that ended long ago, and what was answered under old idempotency keys.
//! States, events, prices, scores and money stay. A task that has lost its bodies says when.

use crate::db::{Conn, Tx, sql};
use crate::{Result, Store};
use gavel_domain::{TaskId, Timestamp};
use uuid::Uuid;

macro_rules! due {
    () => {
        "SELECT id FROM tasks WHERE ended_at <= $1 AND bodies_removed_at IS NULL ORDER BY ended_at LIMIT $2"
    };
}

impl Store {
    /// Removes the bodies of up to `most` tasks that had ended by `ended_until`, those that ended first before the
    /// others; gives how many tasks that were. Replicas take different ones.
    pub async fn remove_bodies(&self, ended_until: Timestamp, most: u32, now: Timestamp) -> Result<u64> {
        if !self.has_bodies_of(ended_until).await? {
            return Ok(0); // without the write lock
        }
        let mut tx = self.begin().await?;
        let tasks = sql!(
            tx,
            fetch_all as (Uuid,),
            {
                sqlite: due!(),
                // What another replica is at is skipped.
                postgres: concat!(due!(), " FOR NO KEY UPDATE SKIP LOCKED"),
            },
            ended_until,
            i64::from(most)
        )?;
        for (task,) in &tasks {
            remove(&mut tx, *task, now).await?;
        }
        tx.commit().await?;
        Ok(u64::try_from(tasks.len()).unwrap_or(u64::MAX))
    }

    async fn has_bodies_of(&self, ended_until: Timestamp) -> Result<bool> {
        let mut c = self.read().await?;
        let due = sql!(c, fetch_optional as (Uuid,), due!(), ended_until, 1_i64)?;
        Ok(due.is_some())
    }

    /// Forgets up to `most` idempotency keys that were used by `used_until`: whoever uses one again makes a new request.
    /// Gives how many.
    pub async fn forget_requests(&self, used_until: Timestamp, most: u32) -> Result<u64> {
        let mut c = self.read().await?;
        let oldest = sql!(
            c,
            fetch_optional as (Timestamp,),
            "SELECT created_at FROM idempotency WHERE created_at <= $1 LIMIT 1",
            used_until
        )?;
        drop(c);
        if oldest.is_none() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let forgotten = sql!(
            tx,
            execute,
            {
                sqlite: "DELETE FROM idempotency WHERE (account_id, key) IN (SELECT account_id, key FROM idempotency
                             WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
                postgres: "DELETE FROM idempotency WHERE (account_id, key) IN (SELECT account_id, key FROM idempotency
                               WHERE created_at <= $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
            },
            used_until,
            i64::from(most)
        )?;
        tx.commit().await?;
        Ok(forgotten)
    }

    /// When the bodies of a task were removed; `None` while they are kept.
    pub async fn bodies_removed_at(&self, task: TaskId) -> Result<Option<Timestamp>> {
        let mut c = self.read().await?;
        removed_at(&mut c, task).await
    }
}

pub(crate) async fn removed_at(c: &mut Conn, task: TaskId) -> Result<Option<Timestamp>> {
    let row = sql!(
        c,
        fetch_optional as (Option<Timestamp>,),
        "SELECT bodies_removed_at FROM tasks WHERE id = $1",
        task.uuid()
    )?;
    Ok(row.and_then(|(at,)| at))
}

/// The mark comes first: without it nothing can be deleted.
async fn remove(tx: &mut Tx, task: Uuid, now: Timestamp) -> Result<()> {
    sql!(tx, execute, "UPDATE tasks SET bodies_removed_at = $2 WHERE id = $1", task, now)?;
    for delete in [
        "DELETE FROM answers WHERE owner_id IN (
             SELECT id FROM bids WHERE task_id = $1 UNION ALL SELECT id FROM deliveries WHERE task_id = $1)",
        "DELETE FROM verdicts WHERE bid_id IN (SELECT id FROM bids WHERE task_id = $1)",
        "DELETE FROM decisions WHERE task_id = $1",
        "DELETE FROM letters WHERE task_id = $1",
        "UPDATE exchanges SET error_body = NULL WHERE error_body IS NOT NULL
             AND invitation_id IN (SELECT id FROM invitations WHERE task_id = $1)",
        "UPDATE attempts SET error_body = NULL, trace = NULL WHERE (error_body IS NOT NULL OR trace IS NOT NULL)
             AND invitation_id IN (SELECT id FROM invitations WHERE task_id = $1)",
    ] {
        sql!(tx, execute, delete, task)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop here")]

    use super::*;
    use crate::answers;
    use crate::support::{World, on_both, worlds};
    use chrono::TimeDelta;
    use gavel_domain::agent::Agent;
    use gavel_domain::event::Actor;
    use gavel_domain::invitation::Outcome;

    /// Pages of the file, and those of them that nothing is on.
    async fn pages(world: &World) -> (i64, i64) {
        let mut c = world.store.read().await.unwrap();
        let (all,) = sql!(c, fetch_one as (i64,), "PRAGMA page_count").unwrap();
        let (free,) = sql!(c, fetch_one as (i64,), "PRAGMA freelist_count").unwrap();
        (all, free)
    }

    /// Tasks with long texts that end at once, and lose them a month later.
    async fn a_month(world: &World, agent: &Agent) {
        let buyer = world.account("buyer").await;
        for _ in 0..4 {
            let task = world.task(buyer).await;
            let (_, invited) = world.prototyping(&task, &[agent]).await;
            let mut bid = world.ended(&invited[0], Outcome::Valid).bid.unwrap();
            bid.answer.full_text = "word ".repeat(50_000);
            let mut tx = world.store.begin().await.unwrap();
            answers::insert_bid(&mut tx, &bid).await.unwrap();
            tx.commit().await.unwrap();
            world.store.cancel(task.id, Actor::Buyer, "", world.now()).await.unwrap().unwrap();
        }
        world.clock.advance(TimeDelta::days(30));
        let ended_until = world.now() - TimeDelta::days(30);
        assert_eq!(world.store.remove_bodies(ended_until, 100, world.now()).await.unwrap(), 4);
    }

    /// Keys that were used an hour after each other, by their names.
    async fn use_keys(world: &World, names: &[&str]) {
        let account = world.account("buyer").await;
        for name in names {
            let mut tx = world.store.begin().await.unwrap();
            let used = "INSERT INTO idempotency (account_id, key, fingerprint, status, body, created_at)
                        VALUES ($1, $2, 'f', 201, '{}', $3)";
            sql!(tx, execute, used, account.uuid(), *name, world.now()).unwrap();
            tx.commit().await.unwrap();
            world.clock.advance(TimeDelta::hours(1));
        }
    }

    on_both! {
        async fn idempotency_keys_are_forgotten_the_oldest_first(world) {
            use_keys(&world, &["a", "b", "c", "d"]).await;
            let used_until = world.now() - TimeDelta::hours(2);
            let forget = async |most| world.store.forget_requests(used_until, most).await.unwrap();
            assert_eq!([forget(1).await, forget(9).await, forget(9).await], [1, 2, 0]);
            let mut c = world.store.read().await.unwrap();
            let left = sql!(c, fetch_all as (String,), "SELECT key FROM idempotency").unwrap();
            assert_eq!(left, [("d".to_owned(),)]);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_does_not_grow_with_texts_that_come_and_go() {
        let world = worlds("growth").await.remove(0);
        let agent = world.agent(&world.developer("dev").await, "writer").await;
        a_month(&world, &agent).await;
        let (first, free) = pages(&world).await;
        assert!(free * 4096 > 4 * 200_000, "{free} pages are free");
        for _ in 0..5 {
            a_month(&world, &agent).await;
        }
        let (last, _) = pages(&world).await;
        assert!(
            last - first < 40,
            "from {first} to {last} pages: the small rows that stay are all it may grow by"
        );
    }
}
