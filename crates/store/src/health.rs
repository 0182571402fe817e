//! When agents are probed, and what came of it. A probe is claimed before it leaves, so that replicas do not probe the
//! same agent twice; the time of the claim guards the result, so that an older one never writes over a newer one.

use crate::agents::probe;
use crate::db::{Conn, row, sql};
use crate::rows::{json, number, word};
use crate::{Deed, Error, Guarded, Result, Store};
use gavel_domain::agent::{ExecutionMode, Visibility};
use gavel_domain::health::{Change, Health, Registered, Verdict};
use gavel_domain::invitation::Probe;
use gavel_domain::{AgentId, Timestamp};
use uuid::Uuid;

const T: &str = "agents";

row! {
    /// The columns that say how an agent is doing.
    pub(crate) struct HealthRow {
        health_fails: i64,
        last_probe: String,
        probed_at: Option<Timestamp>,
        failing_since: Option<Timestamp>,
        probe_problem: Option<String>,
        version: Option<String>,
        drift: Option<String>,
    }
}

impl TryFrom<HealthRow> for Health {
    type Error = Error;
    fn try_from(row: HealthRow) -> Result<Self> {
        Ok(Health {
            fails: number(row.health_fails, T, "health_fails")?,
            last_probe: probe(&row.last_probe),
            probed_at: row.probed_at,
            failing_since: row.failing_since,
            problem: row.probe_problem,
            version: row.version,
            drift: row.drift,
        })
    }
}

/// When a claimed probe counts as lost, and what counts as old.
#[derive(Debug, Clone, Copy)]
pub struct ProbeTimes {
    /// Now: the claim carries this time, and with it the result.
    pub now: Timestamp,
    /// Without a result by then, the agent is probed again.
    pub lost_at: Timestamp,
    /// An agent that was last probed before this is no longer known to have failed all the while.
    pub unwatched_since: Timestamp,
}

/// A probe to be made now, by us alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueProbe {
    /// Of whom.
    pub agent: AgentId,
    /// What it is held against.
    pub registered: Registered,
    /// Where its POSTs go.
    pub endpoint_url: String,
    /// How it wants to be asked: a worker that fetches has no endpoint.
    pub execution_mode: ExecutionMode,
    /// When its worker last asked for work.
    pub seen_at: Option<Timestamp>,
    /// When the probe was claimed: its result is stored under this time.
    pub asked_at: Timestamp,
}

row! {
    struct DueRow {
        id: Uuid,
        slug: String,
        capabilities: String,
        endpoint_url: String,
        execution_mode: String,
        seen_at: Option<Timestamp>,
        probed_at: Timestamp,
    }
}

impl TryFrom<DueRow> for DueProbe {
    type Error = Error;
    fn try_from(row: DueRow) -> Result<Self> {
        Ok(DueProbe {
            agent: AgentId::from_uuid(row.id),
            registered: Registered {
                slug: row.slug,
                capabilities: json(&row.capabilities, T, "capabilities")?,
            },
            endpoint_url: row.endpoint_url,
            execution_mode: word(&row.execution_mode, T, "execution_mode")?,
            seen_at: row.seen_at,
            asked_at: row.probed_at,
        })
    }
}

/// Who is probed at all. Not those that cannot be asked: nobody learns anything from an agent that is a draft, and one
/// that is paused may be down on purpose, which must not count. A hidden one waits for an operator, not for a probe;
/// the operator's move makes it due at once. `coming_soon` is probed, so that it opens with a known state; and whoever is
/// benchmarked is, as with real tasks.
macro_rules! watched {
    () => {
        "(active AND NOT paused AND visibility IN ('live', 'beta', 'coming_soon')
          OR id IN (SELECT r.agent_id FROM benchmark_runs r WHERE r.status = 'running'))"
    };
}

macro_rules! due {
    ($lock:literal) => {
        concat!(
            "SELECT id FROM agents WHERE next_probe_at <= $1 AND ",
            watched!(),
            " ORDER BY next_probe_at LIMIT $2",
            $lock
        )
    };
}

