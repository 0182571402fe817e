//! Exchanges: one per call of an invitation, whatever carries it. While one has begun and not ended it takes one of its
//! agent's places, in the database, so that replicas and restarts count the same calls.

use crate::Result;
use crate::db::{Conn, row, sql};
use crate::rows::{number, word};
use chrono::TimeDelta;
use gavel_domain::exchange::{Exchange, ExchangeKey};
use gavel_domain::invitation::{Ending, Mode};
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

/// How many places of an agent are taken: exchanges that have begun and not ended.
macro_rules! begun {
    ($agent:literal, $now:literal) => {
        concat!(
            "(SELECT COUNT(*) FROM exchanges o WHERE o.agent_id = ",
            $agent,
            " AND o.began_at IS NOT NULL AND o.ended_at IS NULL AND o.deadline_at > ",
            $now,
            ")"
        )
    };
}
pub(crate) use begun;

row! {
    /// Every column may be missing: exchanges are joined from outside.
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

/// The prototype exchanges of invitations that are new. Who fetches, and has no place free now, has to wait.
pub(crate) async fn insert_round(c: &mut Conn, (task, round): (TaskId, u32), now: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        concat!(
            "INSERT INTO exchanges
                 (invitation_id, mode, revision, agent_id, execution_mode, deadline_at, own_limit)
             SELECT i.id, 'prototype', 0, i.agent_id, a.execution_mode, i.deadline_at,
                 CASE WHEN a.execution_mode = 'pull' AND ",
            begun!("a.id", "$3"),
            " >= a.max_concurrency THEN FALSE ELSE i.own_limit END
             FROM invitations i JOIN agents a ON a.id = i.agent_id WHERE i.task_id = $1 AND i.round = $2
                 AND NOT EXISTS (SELECT 1 FROM exchanges e WHERE e.invitation_id = i.id)"
        ),
        task.uuid(),
        i64::from(round),
        now
    )?;
    Ok(())
}

/// The exchange of a final call, which has all of its own limit; nothing where it is there already, or where the agent
/// is not to be asked in this way.
pub(crate) async fn insert_final(
    c: &mut Conn,
    key: ExchangeKey,
    deadline_at: Timestamp,
    fetched: bool,
) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO exchanges (invitation_id, mode, revision, agent_id, execution_mode, deadline_at, own_limit)
         SELECT i.id, $2, $3, i.agent_id, a.execution_mode, $4, TRUE
         FROM invitations i JOIN agents a ON a.id = i.agent_id
         WHERE i.id = $1 AND (a.execution_mode = 'pull') = $5
         ON CONFLICT (invitation_id, mode, revision) DO NOTHING",
        key.invitation.uuid(),
        key.mode.name(),
        i64::from(key.revision),
        deadline_at,
        fetched
    )?;
    Ok(())
}

/// How long a call that was given up keeps its place where several processes work: the one that made it notices within
/// a second, and until then the agent still has it.
const GIVEN_UP_GRACE: TimeDelta = TimeDelta::seconds(2);

macro_rules! take_place_sql {
    ($begun:expr) => {
        concat!(
            "UPDATE exchanges SET began_at = COALESCE(began_at, $4)
             WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND ended_at IS NULL
                 AND (began_at IS NOT NULL OR ",
            $begun,
            " < (SELECT a.max_concurrency FROM agents a WHERE a.id = exchanges.agent_id))"
        )
    };
}

/// Takes a place of the exchange's agent; `true` when the exchange has one, now or from before. Call
/// [`locks::agents`](crate::locks::agents) before.
pub(crate) async fn take_place(c: &mut Conn, key: ExchangeKey, now: Timestamp) -> Result<bool> {
    const HERE: &str = take_place_sql!(begun!("exchanges.agent_id", "$4"));
    const ANYWHERE: &str = take_place_sql!(concat!(
        begun!("exchanges.agent_id", "$4"),
        " + (SELECT COUNT(*) FROM exchanges o WHERE o.agent_id = exchanges.agent_id
                 AND o.outcome IN ('superseded', 'cancelled', 'late') AND o.ended_at > $5
                 AND o.began_at IS NOT NULL AND o.acknowledged_at IS NULL AND o.execution_mode <> 'pull')"
    ));
    let (name, revision) = (key.mode.name(), i64::from(key.revision));
    let taken = match c {
        // This process alone makes calls, and its lanes know which are open.
        Conn::Sqlite(_) => sql!(c, execute, HERE, key.invitation.uuid(), name, revision, now)?,
        Conn::Postgres(_) => {
            sql!(c, execute, ANYWHERE, key.invitation.uuid(), name, revision, now, now - GIVEN_UP_GRACE)?
        }
    };
    Ok(taken == 1)
}

/// A call that waits for a place at its agent: whatever comes of it, its deadline is not its own limit any more.
pub(crate) async fn had_to_wait(c: &mut Conn, key: ExchangeKey) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE exchanges SET own_limit = FALSE
         WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND began_at IS NULL AND own_limit",
        key.invitation.uuid(),
        key.mode.name(),
        i64::from(key.revision)
    )?;
    Ok(())
}

/// A send of it was lost, and the next one has less time than the agent was promised.
pub(crate) async fn has_less_time(c: &mut Conn, key: ExchangeKey) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE exchanges SET own_limit = FALSE WHERE invitation_id = $1 AND mode = $2 AND revision = $3",
        key.invitation.uuid(),
        key.mode.name(),
        i64::from(key.revision)
    )?;
    Ok(())
}

/// What waits for the worker of an agent while all its places are taken; call it where one was taken.
pub(crate) async fn others_have_to_wait(c: &mut Conn, agent: AgentId, now: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        concat!(
            "UPDATE exchanges SET own_limit = FALSE
             WHERE agent_id = $1 AND execution_mode = 'pull' AND mode = 'prototype' AND began_at IS NULL
                 AND ended_at IS NULL AND own_limit AND ",
            begun!("$1", "$2"),
            " >= (SELECT a.max_concurrency FROM agents a WHERE a.id = $1)"
        ),
        agent.uuid(),
        now
    )?;
    Ok(())
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
