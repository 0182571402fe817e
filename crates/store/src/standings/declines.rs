//! Types that agents say they do not do.

use crate::Result;
use crate::db::{Conn, sql};
use gavel_domain::{AgentId, TaskId, Timestamp};

/// The agent has declined the task's type once more.
pub(super) async fn again(c: &mut Conn, task: TaskId, agent: AgentId, at: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO agent_declines (agent_id, task_type, in_a_row, last_at)
         SELECT $1, t.task_type, 1, $3 FROM tasks t WHERE t.id = $2
         ON CONFLICT (agent_id, task_type) DO UPDATE SET in_a_row = agent_declines.in_a_row + 1,
             last_at = excluded.last_at",
        agent.uuid(),
        task.uuid(),
        at
    )?;
    Ok(())
}

/// The agent does the task's type after all.
pub(super) async fn taken_back(c: &mut Conn, task: TaskId, agent: AgentId) -> Result<()> {
    sql!(
        c,
        execute,
        "DELETE FROM agent_declines
         WHERE agent_id = $1 AND task_type = (SELECT t.task_type FROM tasks t WHERE t.id = $2)",
        agent.uuid(),
        task.uuid()
    )?;
    Ok(())
}
