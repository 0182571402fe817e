//! Invitations and their attempts: what is still open, how each ended, and what that does to the agent's record.

use crate::agents::probe;
use crate::claim::Lease;
use crate::db::{Conn, sql};
use crate::events::tell;
use crate::rows::{number, to_json, word};
use crate::{Claimed, Error, Guarded, Result, Store, answers, trace};
use gavel_domain::agent::Record;
use gavel_domain::bid::Bid;
use gavel_domain::event::{Actor, EventKind};
use gavel_domain::invitation::{Attempt, AttemptResult, Ending, Invitation, Mode, Outcome, Probe};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{AgentId, AttemptId, BidId, InvitationId, TaskId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

const T: &str = "invitations";

/// An invitation with what is needed to send it.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// The invitation.
    pub invitation: Invitation,
    /// The agent's short name, for logs and events.
    pub agent_slug: String,
    /// Where the POST goes.
    pub endpoint_url: String,
    /// Calls it takes at once.
    pub max_concurrency: u32,
    /// The developer's `ait_` key, sealed.
    pub sealed_key: Vec<u8>,
    /// The developer, as the sealing context of its key.
    pub developer: gavel_domain::DeveloperId,
    /// The agent's signing secret, sealed.
    pub sealed_secret: Vec<u8>,
    /// What the agent's last health probe said.
    pub last_probe: Probe,
    /// Sends made so far for this mode and revision, with the latest of them.
    pub sends: u32,
    /// The latest attempt, when it has not ended.
    pub open_attempt: Option<AttemptId>,
}

#[derive(sqlx::FromRow)]
struct DispatchRow {
    id: Uuid,
    task_id: Uuid,
    round: i64,
    agent_id: Uuid,
    created_at: Timestamp,
    deadline_at: Timestamp,
    own_limit: bool,
    boosted: bool,
    outcome: Option<String>,
    detail: Option<String>,
    ended_at: Option<Timestamp>,
    slug: String,
    endpoint_url: String,
    max_concurrency: i64,
    developer_id: Uuid,
    sealed_key: Vec<u8>,
    sealed_secret: Vec<u8>,
    last_probe: String,
    sends: i64,
    open_attempt: Option<Uuid>,
}

impl TryFrom<DispatchRow> for Dispatch {
    type Error = Error;
    fn try_from(row: DispatchRow) -> Result<Self> {
        let ended = match (row.outcome, row.ended_at) {
            (Some(outcome), Some(at)) => {
                Some(Ending { outcome: word(&outcome, T, "outcome")?, detail: row.detail, at })
            }
            _ => None,
        };
        Ok(Dispatch {
            invitation: Invitation {
                id: InvitationId::from_uuid(row.id),
                task: TaskId::from_uuid(row.task_id),
                round: number(row.round, T, "round")?,
                agent: AgentId::from_uuid(row.agent_id),
                created_at: row.created_at,
                deadline_at: row.deadline_at,
                deadline_is_own_limit: row.own_limit,
                boosted: row.boosted,
                ended,
            },
            agent_slug: row.slug,
            endpoint_url: row.endpoint_url,
            max_concurrency: number(row.max_concurrency, "agents", "max_concurrency")?,
            developer: gavel_domain::DeveloperId::from_uuid(row.developer_id),
            sealed_key: row.sealed_key,
            sealed_secret: row.sealed_secret,
            last_probe: probe(&row.last_probe),
            sends: number(row.sends, "attempts", "number")?,
            open_attempt: row.open_attempt.map(AttemptId::from_uuid),
        })
    }
}

macro_rules! dispatch_sql {
    ($where:literal) => {
        concat!(
            "SELECT i.id, i.task_id, i.round, i.agent_id, i.created_at, i.deadline_at, i.own_limit, i.boosted,
                 i.outcome, i.detail, i.ended_at, a.slug, a.endpoint_url, a.max_concurrency, a.developer_id, d.sealed_key,
                 a.sealed_secret, a.last_probe,
                 (SELECT COUNT(*) FROM attempts t WHERE t.invitation_id = i.id AND t.mode = $2 AND t.revision = $3)
                     AS sends,
                 (SELECT t.id FROM attempts t WHERE t.invitation_id = i.id AND t.mode = $2 AND t.revision = $3
                     AND t.ended_at IS NULL ORDER BY t.number DESC LIMIT 1) AS open_attempt
             FROM invitations i JOIN agents a ON a.id = i.agent_id JOIN developers d ON d.id = a.developer_id
             WHERE ",
            $where,
            " ORDER BY i.id"
        )
    };
}