macro_rules! stale {
    ($lock:literal) => {
        concat!(
            "SELECT id FROM agents WHERE id = $1 AND (probed_at IS NULL OR probed_at <= $2) AND ",
            watched!(),
            $lock
        )
    };
}

impl Store {
    /// Claims up to `most` probes whose time has come: those that are due longest, in no order. An agent whose row cannot
    /// be read holds up no other: it is claimed, too, told of as an error when it is alone, and due again when its probe
    /// counts as lost.
    pub async fn claim_probes(&self, times: ProbeTimes, most: u32) -> Result<Vec<DueProbe>> {
        let mut c = self.read().await?;
        let waiting = sql!(
            c,
            fetch_optional as (Uuid,),
            concat!("SELECT id FROM agents WHERE next_probe_at <= $1 AND ", watched!(), " LIMIT 1"),
            times.now
        )?;
        drop(c); // an idle loop never takes the write lock
        if waiting.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let due = sql!(
            tx,
            fetch_all as (Uuid,),
            // SQLite has one writer; only PostgreSQL needs row locks, and skips rows that others are claiming.
            { sqlite: due!(""), postgres: due!(" FOR NO KEY UPDATE SKIP LOCKED") },
            times.now,
            i64::from(most)
        )?;
        let (mut claimed, mut unreadable) = (Vec::with_capacity(due.len()), None);
        for (agent,) in due {
            match DueProbe::try_from(claim(&mut tx, agent, times).await?) {
                Ok(due) => claimed.push(due),
                Err(error) => unreadable = Some(error),
            }
        }
        tx.commit().await?;
        match unreadable {
            Some(error) if claimed.is_empty() => Err(error),
            _ => Ok(claimed),
        }
    }

    /// Claims a probe of one agent if its last one began at `stale_since` or before, whether it is due or not.
    pub async fn claim_probe_of(
        &self,
        agent: AgentId,
        times: ProbeTimes,
        stale_since: Timestamp,
    ) -> Result<Option<DueProbe>> {
        if !self.is_stale(agent, stale_since).await? {
            return Ok(None); // as nearly always under load: no write lock for that
        }
        let mut tx = self.begin().await?;
        let stale = sql!(
            tx,
            fetch_optional as (Uuid,),
            { sqlite: stale!(""), postgres: stale!(" FOR NO KEY UPDATE SKIP LOCKED") },
            agent.uuid(),
            stale_since
        )?;
        let Some((agent,)) = stale else { return Ok(None) };
        let claimed = claim(&mut tx, agent, times).await?;
        tx.commit().await?;
        DueProbe::try_from(claimed).map(Some)
    }

    /// An operator moves a hidden agent back to where it is seen. It is probed at once, and asked when that passes. `false`:
    /// there is no hidden agent of this name.
    pub async fn unhide(&self, slug: &str, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let changed = sql!(
            tx,
            execute,
            "UPDATE agents SET visibility = 'live', next_probe_at = $2 WHERE slug = $1 AND visibility = 'hidden'",
            slug,
            now
        )?;
        tx.commit().await?;
        Ok(changed == 1)
    }

    async fn is_stale(&self, agent: AgentId, since: Timestamp) -> Result<bool> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (Uuid,),
            "SELECT id FROM agents WHERE id = $1 AND (probed_at IS NULL OR probed_at <= $2)",
            agent.uuid(),
            since
        )?;
        Ok(row.is_some())
    }

    /// Stores what a probe led to, and says what that changed. [`Guarded::Lost`]: a newer probe was claimed meanwhile,
    /// and its word counts.
    pub async fn record_probe(
        &self,
        probe: &DueProbe,
        judge: impl FnOnce(Health) -> Verdict,
    ) -> Result<Guarded<Option<Change>>> {
        let mut tx = self.begin().await?;
        let Some(before) = held_health(&mut tx, probe).await? else {
            tx.rollback().await?;
            return Ok(Guarded::Lost);
        };
        let verdict = judge(before);
        write(&mut tx, probe.agent, &verdict).await?;
        tx.commit().await?;
        Ok(Guarded::Done(verdict.change))
    }
}

