//! What was sent, once per round, mode and revision: the same bytes for every agent.

use crate::Result;
use crate::db::{Conn, sql};
use gavel_domain::TaskId;
use gavel_domain::invitation::Mode;

/// Keeps a letter. It is a function of the task: a second one would be the same.
pub(crate) async fn insert(
    c: &mut Conn,
    (task, round, mode, revision): (TaskId, u32, Mode, u32),
    body: &str,
) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO letters (task_id, round, mode, revision, body) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (task_id, round, mode, revision) DO NOTHING",
        task.uuid(),
        i64::from(round),
        mode.name(),
        i64::from(revision),
        body
    )?;
    Ok(())
}

/// A letter as it was sent.
pub(crate) async fn load(
    c: &mut Conn,
    (task, round, mode, revision): (TaskId, u32, Mode, u32),
) -> Result<Option<String>> {
    let row = sql!(
        c,
        fetch_optional as (String,),
        "SELECT body FROM letters WHERE task_id = $1 AND round = $2 AND mode = $3 AND revision = $4",
        task.uuid(),
        i64::from(round),
        mode.name(),
        i64::from(revision)
    )?;
    Ok(row.map(|(body,)| body))
}