/// How one invitation ended, as the loop learnt it.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Which.
    pub invitation: InvitationId,
    /// Who.
    pub agent: AgentId,
    /// Its short name, for the event.
    pub agent_slug: String,
    /// What its last probe said (for the reliability of a 503).
    pub last_probe: Probe,
    /// How.
    pub ending: Ending,
    /// The bid, when the outcome is valid.
    pub bid: Option<Bid>,
    /// The last send and what came of it; `None` when nothing was sent any more.
    pub attempt: Option<(AttemptId, AttemptResult)>,
}

impl Store {
    /// The invitations of a round, with what is needed to send those that are open.
    pub async fn dispatches(&self, task: TaskId, round: u32) -> Result<Vec<Dispatch>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as DispatchRow,
            dispatch_sql!("i.task_id = $1 AND i.round = $4"),
            task.uuid(),
            Mode::Prototype.name(),
            0_i64,
            i64::from(round)
        )?;
        rows.into_iter().map(Dispatch::try_from).collect()
    }

    /// One invitation, as its final call of `revision` needs it.
    pub async fn final_dispatch(&self, invitation: InvitationId, revision: u32) -> Result<Option<Dispatch>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as DispatchRow,
            dispatch_sql!("i.id = $1"),
            invitation.uuid(),
            Mode::Final.name(),
            i64::from(revision)
        )?;
        row.map(Dispatch::try_from).transpose()
    }

    /// Writes attempts before their sends. [`Guarded::Lost`]: the claim is gone, do not send.
    pub async fn begin_attempts(&self, lease: Lease, attempts: &[Attempt]) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        if !holds(&mut tx, lease).await? {
            return Ok(Guarded::Lost);
        }
        for attempt in attempts {
            insert_attempt(&mut tx, attempt).await?;
        }
        tx.commit().await?;
        Ok(Guarded::Done(()))
    }

    /// Completes an attempt. Kept even when the claim is gone: what came too late is still on the log.
    pub async fn end_attempt(&self, attempt: AttemptId, result: &AttemptResult) -> Result<()> {
        let mut tx = self.begin().await?;
        end_attempt(&mut tx, attempt, result).await?;
        tx.commit().await
    }

    /// Ends an invitation exactly once: its last send, its outcome, the agent's record, the bid if there is one, and
    /// the event.
    pub async fn end_invitation(&self, claimed: &Claimed, ended: &Ended) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        let bid = ended.bid.as_ref().map(|bid| bid.id);
        let data = told(ended.invitation, &ended.agent_slug, &ended.ending, bid);
        let heard =
            tell(&mut tx, claimed.guard(), EventKind::Outcome, Actor::Gavel, data, ended.ending.at).await?;
        if heard == Guarded::Lost || !close(&mut tx, ended.invitation, &ended.ending).await? {
            return Ok(Guarded::Lost);
        }
        if let Some((attempt, result)) = &ended.attempt {
            end_attempt(&mut tx, *attempt, result).await?;
        }
        let Ending { outcome, at, .. } = ended.ending;
        change_record(&mut tx, ended.agent, |before| before.after(outcome, ended.last_probe, at)).await?;
        if let Some(bid) = &ended.bid {
            answers::insert_bid(&mut tx, bid).await?;
        }
        tx.commit().await?;
        self.hints().told(claimed.task().id);
        Ok(Guarded::Done(()))
    }

    /// All attempts of an invitation, in order.
    pub async fn attempts(&self, invitation: InvitationId) -> Result<Vec<Attempt>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as AttemptRow,
            "SELECT id, invitation_id, mode, revision, number, started_at, ended_at, status, code, warnings,
                 error_body, trace FROM attempts WHERE invitation_id = $1 ORDER BY mode DESC, revision, number",
            invitation.uuid()
        )?;
        rows.into_iter().map(Attempt::try_from).collect()
    }
}