impl Deed {
    /// An operator says who may see and ask an agent, and why; gives what it was before, or `None` where there is no such
    /// agent (of this world, when one is named). One that may be asked is probed at once. The developer of a hidden one reads why.
    pub async fn set_visibility(
        &mut self,
        (slug, test): (&str, Option<bool>),
        visibility: Visibility,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Visibility>> {
        const SELECT: &str = "SELECT visibility FROM agents WHERE slug = $1 AND (test = $2 OR $2 IS NULL)";
        const LOCKED: &str =
            "SELECT visibility FROM agents WHERE slug = $1 AND (test = $2 OR $2 IS NULL) FOR NO KEY UPDATE";
        let before =
            sql!(self.tx, fetch_optional as (String,), { sqlite: SELECT, postgres: LOCKED }, slug, test)?;
        let Some((before,)) = before else { return Ok(None) };
        let hidden =
            (visibility == Visibility::Hidden).then(|| format!("an operator has hidden it: {reason}"));
        sql!(
            self.tx,
            execute,
            "UPDATE agents SET visibility = $2, next_probe_at = $3,
                 probe_problem = CASE WHEN $2 = 'hidden' THEN $4 WHEN visibility = 'hidden' THEN NULL ELSE probe_problem END
             WHERE slug = $1",
            slug,
            visibility.name(),
            now,
            hidden
        )?;
        word(&before, "agents", "visibility").map(Some)
    }
}

/// As it stands, when no newer probe was claimed; the row is ours until the end of the transaction.
async fn held_health(c: &mut Conn, probe: &DueProbe) -> Result<Option<Health>> {
    const SELECT: &str =
        "SELECT health_fails, last_probe, probed_at, failing_since, probe_problem, version, drift
         FROM agents WHERE id = $1 AND probed_at = $2";
    const LOCKED: &str =
        "SELECT health_fails, last_probe, probed_at, failing_since, probe_problem, version, drift
         FROM agents WHERE id = $1 AND probed_at = $2 FOR NO KEY UPDATE";
    let row = sql!(
        c,
        fetch_optional as HealthRow,
        { sqlite: SELECT, postgres: LOCKED },
        probe.agent.uuid(),
        probe.asked_at
    )?;
    row.map(TryFrom::try_from).transpose()
}

/// Writes the claim of a probe of an agent whose row is locked.
async fn claim(c: &mut Conn, agent: Uuid, times: ProbeTimes) -> Result<DueRow> {
    Ok(sql!(
        c,
        fetch_one as DueRow,
        "UPDATE agents SET probed_at = $1, next_probe_at = $2,
             failing_since = CASE WHEN probed_at < $3 THEN NULL ELSE failing_since END
         WHERE id = $4 RETURNING id, slug, capabilities, endpoint_url, execution_mode, seen_at, probed_at",
        times.now,
        times.lost_at,
        times.unwatched_since,
        agent
    )?)
}

/// The developer may have made a draft of it meanwhile: only what can be asked is hidden.
async fn write(c: &mut Conn, agent: AgentId, verdict: &Verdict) -> Result<()> {
    let health = &verdict.health;
    sql!(
        c,
        execute,
        "UPDATE agents SET health_fails = $2, last_probe = $3, failing_since = $4, probe_problem = $5, version = $6,
             drift = $7, next_probe_at = $8,
             visibility = CASE WHEN $9 AND visibility IN ('live', 'beta', 'coming_soon') THEN 'hidden'
                 ELSE visibility END
         WHERE id = $1",
        agent.uuid(),
        i64::from(health.fails),
        name(health.last_probe),
        health.failing_since,
        &health.problem,
        &health.version,
        &health.drift,
        verdict.next_at,
        verdict.change == Some(Change::Hidden)
    )?;
    Ok(())
}

fn name(probe: Probe) -> &'static str {
    match probe {
        Probe::Passing => "passing",
        Probe::Failing => "failing",
        Probe::Unknown => "unknown",
    }
}
