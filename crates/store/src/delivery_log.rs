//! The delivery log: every send to an agent with what its call came to, page by page, and one of them whole.

use crate::attempts::AttemptRow;
use crate::db::{Conn, row, sql};
use crate::exchanges::{ExchangeRow, exchange_columns};
use crate::rows::{json, number, word};
use crate::{Error, Result, Store, answers, letters, retention};
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::{Exchange, ExchangeKey};
use gavel_domain::invitation::{Answer, Attempt, Ending, Mode, Outcome};
use gavel_domain::{AgentId, AttemptId, BidId, DeliveryId, Money, TaskId, Timestamp};
use uuid::Uuid;

/// Which sends of an agent; what is `None` does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Only what is older than this send.
    pub before: Option<AttemptId>,
    /// Only what was begun then or later.
    pub since: Option<Timestamp>,
    /// Only this task's.
    pub task: Option<TaskId>,
    /// Only calls of this mode.
    pub mode: Option<Mode>,
    /// Only sends that ended with this code.
    pub code: Option<String>,
    /// Only calls that stand so.
    pub standing: Option<Standing>,
}

/// How a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has not ended.
    Open,
    /// It ended so.
    Ended(Outcome),
}

impl Standing {
    const fn name(self) -> &'static str {
        match self {
            Standing::Open => "open",
            Standing::Ended(outcome) => outcome.name(),
        }
    }
}

/// One send, and what its call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedSend {
    /// The send.
    pub attempt: Attempt,
    /// The task.
    pub task: TaskId,
    /// The round of the invitation.
    pub round: u32,
    /// A worker fetched it; otherwise it was posted.
    pub fetched: bool,
    /// No later send or fetch of the same call followed.
    pub is_last: bool,
    /// How the agent was asked.
    pub execution_mode: ExecutionMode,
    /// What the agent said of its version before.
    pub agent_version: Option<String>,
    /// The call; `None` of one that ended before exchanges were kept.
    pub exchange: Option<Exchange>,
    /// How the call ended; `None` while it is open.
    pub ended: Option<Ending>,
}

impl LoggedSend {
    /// Names the call.
    pub fn key(&self) -> ExchangeKey {
        let Attempt { invitation, mode, revision, .. } = self.attempt;
        ExchangeKey { invitation, mode, revision }
    }
}

/// One send with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendDetail {
    /// The send.
    pub send: LoggedSend,
    /// What was sent, as it was serialised, without the keys of asynchronous agents; `None` where it was not kept.
    pub letter: Option<String>,
    /// What came by callback or from a worker.
    pub result: Option<Delivered>,
    /// Every fetch of the call, in order.
    pub fetches: Vec<Attempt>,
    /// The answer that the call brought.
    pub taken: Option<Taken>,
    /// When the letter, the answer and error bodies were removed; `None` while they are kept.
    pub removed_at: Option<Timestamp>,
}

/// What came by callback or from a worker: the one that was taken, or the last that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// When.
    pub at: Timestamp,
    /// What it called itself.
    pub message_id: Option<String>,
    /// What it came to.
    pub code: Option<String>,
    /// What was dropped, cut or went wrong.
    pub warnings: Vec<String>,
    /// The start of a body that was not taken.
    pub error_body: Option<String>,
}

/// An answer that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What it became.
    pub owner: TakenAs,
    /// Bytes of its text and its artifacts.
    pub bytes: u64,
    price: Money,
}

/// What an answer became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenAs {
    /// Of a prototype call.
    Bid(BidId),
    /// Of a final call.
    Delivery(DeliveryId),
}

row! {
    struct SendRow {
        #[flatten]
        attempt: AttemptRow,
        #[flatten]
        exchange: ExchangeRow,
        agent_id: Uuid,
        task_id: Uuid,
        round: i64,
        fetched: bool,
        is_last: bool,
        agent_mode: String,
        agent_version: Option<String>,
        call_outcome: Option<String>,
        call_detail: Option<String>,
        call_ended_at: Option<Timestamp>,
    }
}