#[derive(sqlx::FromRow)]
struct AttemptRow {
    id: Uuid,
    invitation_id: Uuid,
    mode: String,
    revision: i64,
    number: i64,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    status: Option<i64>,
    code: Option<String>,
    warnings: String,
    error_body: Option<String>,
    trace: Option<String>,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = Error;
    fn try_from(row: AttemptRow) -> Result<Self> {
        const T: &str = "attempts";
        let result = match (row.ended_at, row.code) {
            (Some(ended_at), Some(code)) => Some(AttemptResult {
                ended_at,
                status: row.status.map(|s| number(s, T, "status")).transpose()?,
                code,
                warnings: crate::rows::json(&row.warnings, T, "warnings")?,
                error_body: row.error_body,
                trace: row.trace.as_deref().map(trace::read).transpose()?,
            }),
            _ => None,
        };
        Ok(Attempt {
            id: AttemptId::from_uuid(row.id),
            invitation: InvitationId::from_uuid(row.invitation_id),
            mode: word(&row.mode, T, "mode")?,
            revision: number(row.revision, T, "revision")?,
            number: number(row.number, T, "number")?,
            started_at: row.started_at,
            result,
        })
    }
}

/// Whether the claim still holds, inside a transaction: the row stays ours until the commit.
pub(crate) async fn holds(c: &mut Conn, lease: Lease) -> Result<bool> {
    let row = sql!(
        c,
        fetch_optional as (i64,),
        {
            sqlite: "SELECT fence FROM tasks WHERE id = $1",
            // The lock keeps a cancel or a selection from slipping between this look and our write.
            postgres: "SELECT fence FROM tasks WHERE id = $1 FOR UPDATE",
        },
        lease.task().uuid()
    )?;
    Ok(row == Some((lease.fence(),)))
}

pub(crate) async fn end_attempt(c: &mut Conn, attempt: AttemptId, result: &AttemptResult) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE attempts SET ended_at = $2, status = $3, code = $4, warnings = $5, error_body = $6, trace = $7
         WHERE id = $1 AND ended_at IS NULL",
        attempt.uuid(),
        result.ended_at,
        result.status.map(i64::from),
        &result.code,
        to_json(&result.warnings, "attempts", "warnings")?,
        // PostgreSQL keeps no NUL in text.
        result.error_body.as_ref().map(|body| body.replace('\0', "\u{FFFD}")),
        result.trace.as_ref().map(trace::write).transpose()?
    )?;
    Ok(())
}

/// Gives an open invitation its outcome; `false` when it has one already.
pub(crate) async fn close(c: &mut Conn, invitation: InvitationId, ending: &Ending) -> Result<bool> {
    let closed = sql!(
        c,
        execute,
        "UPDATE invitations SET outcome = $2, detail = $3, ended_at = $4 WHERE id = $1 AND outcome IS NULL",
        invitation.uuid(),
        ending.outcome.name(),
        &ending.detail,
        ending.at
    )?;
    Ok(closed == 1)
}

/// Closes whatever is still open of a task because of what becomes of it: superseded, cancelled or late. No agent's
/// reliability changes; who was asked and is late has had one more real task. Call it before the state changes: a
/// final state is the last thing that is told of a task.
pub(crate) async fn close_all_open(
    c: &mut Conn,
    (task, state): (TaskId, TaskState),
    outcome: Outcome,
    at: Timestamp,
) -> Result<()> {
    if outcome.is_real_task() {
        count_real_tasks(c, task).await?;
    }
    let open = sql!(
        c,
        fetch_all as (Uuid, String),
        "SELECT i.id, a.slug FROM invitations i JOIN agents a ON a.id = i.agent_id
         WHERE i.task_id = $1 AND i.outcome IS NULL ORDER BY i.id",
        task.uuid()
    )?;
    let ending = Ending { outcome, detail: Some(closing_code(outcome).to_owned()), at };
    for (id, slug) in open {
        let invitation = InvitationId::from_uuid(id);
        close(c, invitation, &ending).await?;
        abandon_attempts(c, invitation, &ending).await?;
        let data = told(invitation, &slug, &ending, None);
        let _ = tell(c, (task, state, None), EventKind::Outcome, Actor::Gavel, data, at).await?;
    }
    Ok(())
}

/// Why a call was given up, in the contract's words.
const fn closing_code(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Late => "phase_closed",
        _ => "task_closed",
    }
}

