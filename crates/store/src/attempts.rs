//! Attempts: every send (or fetch) is written down before it leaves, and completed with what came of it.

use crate::claim::Lease;
use crate::db::{Conn, row, sql};
use crate::invitations::holds;
use crate::rows::{json, number, to_json, word};
use crate::{Error, Guarded, Result, Store, exchanges, locks, trace};
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{Attempt, AttemptResult, Ending};
use gavel_domain::{AttemptId, InvitationId, Timestamp};
use uuid::Uuid;

const T: &str = "attempts";

row! {
    pub(crate) struct AttemptRow {
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
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = Error;
    fn try_from(row: AttemptRow) -> Result<Self> {
        let result = match (row.ended_at, row.code) {
            (Some(ended_at), Some(code)) => Some(AttemptResult {
                ended_at,
                status: row.status.map(|s| number(s, T, "status")).transpose()?,
                code,
                warnings: json(&row.warnings, T, "warnings")?,
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

impl Store {
    /// Writes attempts before their sends, as far as their agents have a place free: an agent never has more exchanges
    /// begun than it declared, whoever began them. Gives the attempts that may leave now. The others have to wait, and
    /// so have those that are `waiting` for a place already; that is written too, for nobody is charged for it.
    /// [`Guarded::Lost`]: the claim is gone, do not send. Written twice is written once: of a commit one may not hear.
    pub async fn begin_attempts(
        &self,
        lease: Lease,
        attempts: &[Attempt],
        waiting: &[ExchangeKey],
    ) -> Result<Guarded<Vec<AttemptId>>> {
        let mut tx = self.begin().await?;
        if !holds(&mut tx, lease).await? {
            return Ok(Guarded::Lost);
        }
        locks::agents(&mut tx, lease.task()).await?;
        let begun = begin_all(&mut tx, attempts, waiting).await?;
        tx.commit().await?;
        Ok(Guarded::Done(begun))
    }

    /// Completes an attempt. Kept even when the claim is gone: what came too late is still on the log.
    pub async fn end_attempt(&self, attempt: AttemptId, result: &AttemptResult) -> Result<()> {
        let mut tx = self.begin().await?;
        end(&mut tx, attempt, result).await?;
        tx.commit().await
    }

    /// Completes the attempt with which an asynchronous agent took the brief: nothing more is sent.
    pub async fn acknowledge(
        &self,
        key: ExchangeKey,
        attempt: AttemptId,
        result: &AttemptResult,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sql!(
            tx,
            execute,
            "UPDATE exchanges SET acknowledged_at = $4
             WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND acknowledged_at IS NULL",
            key.invitation.uuid(),
            key.mode.name(),
            i64::from(key.revision),
            result.ended_at
        )?;
        end(&mut tx, attempt, result).await?;
        tx.commit().await
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

/// [`Store::begin_attempts`], inside a transaction that holds the task and its agents.
pub(crate) async fn begin_all(
    c: &mut Conn,
    attempts: &[Attempt],
    waiting: &[ExchangeKey],
) -> Result<Vec<AttemptId>> {
    let mut begun = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        if exchanges::take_place(c, key_of(attempt), attempt.started_at).await? {
            insert(c, attempt).await?;
            begun.push(attempt.id);
        } else {
            exchanges::had_to_wait(c, key_of(attempt)).await?;
        }
    }
    for key in waiting {
        exchanges::had_to_wait(c, *key).await?;
    }
    Ok(begun)
}

fn key_of(attempt: &Attempt) -> ExchangeKey {
    ExchangeKey { invitation: attempt.invitation, mode: attempt.mode, revision: attempt.revision }
}

/// Writes a send down before it leaves. One before it whose end is not known was lost with an earlier process, and took
/// some of the agent's time along.
pub(crate) async fn insert(c: &mut Conn, attempt: &Attempt) -> Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::forget_sends(c, attempt.invitation).await?;
    if attempt.number > 1 && give_up(c, attempt, "lost_with_a_restart").await? > 0 {
        exchanges::has_less_time(c, key_of(attempt)).await?;
    }
    write(c, attempt, false).await
}

/// Writes a worker's fetch down: the number is that of its lease. The one before it did not answer in time.
pub(crate) async fn insert_fetch(c: &mut Conn, attempt: &Attempt) -> Result<()> {
    give_up(c, attempt, "lease_expired").await?;
    write(c, attempt, true).await
}

/// Ends what is open of the same exchange.
async fn give_up(c: &mut Conn, next: &Attempt, code: &str) -> Result<u64> {
    let ended = sql!(
        c,
        execute,
        "UPDATE attempts SET ended_at = $4, code = $5
         WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND ended_at IS NULL AND id <> $6",
        next.invitation.uuid(),
        next.mode.name(),
        i64::from(next.revision),
        next.started_at,
        code,
        next.id.uuid()
    )?;
    Ok(ended)
}

async fn write(c: &mut Conn, attempt: &Attempt, fetched: bool) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO attempts (id, invitation_id, agent_id, mode, revision, number, fetched, started_at, agent_version)
         SELECT $1, i.id, i.agent_id, $3, $4, $5, $6, $7, a.version
         FROM invitations i JOIN agents a ON a.id = i.agent_id WHERE i.id = $2
         ON CONFLICT (id) DO NOTHING",
        attempt.id.uuid(),
        attempt.invitation.uuid(),
        attempt.mode.name(),
        i64::from(attempt.revision),
        i64::from(attempt.number),
        fetched,
        attempt.started_at
    )?;
    Ok(())
}

pub(crate) async fn end(c: &mut Conn, attempt: AttemptId, result: &AttemptResult) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE attempts SET ended_at = $2, status = $3, code = $4, warnings = $5, error_body = $6, trace = $7
         WHERE id = $1 AND ended_at IS NULL",
        attempt.uuid(),
        result.ended_at,
        result.status.map(i64::from),
        &result.code,
        to_json(&result.warnings, T, "warnings")?,
        // PostgreSQL keeps no NUL in text.
        result.error_body.as_ref().map(|body| body.replace('\0', "\u{FFFD}")),
        result.trace.as_ref().map(trace::write).transpose()?
    )?;
    Ok(())
}

/// Sends whose answer nobody waits for any more.
pub(crate) async fn abandon(c: &mut Conn, invitation: InvitationId, ending: &Ending) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE attempts SET ended_at = $2, code = $3 WHERE invitation_id = $1 AND ended_at IS NULL",
        invitation.uuid(),
        ending.at,
        ending.detail.as_deref().unwrap_or(ending.outcome.name())
    )?;
    Ok(())
}