impl TryFrom<SendRow> for LoggedSend {
    type Error = Error;
    fn try_from(row: SendRow) -> Result<Self> {
        let attempt = Attempt::try_from(row.attempt)?;
        let exchange = row.exchange.exchange(attempt.invitation, AgentId::from_uuid(row.agent_id))?;
        let execution_mode = match &exchange {
            Some(exchange) => exchange.execution_mode,
            None => word(&row.agent_mode, "agents", "execution_mode")?,
        };
        let ended = match (row.call_outcome, row.call_ended_at) {
            (Some(outcome), Some(at)) => {
                let outcome = word(&outcome, "exchanges", "outcome")?;
                Some(Ending { outcome, detail: row.call_detail, at })
            }
            _ => None,
        };
        Ok(LoggedSend {
            attempt,
            task: TaskId::from_uuid(row.task_id),
            round: number(row.round, "invitations", "round")?,
            fetched: row.fetched,
            is_last: row.is_last,
            execution_mode,
            agent_version: row.agent_version,
            exchange,
            ended,
        })
    }
}

/// Sends with their calls. A prototype call that ended before exchanges were kept has its end with its invitation.
macro_rules! sends_sql {
    ($where:literal) => {
        concat!(
            "SELECT t.id, t.invitation_id, t.mode, t.revision, t.number, t.started_at, t.ended_at, t.status, t.code,
                 t.warnings, t.error_body, t.trace, t.agent_id, t.fetched, t.agent_version,
                 i.task_id, i.round, a.execution_mode AS agent_mode,
                 NOT EXISTS (SELECT 1 FROM attempts n WHERE n.invitation_id = t.invitation_id AND n.mode = t.mode
                     AND n.revision = t.revision AND n.number > t.number) AS is_last,
                 COALESCE(x.outcome, CASE WHEN t.mode = 'prototype' THEN i.outcome END) AS call_outcome,
                 COALESCE(x.ended_at, CASE WHEN t.mode = 'prototype' THEN i.ended_at END) AS call_ended_at,
                 COALESCE(CASE WHEN t.mode = 'prototype' THEN i.detail END, x.code) AS call_detail,
                 ",
            exchange_columns!(),
            "
             FROM attempts t JOIN invitations i ON i.id = t.invitation_id JOIN agents a ON a.id = t.agent_id
                 LEFT JOIN exchanges x ON x.invitation_id = t.invitation_id AND x.mode = t.mode
                     AND x.revision = t.revision
             WHERE t.agent_id = $1 AND ",
            $where
        )
    };
}

impl Store {
    /// An agent's sends, newest first.
    pub async fn delivery_log(
        &self,
        agent: AgentId,
        filter: &LogFilter,
        limit: i64,
    ) -> Result<Vec<LoggedSend>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as SendRow,
            sends_sql!(
                "t.id < $2 AND (t.started_at >= $3 OR $3 IS NULL)
                     AND (i.task_id = $4 OR $4 IS NULL) AND (t.mode = $5 OR $5 IS NULL)
                     AND (t.code = $6 OR $6 IS NULL)
                     AND (COALESCE(x.outcome, CASE WHEN t.mode = 'prototype' THEN i.outcome END, 'open') = $7
                         OR $7 IS NULL)
                 ORDER BY t.id DESC LIMIT $8"
            ),
            agent.uuid(),
            // The first page begins before the last of all ids: a bound that an index can use.
            filter.before.map_or(Uuid::max(), AttemptId::uuid),
            filter.since,
            filter.task.map(TaskId::uuid),
            filter.mode.map(Mode::name),
            &filter.code,
            filter.standing.map(Standing::name),
            limit
        )?;
        rows.into_iter().map(LoggedSend::try_from).collect()
    }

    /// One send of an agent with everything that is known of it. `None`: it is no send of this agent.
    pub async fn delivery_detail(&self, agent: AgentId, attempt: AttemptId) -> Result<Option<SendDetail>> {
        let mut c = self.read().await?;
        let row = sql!(c, fetch_optional as SendRow, sends_sql!("t.id = $2"), agent.uuid(), attempt.uuid())?;
        let Some(send) = row.map(LoggedSend::try_from).transpose()? else { return Ok(None) };
        let key = send.key();
        Ok(Some(SendDetail {
            letter: letters::load(&mut c, (send.task, send.round, key.mode, key.revision)).await?,
            result: delivered(&mut c, key).await?,
            fetches: if send.fetched { fetches(&mut c, key).await? } else { Vec::new() },
            taken: taken(&mut c, key).await?,
            removed_at: retention::removed_at(&mut c, send.task).await?,
            send,
        }))
    }

    /// The answer that was taken, as it was understood.
    pub async fn taken_answer(&self, taken: &Taken) -> Result<Answer> {
        let owner = match taken.owner {
            TakenAs::Bid(id) => id.uuid(),
            TakenAs::Delivery(id) => id.uuid(),
        };
        let mut c = self.read().await?;
        answers::load(&mut c, owner, taken.price).await?.ok_or_else(|| answers::missing(owner))
    }
}

