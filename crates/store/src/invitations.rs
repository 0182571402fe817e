//! Invitations: how each ends, exactly once, and what that does to the agent's record.

use crate::agents::probe;
use crate::benchmarks::{self, real_task};
use crate::claim::Lease;
use crate::db::{Conn, sql};
use crate::events::tell;
use crate::faults::{Planted, planted};
use crate::rows::number;
use crate::{Guarded, Result, answers, attempts, exchanges, locks, standings};
use gavel_domain::agent::Record;
use gavel_domain::bid::Bid;
use gavel_domain::event::{Actor, EventKind};
use gavel_domain::invitation::{AttemptResult, Ending, Outcome, Probe};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{AgentId, AttemptId, BidId, InvitationId, TaskId, Timestamp};
use gavel_triage::Rules;
use serde_json::{Value, json};
use uuid::Uuid;

/// How one invitation ended, as the loop learnt it.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Which.
    pub invitation: InvitationId,
    /// Who.
    pub agent: AgentId,
    /// Its short name, for the event.
    pub agent_slug: String,
    /// How.
    pub ending: Ending,
    /// The bid, when the outcome is valid.
    pub bid: Option<Bid>,
    /// The last send and what came of it; `None` when nothing was sent any more.
    pub attempt: Option<(AttemptId, AttemptResult)>,
}

/// Ends an open invitation inside a transaction that holds its task: its outcome, its last send, the agent's record, the
/// bid if there is one, the event. `false`: it has its outcome already, and nothing was written.
pub(crate) async fn end(
    c: &mut Conn,
    (task, state): (TaskId, TaskState),
    ended: &Ended,
    rules: &Rules,
) -> Result<Guarded<bool>> {
    let Ending { outcome, at, .. } = ended.ending;
    let (before, probe) = record_of(c, ended.agent).await?; // before the exchange: it locks the agent
    if !close(c, ended.invitation, &ended.ending).await? {
        return Ok(Guarded::Done(false));
    }
    let record = before.after(outcome, probe, at);
    if write_record(c, (ended.agent, task), &record).await? {
        standings::after_outcome(c, (task, ended), probe, &record, rules).await?;
    }
    if let Some((attempt, result)) = &ended.attempt {
        attempts::end(c, *attempt, result).await?;
    }
    // Those before it have ended; one after it may have been written that never left.
    if ended.attempt.is_none() || outcome != Outcome::Valid {
        attempts::abandon(c, ended.invitation, &ended.ending).await?;
    }
    if let Some(bid) = &ended.bid {
        answers::insert_bid(c, bid).await?;
    }
    let data = told(ended.invitation, &ended.agent_slug, &ended.ending, ended.bid.as_ref().map(|bid| bid.id));
    let told = tell(c, (task, state, None), EventKind::Outcome, Actor::Gavel, data, at).await?;
    Ok(match told {
        Guarded::Done(()) => Guarded::Done(true),
        Guarded::Lost => Guarded::Lost,
    })
}

/// Whether the claim still holds, inside a transaction: the row stays ours until the commit.
pub(crate) async fn holds(c: &mut Conn, lease: Lease) -> Result<bool> {
    let row = sql!(
        c,
        fetch_optional as (i64,),
        {
            sqlite: "SELECT fence FROM tasks WHERE id = $1",
            // The lock keeps a cancel or a selection from slipping between this look and our write.
            postgres: "SELECT fence FROM tasks WHERE id = $1 FOR NO KEY UPDATE",
        },
        lease.task().uuid()
    )?;
    Ok(row == Some((lease.fence(),)) || planted(Planted::FenceUnchecked))
}

/// Gives an open invitation and its exchanges their outcome; `false` when it has one already.
pub(crate) async fn close(c: &mut Conn, invitation: InvitationId, ending: &Ending) -> Result<bool> {
    #[cfg(feature = "faults")]
    crate::faults::reopen(c, invitation).await?;
    let closed = sql!(
        c,
        execute,
        "UPDATE invitations SET outcome = $2, detail = $3, ended_at = $4 WHERE id = $1 AND outcome IS NULL",
        invitation.uuid(),
        ending.outcome.name(),
        &ending.detail,
        ending.at
    )?;
    if closed == 1 {
        exchanges::end_all(c, invitation, ending).await?;
    }
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
    if planted(Planted::CallsLeftOpen) && outcome == Outcome::Cancelled {
        return Ok(());
    }
    locks::agents(c, task).await?;
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
        attempts::abandon(c, invitation, &ending).await?;
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

/// One more real task for every agent that was sent an invitation of this task which is still open; none for those of a
/// benchmark.
async fn count_real_tasks(c: &mut Conn, task: TaskId) -> Result<()> {
    sql!(
        c,
        execute,
        concat!(
            "UPDATE agents SET real_tasks = real_tasks + 1 WHERE id IN (
                 SELECT i.agent_id FROM invitations i WHERE i.task_id = $1 AND i.outcome IS NULL
                     AND EXISTS (SELECT 1 FROM attempts t WHERE t.invitation_id = i.id)) AND ",
            real_task!("$1", "$2")
        ),
        task.uuid(),
        benchmarks::account()
    )?;
    Ok(())
}

/// How a final call ended enters the winner's reliability.
pub(crate) async fn keep_final_record(c: &mut Conn, bid: BidId, outcome: Outcome) -> Result<()> {
    let (agent, task) =
        sql!(c, fetch_one as (Uuid, Uuid), "SELECT agent_id, task_id FROM bids WHERE id = $1", bid.uuid())?;
    let (agent, task) = (AgentId::from_uuid(agent), TaskId::from_uuid(task));
    let (before, probe) = record_of(c, agent).await?;
    write_record(c, (agent, task), &before.after_final(outcome, probe)).await?;
    Ok(())
}

/// An agent's record, and what its newest probe said; nobody else changes it until we commit.
async fn record_of(c: &mut Conn, agent: AgentId) -> Result<(Record, Probe)> {
    let (real_tasks, recent, last_active_at, last_probe) = sql!(
        c,
        fetch_one as (i64, String, Option<Timestamp>, String),
        {
            sqlite: "SELECT real_tasks, recent, last_active_at, last_probe FROM agents WHERE id = $1",
            postgres: "SELECT real_tasks, recent, last_active_at, last_probe FROM agents WHERE id = $1 FOR NO KEY UPDATE",
        },
        agent.uuid()
    )?;
    let record = Record {
        real_tasks: number(real_tasks, "agents", "real_tasks")?,
        recent: recent.chars().map(|c| c == '1').collect(),
        last_active_at,
    };
    Ok((record, probe(&last_probe)))
}

/// What a task of a benchmark comes to leaves no mark: `false`.
async fn write_record(c: &mut Conn, (agent, task): (AgentId, TaskId), record: &Record) -> Result<bool> {
    let recent: String = record.recent.iter().map(|ok| if *ok { '1' } else { '0' }).collect();
    let written = sql!(
        c,
        execute,
        concat!(
            "UPDATE agents SET real_tasks = $2, recent = $3, last_active_at = $4 WHERE id = $1 AND ",
            real_task!("$5", "$6")
        ),
        agent.uuid(),
        i64::from(record.real_tasks),
        recent,
        record.last_active_at,
        task.uuid(),
        benchmarks::account()
    )?;
    Ok(written == 1)
}
