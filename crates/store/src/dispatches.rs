//! Invitations with everything that is needed to make their calls.

use crate::agents::probe;
use crate::db::{Conn, row, sql};
use crate::exchanges::{ExchangeRow, exchange_columns};
use crate::rows::{number, word};
use crate::secrets::SealedSecrets;
use crate::{Error, Result, Store};
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::{Exchange, ExchangeKey};
use gavel_domain::invitation::{Ending, Invitation, Mode, Probe};
use gavel_domain::{AgentId, AttemptId, DeveloperId, InvitationId, TaskId, Timestamp};
use uuid::Uuid;

const T: &str = "invitations";

/// An invitation with what is needed to send it.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// The invitation.
    pub invitation: Invitation,
    /// The agent's short name, for logs and events.
    pub agent_slug: String,
    /// Whether it is a test agent.
    pub test: bool,
    /// How it is asked.
    pub execution_mode: ExecutionMode,
    /// Where the POST goes; empty for an agent whose worker fetches.
    pub endpoint_url: String,
    /// Calls it takes at once.
    pub max_concurrency: u32,
    /// The developer's `ait_` key, sealed.
    pub sealed_key: Vec<u8>,
    /// The developer, as the sealing context of its key.
    pub developer: DeveloperId,
    /// The agent's signing secrets, sealed.
    pub secrets: SealedSecrets,
    /// What the agent's last health probe said.
    pub last_probe: Probe,
    /// The exchange of the mode and revision that were asked for; `None` before a final call is begun.
    pub exchange: Option<Exchange>,
    /// Sends made so far for this mode and revision, with the latest of them.
    pub sends: u32,
    /// The latest attempt, when it has not ended.
    pub open_attempt: Option<AttemptId>,
}

impl Dispatch {
    /// Whether passing the deadline is the agent's own doing: not when a send before was lost, and time with it.
    pub fn has_all_its_time(&self) -> bool {
        self.open_attempt.is_none() && self.exchange.as_ref().is_none_or(|x| x.deadline_is_own_limit)
    }

    /// Whether the result of an open exchange is awaited at our door, and no send of ours decides what comes next.
    pub fn awaits_the_door(&self) -> bool {
        let open = self.exchange.as_ref().filter(|exchange| exchange.ended.is_none());
        open.is_some_and(|exchange| !exchange.awaits_send(self.sends))
    }
}

row! {
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
        test: bool,
        agent_mode: String,
        endpoint_url: String,
        max_concurrency: i64,
        developer_id: Uuid,
        sealed_key: Vec<u8>,
        sealed_secret: Vec<u8>,
        pending_secret: Option<Vec<u8>>,
        promotes_at: Option<Timestamp>,
        last_probe: String,
        sends: i64,
        open_attempt: Option<Uuid>,
        #[flatten]
        exchange: ExchangeRow,
    }
}

impl TryFrom<DispatchRow> for Dispatch {
    type Error = Error;
    fn try_from(row: DispatchRow) -> Result<Self> {
        let agent = AgentId::from_uuid(row.agent_id);
        let ended = match (row.outcome, row.ended_at) {
            (Some(outcome), Some(at)) => {
                Some(Ending { outcome: word(&outcome, T, "outcome")?, detail: row.detail, at })
            }
            _ => None,
        };
        let exchange = row.exchange.exchange(InvitationId::from_uuid(row.id), agent)?;
        let execution_mode = match &exchange {
            Some(exchange) => exchange.execution_mode,
            None => word(&row.agent_mode, "agents", "execution_mode")?,
        };
        Ok(Dispatch {
            invitation: Invitation {
                id: InvitationId::from_uuid(row.id),
                task: TaskId::from_uuid(row.task_id),
                round: number(row.round, T, "round")?,
                agent,
                created_at: row.created_at,
                deadline_at: row.deadline_at,
                deadline_is_own_limit: row.own_limit,
                boosted: row.boosted,
                ended,
            },
            agent_slug: row.slug,
            test: row.test,
            execution_mode,
            endpoint_url: row.endpoint_url,
            max_concurrency: number(row.max_concurrency, "agents", "max_concurrency")?,
            developer: DeveloperId::from_uuid(row.developer_id),
            sealed_key: row.sealed_key,
            secrets: SealedSecrets {
                current: row.sealed_secret,
                pending: row.pending_secret.zip(row.promotes_at),
            },
            last_probe: probe(&row.last_probe),
            exchange,
            sends: number(row.sends, "attempts", "number")?,
            open_attempt: row.open_attempt.map(AttemptId::from_uuid),
        })
    }
}

macro_rules! dispatch_sql {
    ($where:literal) => {
        concat!(
            "SELECT i.id, i.task_id, i.round, i.agent_id, i.created_at, i.deadline_at, i.own_limit, i.boosted,
                 i.outcome, i.detail, i.ended_at, a.slug, a.test, a.execution_mode AS agent_mode, a.endpoint_url,
                 a.max_concurrency, a.developer_id, d.sealed_key, a.sealed_secret, a.pending_secret, a.promotes_at,
                 a.last_probe,
                 (SELECT COUNT(*) FROM attempts t WHERE t.invitation_id = i.id AND t.mode = $2 AND t.revision = $3)
                     AS sends,
                 (SELECT t.id FROM attempts t WHERE t.invitation_id = i.id AND t.mode = $2 AND t.revision = $3
                     AND t.ended_at IS NULL ORDER BY t.number DESC LIMIT 1) AS open_attempt,
                 ",
            exchange_columns!(),
            "
             FROM invitations i JOIN agents a ON a.id = i.agent_id JOIN developers d ON d.id = a.developer_id
                 LEFT JOIN exchanges x ON x.invitation_id = i.id AND x.mode = $2 AND x.revision = $3
             WHERE ",
            $where,
            " ORDER BY i.id"
        )
    };
}

/// The invitations of a round.
pub(crate) async fn of_round(c: &mut Conn, task: TaskId, round: u32) -> Result<Vec<Dispatch>> {
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

/// One exchange, inside a transaction.
pub(crate) async fn exchange(c: &mut Conn, key: ExchangeKey) -> Result<Option<Exchange>> {
    let row = sql!(
        c,
        fetch_optional as OneExchange,
        concat!(
            "SELECT x.agent_id, ",
            exchange_columns!(),
            " FROM exchanges x WHERE x.invitation_id = $1 AND x.mode = $2 AND x.revision = $3"
        ),
        key.invitation.uuid(),
        key.mode.name(),
        i64::from(key.revision)
    )?;
    match row {
        Some(row) => row.exchange.exchange(key.invitation, AgentId::from_uuid(row.agent_id)),
        None => Ok(None),
    }
}

row! {
    struct OneExchange {
        agent_id: Uuid,
        #[flatten]
        exchange: ExchangeRow,
    }
}

impl Store {
    /// The invitations of a round, with what is needed to send those that are open.
    pub async fn dispatches(&self, task: TaskId, round: u32) -> Result<Vec<Dispatch>> {
        of_round(&mut self.read().await?, task, round).await
    }

    /// One invitation, as one of its calls needs it.
    pub async fn dispatch(&self, key: ExchangeKey) -> Result<Option<Dispatch>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as DispatchRow,
            dispatch_sql!("i.id = $1"),
            key.invitation.uuid(),
            key.mode.name(),
            i64::from(key.revision)
        )?;
        row.map(Dispatch::try_from).transpose()
    }
}
