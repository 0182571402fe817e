//! What becomes of tasks whose steps failed, or whose lease ended because their process died: one way for both, and for
//! a start after a crash. Each failure is counted on the task, with when it is tried again; any progress (a change of
//! state, a delivery that came in, a step that ended well) sets the count to zero. What nothing helps is set aside: it
//! is not claimed again until an operator wants it to be.

use crate::db::{Conn, row, sql};
use crate::events::change_state;
use crate::faults::{Planted, planted};
use crate::invitations::{close_all_open, holds};
use crate::rows::number;
use crate::{Claimed, Engine, Guarded, Lease, Result, Store};
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskEvent;
use gavel_domain::{TaskId, Timestamp};
use uuid::Uuid;

/// Why a task has ended that we could not work on.
pub const PLATFORM_FAULT: &str = "platform_fault";
/// The longest reason that is kept.
const REASON_CHARS_MAX: usize = 1_000;

/// What becomes of a task after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It is tried again then.
    Again(Timestamp),
    /// It is set aside.
    SetAside,
}

/// A failure as it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Of which task.
    pub task: TaskId,
    /// So many one after the other.
    pub failures: u32,
    /// What becomes of it.
    pub after: After,
}

/// A task that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Which.
    pub task: TaskId,
    /// The word of its state.
    pub state: String,
    /// Since when.
    pub at: Timestamp,
    /// What failed last.
    pub reason: String,
    /// How often something failed.
    pub failures: u32,
}

row! {
    struct EndedRow {
        id: Uuid,
        fence: i64,
        failures: i64,
    }
}

macro_rules! ended {
    ($lock:literal) => {
        concat!(
            "SELECT id, fence, failures FROM tasks WHERE lease_until <= $1 ORDER BY lease_until LIMIT $2",
            $lock
        )
    };
}

