//! Who works on a task: a lease says for how long, a fence says whether a late writer still counts.

use crate::db::{Conn, sql};
use crate::faults::{Planted, planted};
use crate::rows::number;
use crate::tasks::{TaskRow, task_columns};
use crate::{Error, Result, Store};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::task::Task;
use gavel_domain::{TaskId, Timestamp};
use uuid::Uuid;

/// Proof that we hold a task. Only [`Store::claim`] makes one; the write that ends a step consumes it.
#[derive(Debug)]
pub struct Claimed {
    task: Task,
    lease: Lease,
    failures: u32,
}

/// The part of a claim that helpers of a step carry: it guards writes that do not end the step.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    task: TaskId,
    state: TaskState,
    fence: i64,
}

impl Claimed {
    /// The task as it was when it was claimed.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// How often something failed since the task last made progress.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The same claim after a change of state that kept it.
    pub(crate) fn moved(self, state: TaskState, expires_at: Option<Timestamp>) -> Claimed {
        let task = Task { state, expires_at, reason: None, ..self.task };
        Claimed { task, lease: Lease { state, ..self.lease }, failures: 0 }
    }

    /// The guard of writes that do not end the step.
    pub fn lease(&self) -> Lease {
        self.lease
    }

    /// What guards every write made under this claim.
    pub(crate) fn guard(&self) -> (TaskId, TaskState, Option<i64>) {
        self.lease.guard()
    }
}

impl Lease {
    /// Which task is held.
    pub fn task(&self) -> TaskId {
        self.task
    }

    pub(crate) fn guard(&self) -> (TaskId, TaskState, Option<i64>) {
        (self.task, self.state, (!planted(Planted::FenceUnchecked)).then_some(self.fence))
    }

    pub(crate) fn fence(&self) -> i64 {
        self.fence
    }
}

macro_rules! due {
    () => {
        "ready_at <= $1 AND lease_until IS NULL"
    };
}

impl Store {
    /// [`Store::claim_some`] of one.
    pub async fn claim(
        &self,
        owner: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claimed>> {
        self.claim_some(owner, 1, now, lease_until).await?.pop().transpose()
    }

    /// Takes the tasks that have been ready longest, up to `most`, under a lease. A task whose row cannot be read is
    /// taken, too, and told of as an error: until its lease ends it holds up nobody, and then it is counted like any
    /// other failure ([`Store::recover`]).
    pub async fn claim_some(
        &self,
        owner: &str,
        most: u32,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Result<Claimed>>> {
        if !self.is_any_ready(now).await? {
            return Ok(Vec::new()); // an idle loop never takes the write lock
        }
        let mut tx = self.begin().await?;
        let mut rows = Vec::new();
        for task in ready_longest(&mut tx, most, now).await? {
            // Claimed, it is not among those that are ready, however many are at work.
            let row = sql!(
                tx,
                fetch_optional as TaskRow,
                concat!(
                    "UPDATE tasks SET lease_owner = $2, lease_until = $3, ready_at = NULL, fence = fence + 1
                     WHERE id = $4 AND ",
                    due!(),
                    " RETURNING ",
                    task_columns!()
                ),
                now,
                owner,
                lease_until,
                task
            )?;
            rows.extend(row);
        }
        tx.commit().await?;
        Ok(rows.into_iter().map(claimed).collect())
    }

    async fn is_any_ready(&self, now: Timestamp) -> Result<bool> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (Uuid,),
            concat!("SELECT id FROM tasks WHERE ", due!(), " ORDER BY ready_at LIMIT 1"),
            now
        )?;
        Ok(row.is_some())
    }

    /// Holds a claim longer. `false`: it was lost, stop working.
    pub async fn renew(&self, lease: Lease, lease_until: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let held = sql!(
            tx,
            execute,
            "UPDATE tasks SET lease_until = $3 WHERE id = $1 AND fence = $2",
            lease.task.uuid(),
            lease.fence,
            lease_until
        )?;
        tx.commit().await?;
        Ok(held == 1)
    }

