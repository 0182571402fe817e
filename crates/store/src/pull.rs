//! Workers that fetch: leases on exchanges. A lease that ends gives the exchange to nobody else, for it is that agent's;
//! it only lets it be fetched again.

use crate::db::{row, sql};
use crate::exchanges::begun;
use crate::rows::{number, word};
use crate::{Error, Result, Store, attempts, exchanges, letters, locks};
use chrono::TimeDelta;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::Attempt;
use gavel_domain::limits::FETCHES_MAX;
use gavel_domain::{AgentId, AttemptId, DeveloperId, InvitationId, TaskId, Timestamp};
use uuid::Uuid;

/// Who asks for work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Whose agents it works for.
    pub developer: DeveloperId,
    /// With a test key: for test agents.
    pub test: bool,
    /// For this one alone (its short name), or for all.
    pub agent: Option<String>,
}

/// A brief that a worker has for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What it is asked.
    pub key: ExchangeKey,
    /// The agent's short name.
    pub agent: String,
    /// The envelope, as every agent of the round is sent it.
    pub envelope: String,
    /// The number of this lease.
    pub lease: u32,
    /// Until when it holds without a heartbeat.
    pub lease_until: Timestamp,
    /// When the result must be in.
    pub deadline_at: Timestamp,
}

/// What became of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// The lease holds until then; the result must be in by the deadline.
    Held {
        /// Until when the lease holds.
        lease_until: Timestamp,
        /// When the result must be in.
        deadline_at: Timestamp,
    },
    /// It is not held: another worker has fetched the invitation since, or the lease was never given.
    Lost {
        /// The number of the lease that was given last.
        present: u32,
    },
    /// Nobody waits for the result any more.
    Over,
}

row! {
    struct FreeRow {
        invitation_id: Uuid,
        mode: String,
        revision: i64,
        task_id: Uuid,
        round: i64,
        agent_id: Uuid,
        slug: String,
        deadline_at: Timestamp,
    }
}

/// `last_probe` and `seen_at` are exact to this: a polling worker is not a write per poll.
const SEEN_PRECISION: TimeDelta = TimeDelta::seconds(10);

impl Store {
    /// Leases up to `most` briefs, the most urgent first, as far as their agents have places free.
    pub async fn fetch(
        &self,
        worker: &Worker,
        (most, lease): (usize, TimeDelta),
        now: Timestamp,
        fresh: impl Fn() -> AttemptId + Send,
    ) -> Result<Vec<Fetched>> {
        let mut fetched = Vec::new();
        for free in self.free(worker, now).await? {
            if fetched.len() == most {
                break;
            }
            fetched.extend(self.lease(&free, lease, now, fresh()).await?);
        }
        Ok(fetched)
    }