/// Sends whose answer nobody waits for any more.
async fn abandon_attempts(c: &mut Conn, invitation: InvitationId, ending: &Ending) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE attempts SET ended_at = $2, code = $3 WHERE invitation_id = $1 AND ended_at IS NULL",
        invitation.uuid(),
        ending.at,
        &ending.detail
    )?;
    Ok(())
}

/// What the event of an outcome says.
fn told(invitation: InvitationId, agent: &str, ending: &Ending, bid: Option<BidId>) -> Value {
    json!({
        "invitation_id": invitation.to_string(),
        "agent": agent,
        "outcome": ending.outcome.name(),
        "detail": ending.detail,
        "bid_id": bid.map(|bid| bid.to_string()),
    })
}

/// One more real task for every agent that was sent an invitation of this task which is still open.
async fn count_real_tasks(c: &mut Conn, task: TaskId) -> Result<()> {
    macro_rules! count_sql {
        ($lock:literal) => {
            concat!(
                "UPDATE agents SET real_tasks = real_tasks + 1 WHERE id IN (
                     SELECT a.id FROM agents a JOIN invitations i ON i.agent_id = a.id
                     WHERE i.task_id = $1 AND i.outcome IS NULL
                         AND EXISTS (SELECT 1 FROM attempts t WHERE t.invitation_id = i.id)
                     ORDER BY a.id",
                $lock,
                ")"
            )
        };
    }
    // Two phases that end at once may share agents: rows are locked in one order, or both would wait for ever.
    sql!(c, execute, { sqlite: count_sql!(""), postgres: count_sql!(" FOR UPDATE OF a") }, task.uuid())?;
    Ok(())
}

/// How a final call ended enters the winner's reliability.
pub(crate) async fn keep_final_record(c: &mut Conn, bid: BidId, outcome: Outcome) -> Result<()> {
    let (agent, last_probe) = sql!(
        c,
        fetch_one as (Uuid, String),
        "SELECT a.id, a.last_probe FROM bids b JOIN agents a ON a.id = b.agent_id WHERE b.id = $1",
        bid.uuid()
    )?;
    change_record(c, AgentId::from_uuid(agent), |before| before.after_final(outcome, probe(&last_probe)))
        .await
}

/// Reads an agent's record, and writes what became of it.
async fn change_record(
    c: &mut Conn,
    agent: AgentId,
    change: impl FnOnce(Record) -> Record + Send,
) -> Result<()> {
    let (real_tasks, recent, last_active_at) = sql!(
        c,
        fetch_one as (i64, String, Option<Timestamp>),
        {
            sqlite: "SELECT real_tasks, recent, last_active_at FROM agents WHERE id = $1",
            postgres: "SELECT real_tasks, recent, last_active_at FROM agents WHERE id = $1 FOR UPDATE",
        },
        agent.uuid()
    )?;
    let before = Record {
        real_tasks: number(real_tasks, "agents", "real_tasks")?,
        recent: recent.chars().map(|c| c == '1').collect(),
        last_active_at,
    };
    let after = change(before);
    let recent: String = after.recent.iter().map(|ok| if *ok { '1' } else { '0' }).collect();
    sql!(
        c,
        execute,
        "UPDATE agents SET real_tasks = $2, recent = $3, last_active_at = $4 WHERE id = $1",
        agent.uuid(),
        i64::from(after.real_tasks),
        recent,
        after.last_active_at
    )?;
    Ok(())
}

/// Writes a send down before it leaves. One before it whose end is not known was lost with an earlier process.
pub(crate) async fn insert_attempt(c: &mut Conn, attempt: &Attempt) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE attempts SET ended_at = $4, code = 'lost_with_a_restart'
         WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND ended_at IS NULL",
        attempt.invitation.uuid(),
        attempt.mode.name(),
        i64::from(attempt.revision),
        attempt.started_at
    )?;
    sql!(
        c,
        execute,
        "INSERT INTO attempts (id, invitation_id, agent_id, mode, revision, number, started_at, agent_version)
         SELECT $1, i.id, i.agent_id, $3, $4, $5, $6, a.version
         FROM invitations i JOIN agents a ON a.id = i.agent_id WHERE i.id = $2",
        attempt.id.uuid(),
        attempt.invitation.uuid(),
        attempt.mode.name(),
        i64::from(attempt.revision),
        i64::from(attempt.number),
        attempt.started_at
    )?;
    Ok(())
}
