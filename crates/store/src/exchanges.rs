//! Exchanges: one per call of an invitation, whatever carries it. While one has begun and not ended it takes one of its
//! agent's places, in the database, so that replicas and restarts count the same calls.

use crate::Result;
use crate::db::{Conn, sql};
use crate::rows::{number, word};
use gavel_domain::exchange::{Exchange, ExchangeKey};
use gavel_domain::invitation::{Ending, Invitation, Mode};
use gavel_domain::{AgentId, InvitationId, TaskId, Timestamp};

const T: &str = "exchanges";

/// The columns of [`ExchangeRow`], of a table (or an outer join) called `x`.
macro_rules! exchange_columns {
    () => {
        "x.mode AS x_mode, x.revision AS x_revision, x.execution_mode AS x_execution_mode, x.deadline_at AS x_deadline_at,
         x.own_limit AS x_own_limit, x.began_at AS x_began_at, x.acknowledged_at AS x_acknowledged_at,
         x.lease AS x_lease, x.lease_until AS x_lease_until, x.code AS x_code, x.message_id AS x_message_id, x.outcome AS x_outcome,
         x.ended_at AS x_ended_at"
    };
}
pub(crate) use exchange_columns;

/// Every column may be missing: exchanges are joined from outside.
#[derive(sqlx::FromRow)]
pub(crate) struct ExchangeRow {
    x_mode: Option<String>,
    x_revision: Option<i64>,
    x_execution_mode: Option<String>,
    x_deadline_at: Option<Timestamp>,
    x_own_limit: Option<bool>,
    x_began_at: Option<Timestamp>,
    x_acknowledged_at: Option<Timestamp>,
    x_lease: Option<i64>,
    x_lease_until: Option<Timestamp>,
    x_code: Option<String>,
    x_message_id: Option<String>,
    x_outcome: Option<String>,
    x_ended_at: Option<Timestamp>,
}

impl ExchangeRow {
    pub(crate) fn exchange(self, invitation: InvitationId, agent: AgentId) -> Result<Option<Exchange>> {
        let (Some(mode), Some(revision), Some(execution_mode), Some(deadline_at)) =
            (self.x_mode, self.x_revision, self.x_execution_mode, self.x_deadline_at)
        else {
            return Ok(None);
        };
        let mode: Mode = word(&mode, T, "mode")?;
        let (ended, refused) = match (self.x_outcome, self.x_ended_at) {
            (Some(outcome), Some(at)) => {
                (Some(Ending { outcome: word(&outcome, T, "outcome")?, detail: self.x_code, at }), None)
            }
            _ => (None, self.x_code),
        };
        Ok(Some(Exchange {
            key: ExchangeKey { invitation, mode, revision: number(revision, T, "revision")? },
            agent,
            execution_mode: word(&execution_mode, T, "execution_mode")?,
            deadline_at,
            deadline_is_own_limit: self.x_own_limit.unwrap_or(true),
            began_at: self.x_began_at,
            acknowledged_at: self.x_acknowledged_at,
            lease: number(self.x_lease.unwrap_or(0), T, "lease")?,
            lease_until: self.x_lease_until,
            refused,
            answered_by: self.x_message_id,
            ended,
        }))
    }
}

/// The prototype exchange of a fresh invitation.
pub(crate) async fn insert(c: &mut Conn, invitation: &Invitation) -> Result<()> {
    let key = ExchangeKey { invitation: invitation.id, mode: Mode::Prototype, revision: 0 };
    let deadline = (invitation.deadline_at, invitation.deadline_is_own_limit);
    insert_key(c, key, deadline).await
}

/// An exchange that has not begun; nothing where it is there already.
pub(crate) async fn insert_key(
    c: &mut Conn,
    key: ExchangeKey,
    (deadline_at, own_limit): (Timestamp, bool),
) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO exchanges (invitation_id, mode, revision, agent_id, execution_mode, deadline_at, own_limit)
         SELECT i.id, $2, $3, i.agent_id, a.execution_mode, $4, $5
         FROM invitations i JOIN agents a ON a.id = i.agent_id WHERE i.id = $1
         ON CONFLICT (invitation_id, mode, revision) DO NOTHING",
        key.invitation.uuid(),
        key.mode.name(),
        i64::from(key.revision),
        deadline_at,
        own_limit
    )?;
    Ok(())
}

/// Keeps others from counting the places of a task's agents until we commit. Agents are locked in one order, or two
/// tasks that share some would wait for each other.
pub(crate) async fn lock_agents(c: &mut Conn, task: TaskId) -> Result<()> {
    if matches!(c, Conn::Sqlite(_)) {
        return Ok(()); // one writer
    }
    sql!(
        c,
        fetch_all as (uuid::Uuid,),
        "SELECT a.id FROM agents a WHERE a.id IN (SELECT i.agent_id FROM invitations i WHERE i.task_id = $1)
         ORDER BY a.id FOR UPDATE",
        task.uuid()
    )?;
    Ok(())
}

/// Takes a place of the exchange's agent; `true` when the exchange has one, now or from before. Call
/// [`lock_agents`] before.
pub(crate) async fn take_place(c: &mut Conn, key: ExchangeKey, now: Timestamp) -> Result<bool> {
    let taken = sql!(
        c,
        execute,
        "UPDATE exchanges SET began_at = COALESCE(began_at, $4)
         WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND ended_at IS NULL
             AND (began_at IS NOT NULL
                 OR (SELECT COUNT(*) FROM exchanges o WHERE o.agent_id = exchanges.agent_id
                         AND o.began_at IS NOT NULL AND o.ended_at IS NULL AND o.deadline_at > $4)
                     < (SELECT a.max_concurrency FROM agents a WHERE a.id = exchanges.agent_id))",
        key.invitation.uuid(),
        key.mode.name(),
        i64::from(key.revision),
        now
    )?;
    Ok(taken == 1)
}

/// Ends what is still open of an invitation's exchanges.
pub(crate) async fn end_all(c: &mut Conn, invitation: InvitationId, ending: &Ending) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE exchanges SET outcome = $2, ended_at = $3 WHERE invitation_id = $1 AND ended_at IS NULL",
        invitation.uuid(),
        ending.outcome.name(),
        ending.at
    )?;
    Ok(())
}
