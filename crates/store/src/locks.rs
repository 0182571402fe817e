//! Who waits for whom. On PostgreSQL everybody locks in one order: the task, its agents by id, an exchange, its attempts.
//! Two that each held what the other wants would wait for ever, and one of them would be refused. What is locked in order is
//! locked by a statement of its own, before the one that changes it: that one sees the newest rows. SQLite has one writer.
//! Webhooks have an order of their own and hold none of these (`webhooks/mod.rs`).
//!
//! The locks are those of an ordinary UPDATE (`NO KEY`): a new row that only points at a task or an agent waits for none.

use crate::db::{Conn, sql};
use crate::{Error, Result};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{AgentId, TaskId};
use uuid::Uuid;

/// Reads a task's state and keeps others from changing it until we commit.
pub(crate) async fn task(c: &mut Conn, task: TaskId) -> Result<TaskState> {
    let row = sql!(
        c,
        fetch_optional as (String,),
        {
            sqlite: "SELECT state FROM tasks WHERE id = $1",
            postgres: "SELECT state FROM tasks WHERE id = $1 FOR NO KEY UPDATE",
        },
        task.uuid()
    )?;
    match row {
        Some((state,)) => crate::rows::word(&state, "tasks", "state"),
        None => Err(gone(task)),
    }
}

/// Keeps others from counting the places of a task's agents until we commit.
pub(crate) async fn agents(c: &mut Conn, task: TaskId) -> Result<()> {
    if matches!(c, Conn::Sqlite(_)) {
        return Ok(());
    }
    sql!(
        c,
        fetch_all as (Uuid,),
        "SELECT a.id FROM agents a WHERE a.id IN (SELECT i.agent_id FROM invitations i WHERE i.task_id = $1)
         ORDER BY a.id FOR NO KEY UPDATE",
        task.uuid()
    )?;
    Ok(())
}

/// Keeps others from changing an agent, and what it is asked, until we commit. Before any of its exchanges is touched:
/// whoever takes a place of it changes those that have to wait.
pub(crate) async fn agent(c: &mut Conn, agent: AgentId) -> Result<()> {
    if matches!(c, Conn::Sqlite(_)) {
        return Ok(());
    }
    sql!(
        c,
        fetch_optional as (Uuid,),
        "SELECT id FROM agents WHERE id = $1 FOR NO KEY UPDATE",
        agent.uuid()
    )?;
    Ok(())
}

pub(crate) fn gone(task: TaskId) -> Error {
    Error::Inconsistent { table: "tasks", column: "id", problem: format!("task {task} does not exist") }
}