    /// The agents a worker works for: also those that are asked in another way now, while briefs of before are open.
    pub async fn agents_of_worker(&self, worker: &Worker) -> Result<Vec<AgentId>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (Uuid,),
            "SELECT a.id FROM agents a WHERE a.developer_id = $1 AND a.test = $2 AND (a.slug = $3 OR $3 IS NULL)
                 AND (a.execution_mode = 'pull' OR EXISTS (SELECT 1 FROM exchanges x
                     WHERE x.agent_id = a.id AND x.execution_mode = 'pull' AND x.ended_at IS NULL))
             ORDER BY a.id",
            worker.developer.uuid(),
            worker.test,
            &worker.agent
        )?;
        Ok(rows.into_iter().map(|(id,)| AgentId::from_uuid(id)).collect())
    }

    /// What a worker could fetch; an idle poll never takes the write lock.
    async fn free(&self, worker: &Worker, now: Timestamp) -> Result<Vec<FreeRow>> {
        let mut c = self.read().await?;
        sql!(
            c,
            fetch_all as FreeRow,
            concat!(
                "SELECT x.invitation_id, x.mode, x.revision, i.task_id, i.round, a.id AS agent_id, a.slug, x.deadline_at
             FROM agents a JOIN exchanges x ON x.agent_id = a.id JOIN invitations i ON i.id = x.invitation_id
             WHERE a.developer_id = $1 AND a.test = $2 AND (a.slug = $3 OR $3 IS NULL)
                 AND x.execution_mode = 'pull' AND x.ended_at IS NULL AND x.deadline_at > $4
                 AND (x.lease_until IS NULL OR x.lease_until <= $4) AND x.lease < $5
                 AND (x.began_at IS NOT NULL OR ",
                begun!("a.id", "$4"),
                " < a.max_concurrency)
             ORDER BY x.deadline_at, x.invitation_id LIMIT 64"
            ),
            worker.developer.uuid(),
            worker.test,
            &worker.agent,
            now,
            i64::from(FETCHES_MAX)
        )
    }

    /// Takes the agent's place and the lease, or nothing when somebody was faster or the agent is busy.
    async fn lease(
        &self,
        free: &FreeRow,
        lease: TimeDelta,
        now: Timestamp,
        attempt: AttemptId,
    ) -> Result<Option<Fetched>> {
        let (task, round) = (TaskId::from_uuid(free.task_id), number(free.round, "invitations", "round")?);
        let key = ExchangeKey {
            invitation: InvitationId::from_uuid(free.invitation_id),
            mode: word(&free.mode, "exchanges", "mode")?,
            revision: number(free.revision, "exchanges", "revision")?,
        };
        let until = free.deadline_at.min(now + lease);
        let mut tx = self.begin().await?;
        locks::task(&mut tx, task).await?;
        locks::agents(&mut tx, task).await?;
        if !exchanges::take_place(&mut tx, key, now).await? {
            return Ok(None);
        }
        exchanges::others_have_to_wait(&mut tx, AgentId::from_uuid(free.agent_id), now).await?;
        let row = sql!(
            tx,
            fetch_optional as (i64,),
            "UPDATE exchanges SET lease = lease + 1, lease_until = $4
             WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND ended_at IS NULL
                 AND (lease_until IS NULL OR lease_until <= $5) RETURNING lease",
            key.invitation.uuid(),
            key.mode.name(),
            i64::from(key.revision),
            until,
            now
        )?;
        let Some((number_of_lease,)) = row else { return Ok(None) };
        let lease = number(number_of_lease, "exchanges", "lease")?;
        let ExchangeKey { invitation, mode, revision } = key;
        let (id, started_at) = (attempt, now);
        let fetch = Attempt { id, invitation, mode, revision, number: lease, started_at, result: None };
        attempts::insert_fetch(&mut tx, &fetch).await?;
        let envelope = letters::load(&mut tx, (task, round, key.mode, key.revision)).await?;
        let envelope = envelope.ok_or_else(|| Error::Inconsistent {
            table: "letters",
            column: "body",
            problem: format!("{key} has no letter"),
        })?;
        tx.commit().await?;
        let (agent, deadline_at) = (free.slug.clone(), free.deadline_at);
        Ok(Some(Fetched { key, agent, envelope, lease, lease_until: until, deadline_at }))
    }

    /// Holds a lease longer.
    pub async fn heartbeat(
        &self,
        key: ExchangeKey,
        lease: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Beat> {
        let mut tx = self.begin().await?;
        let exchange = crate::dispatches::exchange(&mut tx, key).await?;
        let Some(exchange) = exchange.filter(|x| x.ended.is_none() && x.deadline_at > now) else {
            return Ok(Beat::Over);
        };
        if exchange.lease != lease || exchange.execution_mode != ExecutionMode::Pull {
            return Ok(Beat::Lost { present: exchange.lease });
        }
        let lease_until = until.min(exchange.deadline_at);
        let held = sql!(
            tx,
            execute,
            "UPDATE exchanges SET lease_until = $5
             WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND lease = $4 AND ended_at IS NULL",
            key.invitation.uuid(),
            key.mode.name(),
            i64::from(key.revision),
            i64::from(lease),
            lease_until
        )?;
        if held == 0 {
            return Ok(Beat::Lost { present: exchange.lease });
        }
        tx.commit().await?;
        Ok(Beat::Held { lease_until, deadline_at: exchange.deadline_at })
    }

    /// Notes that a worker asked for work: for agents without an address, polling is what a probe is for others.
    pub async fn seen(&self, worker: &Worker, now: Timestamp) -> Result<()> {
        let mut c = self.read().await?;
        let stale = sql!(
            c,
            fetch_all as (Uuid,),
            "SELECT a.id FROM agents a WHERE a.developer_id = $1 AND a.test = $2 AND (a.slug = $3 OR $3 IS NULL)
                 AND a.execution_mode = 'pull' AND (a.seen_at IS NULL OR a.seen_at <= $4) ORDER BY a.id",
            worker.developer.uuid(),
            worker.test,
            &worker.agent,
            now - SEEN_PRECISION
        )?;
        drop(c);
        if stale.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for (agent,) in stale {
            sql!(
                tx,
                execute,
                // Who had been missed is looked at again at once.
                "UPDATE agents SET seen_at = $2,
                     next_probe_at = CASE WHEN last_probe = 'passing' THEN next_probe_at ELSE $2 END
                 WHERE id = $1",
                agent,
                now
            )?;
        }
        tx.commit().await
    }
}