impl Store {
    /// At the start of a process: the leases that a killed one left behind end now. Only SQLite: there its file lock
    /// proves that nobody else works; on PostgreSQL other replicas may, and leases end by time. What is to be done
    /// with them is [`Store::recover`]'s, as always.
    ///
    /// Whose time to bring a result ended while nobody was there is not charged for it: the door was closed. (On
    /// PostgreSQL another replica had one.) A call that has time left is charged as ever: its result may still come.
    pub async fn end_leases(&self, now: Timestamp) -> Result<u64> {
        if self.engine() == Engine::Postgres {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let ended = sql!(tx, execute, "UPDATE tasks SET lease_until = $1 WHERE lease_until > $1", now)?;
        if !planted(Planted::AbsenceCharged) {
            nobody_could_bring(&mut tx, now).await?;
        }
        #[cfg(feature = "faults")]
        crate::faults::move_deadlines(&mut tx, now).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Takes tasks back whose lease has ended, up to `most`: each counts as a failure. Nothing is left to do when
    /// nothing comes back.
    pub async fn recover(
        &self,
        now: Timestamp,
        most: u32,
        after: impl Fn(u32) -> After + Send,
    ) -> Result<Vec<Counted>> {
        if planted(Planted::LeaseForever) {
            return Ok(Vec::new());
        }
        if !self.a_lease_has_ended(now).await? {
            return Ok(Vec::new()); // as nearly always: no write lock for that
        }
        let mut tx = self.begin().await?;
        let rows = sql!(
            tx,
            fetch_all as EndedRow,
            // Others take theirs back at the same time.
            { sqlite: ended!(""), postgres: ended!(" FOR NO KEY UPDATE SKIP LOCKED") },
            now,
            i64::from(most)
        )?;
        let mut counted = Vec::with_capacity(rows.len());
        for row in rows {
            counted.extend(count(&mut tx, row, now, LEASE_ENDED, &after).await?);
        }
        tx.commit().await?;
        counted.iter().for_each(|counted| self.hints().changed(counted.task));
        Ok(counted)
    }

    async fn a_lease_has_ended(&self, now: Timestamp) -> Result<bool> {
        let mut c = self.read().await?;
        let row =
            sql!(c, fetch_optional as (Uuid,), "SELECT id FROM tasks WHERE lease_until <= $1 LIMIT 1", now)?;
        Ok(row.is_some())
    }

    /// A step failed: its task is let go, and the failure is counted. `None`: the claim was lost before.
    pub async fn failed(
        &self,
        lease: Lease,
        reason: &str,
        now: Timestamp,
        after: impl Fn(u32) -> After + Send,
    ) -> Result<Option<Counted>> {
        let mut tx = self.begin().await?;
        if !holds(&mut tx, lease).await? {
            return Ok(None);
        }
        let (failures,) =
            sql!(tx, fetch_one as (i64,), "SELECT failures FROM tasks WHERE id = $1", lease.task().uuid())?;
        let row = EndedRow { id: lease.task().uuid(), fence: lease.fence(), failures };
        let counted = count(&mut tx, row, now, reason, &after).await?;
        tx.commit().await?;
        self.hints().changed(lease.task());
        Ok(counted)
    }

    /// Ends a task that no winner works for yet, at nobody's cost: open, matching, prototyping or review -> expired.
    pub async fn give_up(&self, claimed: Claimed, now: Timestamp) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        if !holds(&mut tx, claimed.lease()).await? {
            return Ok(Guarded::Lost);
        }
        let (task, state, _) = claimed.guard();
        close_all_open(&mut tx, (task, state), Outcome::PlatformFault, now).await?;
        let change = self.change(&claimed, TaskEvent::Lapse, None, None, Some(PLATFORM_FAULT), now);
        self.conclude(crate::rounds::tx_change(&mut tx, change).await?, tx, &claimed).await
    }

    /// Takes a selection back whose price could not be held: accepted -> review, as it was before, until then.
    pub async fn take_selection_back(
        &self,
        claimed: Claimed,
        review_until: Timestamp,
        now: Timestamp,
    ) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        let until = Some(review_until);
        let change = self.change(&claimed, TaskEvent::HoldFailed, until, until, Some(PLATFORM_FAULT), now);
        if let Guarded::Lost = change_state(&mut tx, change).await? {
            return Ok(Guarded::Lost);
        }
        sql!(
            tx,
            execute,
            "UPDATE bids SET status = CASE WHEN presented THEN 'presented' WHEN score IS NULL THEN 'received'
                 ELSE 'scored' END
             WHERE task_id = $1 AND round = $2",
            claimed.task().id.uuid(),
            i64::from(claimed.task().round)
        )?;
        self.conclude(Guarded::Done(()), tx, &claimed).await
    }

    /// Every task that is set aside, oldest first.
    pub async fn set_aside(&self) -> Result<Vec<SetAside>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (Uuid, String, Timestamp, Option<String>, i64),
            "SELECT id, state, dead_at, dead_reason, failures FROM tasks WHERE dead_at IS NOT NULL ORDER BY dead_at"
        )?;
        let read = |(id, state, at, reason, failures): (Uuid, String, Timestamp, Option<String>, i64)| {
            let failures = number(failures, "tasks", "failures")?;
            let (task, reason) = (TaskId::from_uuid(id), reason.unwrap_or_default());
            Ok(SetAside { task, state, at, reason, failures })
        };
        rows.into_iter().map(read).collect()
    }

    /// How many are set aside.
    pub async fn count_set_aside(&self) -> Result<u64> {
        let mut c = self.read().await?;
        let (count,) = sql!(
            c,
            fetch_one as (i64,),
            "SELECT CAST(COUNT(*) AS BIGINT) FROM tasks WHERE dead_at IS NOT NULL"
        )?;
        Ok(count.cast_unsigned())
    }

    /// Takes a task up again that was set aside, as if nothing had failed. `false`: there is none of this id.
    pub async fn retry(&self, task: TaskId, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let taken = sql!(
            tx,
            execute,
            "UPDATE tasks SET failures = 0, dead_at = NULL, dead_reason = NULL, ready_at = $2, fence = fence + 1
             WHERE id = $1 AND dead_at IS NOT NULL",
            task.uuid(),
            now
        )?;
        tx.commit().await?;
        self.hints().changed(task);
        Ok(taken == 1)
    }
}