row! {
    struct DeliveredRow {
        result_at: Timestamp,
        message_id: Option<String>,
        code: Option<String>,
        warnings: String,
        error_body: Option<String>,
    }
}

async fn delivered(c: &mut Conn, key: ExchangeKey) -> Result<Option<Delivered>> {
    let row = sql!(
        c,
        fetch_optional as DeliveredRow,
        "SELECT result_at, message_id, code, warnings, error_body FROM exchanges
         WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND result_at IS NOT NULL",
        key.invitation.uuid(),
        key.mode.name(),
        i64::from(key.revision)
    )?;
    let read = |row: DeliveredRow| {
        Ok(Delivered {
            at: row.result_at,
            message_id: row.message_id,
            code: row.code,
            warnings: json(&row.warnings, "exchanges", "warnings")?,
            error_body: row.error_body,
        })
    };
    row.map(read).transpose()
}

async fn fetches(c: &mut Conn, key: ExchangeKey) -> Result<Vec<Attempt>> {
    let rows = sql!(
        c,
        fetch_all as AttemptRow,
        "SELECT id, invitation_id, mode, revision, number, started_at, ended_at, status, code, warnings, error_body,
             trace FROM attempts
         WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND fetched ORDER BY number",
        key.invitation.uuid(),
        key.mode.name(),
        i64::from(key.revision)
    )?;
    rows.into_iter().map(Attempt::try_from).collect()
}

/// What the call's answer became. Its size is counted where it lies: a body may have megabytes.
async fn taken(c: &mut Conn, key: ExchangeKey) -> Result<Option<Taken>> {
    let row = match key.mode {
        Mode::Prototype => sql!(
            c,
            fetch_optional as (Uuid, i64, i64),
            "SELECT b.id, b.price, CAST(OCTET_LENGTH(w.full_text) + OCTET_LENGTH(w.artifacts) AS BIGINT)
             FROM bids b JOIN answers w ON w.owner_id = b.id WHERE b.invitation_id = $1",
            key.invitation.uuid()
        )?,
        Mode::Final => sql!(
            c,
            fetch_optional as (Uuid, i64, i64),
            "SELECT d.id, b.price, CAST(OCTET_LENGTH(w.full_text) + OCTET_LENGTH(w.artifacts) AS BIGINT)
             FROM deliveries d JOIN bids b ON b.id = d.bid_id JOIN answers w ON w.owner_id = d.id
             WHERE b.invitation_id = $1 AND d.revision = $2",
            key.invitation.uuid(),
            i64::from(key.revision)
        )?,
    };
    let read = |(id, price, bytes): (Uuid, i64, i64)| {
        let owner = match key.mode {
            Mode::Prototype => TakenAs::Bid(BidId::from_uuid(id)),
            Mode::Final => TakenAs::Delivery(DeliveryId::from_uuid(id)),
        };
        Ok(Taken { owner, bytes: number(bytes, "answers", "full_text")?, price: Money::from_minor(price) })
    };
    row.map(read).transpose()
}