    /// Whether a claim is still held: nobody changed the task's state since.
    pub async fn is_held(&self, lease: Lease) -> Result<bool> {
        let mut c = self.read().await?;
        let row =
            sql!(c, fetch_optional as (i64,), "SELECT fence FROM tasks WHERE id = $1", lease.task.uuid())?;
        Ok(row == Some((lease.fence,)))
    }

    /// A step ended well and its task waits; the loop looks again at `ready_at`.
    pub async fn release(&self, lease: Lease, ready_at: Option<Timestamp>) -> Result<()> {
        let mut tx = self.begin().await?;
        sql!(
            tx,
            execute,
            "UPDATE tasks SET lease_owner = NULL, lease_until = NULL, ready_at = $3, failures = 0
             WHERE id = $1 AND fence = $2",
            lease.task.uuid(),
            lease.fence,
            ready_at
        )?;
        tx.commit().await?;
        self.hints().changed(lease.task);
        Ok(())
    }

    /// Lets a task go whose step did not come to its end, for no reason of the task's own.
    pub async fn let_go(&self, lease: Lease, ready_at: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        sql!(
            tx,
            execute,
            "UPDATE tasks SET lease_owner = NULL, lease_until = NULL, ready_at = $3 WHERE id = $1 AND fence = $2",
            lease.task.uuid(),
            lease.fence,
            ready_at
        )?;
        tx.commit().await?;
        self.hints().changed(lease.task);
        Ok(())
    }

    /// Lets a task go until `ready_at`, unless anything has happened to it since its events stood at `seen`: then the
    /// loop looks again at once.
    pub async fn park(&self, lease: Lease, seen: i64, ready_at: Timestamp, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        sql!(
            tx,
            execute,
            "UPDATE tasks SET lease_owner = NULL, lease_until = NULL, failures = 0,
                 ready_at = CASE WHEN event_seq = $3 THEN $4 ELSE $5 END
             WHERE id = $1 AND fence = $2",
            lease.task.uuid(),
            lease.fence,
            seen,
            ready_at,
            now
        )?;
        tx.commit().await?;
        self.hints().changed(lease.task);
        Ok(())
    }

    /// When the next parked task becomes ready.
    pub async fn next_ready_at(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (Timestamp,),
            "SELECT ready_at FROM tasks WHERE ready_at > $1 ORDER BY ready_at LIMIT 1",
            after
        )?;
        Ok(row.map(|(at,)| at))
    }
}

fn claimed(row: TaskRow) -> Result<Claimed> {
    let (id, fence) = (row.id, row.fence);
    let of_task = |error| match error {
        Error::Inconsistent { table, column, problem } => {
            Error::Inconsistent { table, column, problem: format!("task {id}: {problem}") }
        }
        error => error,
    };
    let failures = number(row.failures, "tasks", "failures")?;
    let task = Task::try_from(row).map_err(of_task)?;
    Ok(Claimed { lease: Lease { task: task.id, state: task.state, fence }, task, failures })
}

macro_rules! ready_longest {
    ($lock:literal) => {
        concat!("SELECT id FROM tasks WHERE ", due!(), " ORDER BY ready_at LIMIT $2", $lock)
    };
}

/// SQLite has one writer, and one process that claims. On PostgreSQL others claim too: what they are at is skipped, and
/// what is left is locked before it is changed. (A statement that locks a row and changes it at once can wait for
/// itself when the row has just been changed.)
async fn ready_longest(c: &mut Conn, most: u32, now: Timestamp) -> Result<Vec<Uuid>> {
    let rows = sql!(
        c,
        fetch_all as (Uuid,),
        { sqlite: ready_longest!(""), postgres: ready_longest!(" FOR NO KEY UPDATE SKIP LOCKED") },
        now,
        i64::from(most)
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