/// Results that were awaited at our door until a time at which nobody was there.
async fn nobody_could_bring(c: &mut Conn, now: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE exchanges SET own_limit = FALSE
         WHERE ended_at IS NULL AND own_limit AND deadline_at <= $1
             AND (execution_mode = 'pull' OR acknowledged_at IS NOT NULL)",
        now
    )?;
    Ok(())
}

/// What is told of a step that was lost with its process.
const LEASE_ENDED: &str = "the process that worked on it died, or could not renew its lease";

/// Writes one more failure of a task whose row is ours, and with it the end of its claim.
async fn count(
    c: &mut Conn,
    row: EndedRow,
    now: Timestamp,
    reason: &str,
    after: &(impl Fn(u32) -> After + Send),
) -> Result<Option<Counted>> {
    let failures = number::<u32>(row.failures, "tasks", "failures")?.saturating_add(1);
    let after = after(failures);
    let (ready_at, dead_at) = match after {
        After::Again(at) => (Some(at), None),
        After::SetAside => (None, Some(now)),
    };
    // PostgreSQL keeps no NUL in text.
    let reason =
        dead_at.map(|_| reason.replace('\0', "\u{FFFD}").chars().take(REASON_CHARS_MAX).collect::<String>());
    let written = sql!(
        c,
        execute,
        "UPDATE tasks SET failures = $3, ready_at = $4, dead_at = $5, dead_reason = $6, lease_owner = NULL,
             lease_until = NULL, fence = fence + 1
         WHERE id = $1 AND fence = $2",
        row.id,
        row.fence,
        i64::from(failures),
        ready_at,
        dead_at,
        reason
    )?;
    Ok((written == 1).then_some(Counted { task: TaskId::from_uuid(row.id), failures, after }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop here")]

    use super::*;
    use chrono::{DateTime, TimeDelta};
    use gavel_domain::task::{Brief, Task};
    use gavel_domain::{AccountId, Money};
    use gavel_testkit::SeededChance;

    async fn post(store: &Store, chance: &SeededChance, at: Timestamp) -> TaskId {
        let account = store.ensure_account("buyer", AccountId::new(at, chance), at).await.unwrap();
        let (id, wanted) = (TaskId::new(at, chance), (Brief::default(), Money::from_minor(2000)));
        let task = Task::posted(id, account, wanted, at);
        store.create_task(&task).await.unwrap();
        task.id
    }

    #[tokio::test]
    async fn a_task_that_cannot_be_read_holds_up_nobody_and_is_set_aside_at_last() {
        let (store, chance) = (Store::open("sqlite::memory:").await.unwrap(), SeededChance::new(5));
        let mut now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        let poison = post(&store, &chance, now).await;
        let mut tx = store.begin().await.unwrap();
        sql!(tx, execute, "UPDATE tasks SET wishes = '{}' WHERE id = $1", poison.uuid()).unwrap();
        tx.commit().await.unwrap();

        let lease = TimeDelta::seconds(30);
        for failures in 1..=3 {
            let error = store.claim("test", now, now + lease).await.unwrap_err();
            assert!(error.to_string().contains(&poison.to_string()), "{error}");
            let good = post(&store, &chance, now).await;
            let claimed = store.claim("test", now, now + lease).await.unwrap().unwrap();
            assert_eq!(claimed.task().id, good);
            store.release(claimed.lease(), None).await.unwrap();
            now += lease;
            let after = |failures| if failures < 3 { After::Again(now) } else { After::SetAside };
            let counted = store.recover(now, 9, after).await.unwrap();
            assert_eq!((counted.len(), counted[0].task, counted[0].failures), (1, poison, failures));
        }
        assert!(store.claim("test", now, now + lease).await.unwrap().is_none());
        assert_eq!(store.set_aside().await.unwrap()[0].task, poison);
    }
}
