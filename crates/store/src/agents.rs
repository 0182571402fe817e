//! Agents, what they can do, and what triage needs to know of them.

use crate::db::{Conn, row, sql};
use crate::health::HealthRow;
use crate::rows::{json, number, to_json, word};
use crate::{Deed, Error, Result, Store, exchanges, locks};
use gavel_domain::agent::{Agent, Record};
use gavel_domain::invitation::Probe;
use gavel_domain::{AgentId, DeveloperId, Money, Timestamp};
use uuid::Uuid;

const T: &str = "agents";

/// Agents that are read at once where all are looked through.
const READ_AT_ONCE: i64 = 500;

/// Everything that [`AgentRow`] reads, of a table called `a`.
macro_rules! agent_columns {
    () => {
        "a.id, a.draw_number, a.developer_id, a.test, a.name, a.slug, a.description, a.capabilities,
         a.specialist_types, a.framework, a.model, a.endpoint_url, a.execution_mode, a.max_concurrency,
         a.min_price, a.active, a.visibility, a.paused, a.health_fails, a.last_probe, a.probed_at,
         a.failing_since, a.probe_problem, a.version, a.drift, a.created_at, a.activated_at, a.real_tasks,
         a.recent, a.last_active_at"
    };
}
pub(crate) use agent_columns;

row! {
    pub(crate) struct AgentRow {
        id: Uuid,
        draw_number: i64,
        developer_id: Uuid,
        test: bool,
        name: String,
        slug: String,
        description: String,
        capabilities: String,
        specialist_types: String,
        framework: Option<String>,
        model: Option<String>,
        endpoint_url: String,
        execution_mode: String,
        max_concurrency: i64,
        min_price: i64,
        active: bool,
        visibility: String,
        paused: bool,
        #[flatten]
        health: HealthRow,
        created_at: Timestamp,
        activated_at: Option<Timestamp>,
        real_tasks: i64,
        recent: String,
        last_active_at: Option<Timestamp>,
    }
}

impl AgentRow {
    pub(crate) const fn id(&self) -> Uuid {
        self.id
    }
}

impl TryFrom<AgentRow> for (Agent, Record) {
    type Error = Error;
    fn try_from(row: AgentRow) -> Result<Self> {
        let record = Record {
            real_tasks: number(row.real_tasks, T, "real_tasks")?,
            recent: row.recent.chars().map(|c| c == '1').collect(),
            last_active_at: row.last_active_at,
        };
        let agent = Agent {
            id: AgentId::from_uuid(row.id),
            draw_number: row.draw_number.cast_unsigned(),
            developer: DeveloperId::from_uuid(row.developer_id),
            test: row.test,
            name: row.name,
            slug: row.slug,
            description: row.description,
            capabilities: json(&row.capabilities, T, "capabilities")?,
            specialist_task_types: json(&row.specialist_types, T, "specialist_types")?,
            framework: row.framework,
            model: row.model,
            endpoint_url: row.endpoint_url,
            execution_mode: word(&row.execution_mode, T, "execution_mode")?,
            max_concurrency: number(row.max_concurrency, T, "max_concurrency")?,
            min_price: Money::from_minor(row.min_price),
            active: row.active,
            visibility: word(&row.visibility, T, "visibility")?,
            paused: row.paused,
            health: row.health.try_into()?,
            created_at: row.created_at,
            activated_at: row.activated_at,
        };
        Ok((agent, record))
    }
}

pub(crate) fn probe(word: &str) -> Probe {
    match word {
        "passing" => Probe::Passing,
        "failing" => Probe::Failing,
        _ => Probe::Unknown,
    }
}

impl Deed {
    /// Stores an agent with its sealed signing secret. [`Error::Taken`] when the slug is in use.
    pub async fn add_agent(&mut self, agent: &Agent, sealed_secret: &[u8]) -> Result<()> {
        let added = sql!(
            self.tx,
            execute,
            "INSERT INTO agents (id, draw_number, developer_id, test, name, slug, description, capabilities,
                 specialist_types, framework, model, endpoint_url, execution_mode, max_concurrency, min_price,
                 active, visibility, paused, sealed_secret, created_at, activated_at,
                 next_probe_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                 $20)
             ON CONFLICT (slug) DO NOTHING",
            agent.id.uuid(),
            agent.draw_number.cast_signed(),
            agent.developer.uuid(),
            agent.test,
            &agent.name,
            &agent.slug,
            &agent.description,
            to_json(&agent.capabilities, T, "capabilities")?,
            to_json(&agent.specialist_task_types, T, "specialist_types")?,
            &agent.framework,
            &agent.model,
            &agent.endpoint_url,
            agent.execution_mode.name(),
            i64::from(agent.max_concurrency),
            agent.min_price.minor(),
            agent.active,
            agent.visibility.name(),
            agent.paused,
            sealed_secret,
            agent.created_at,
            agent.activated_at
        )?;
        if added == 0 {
            return Err(Error::Taken { what: "the slug" });
        }
        set_capabilities(&mut self.tx, agent).await
    }

    /// An agent as it is now, and stays until this is done.
    pub async fn agent(&mut self, id: AgentId) -> Result<Option<Agent>> {
        locks::agent(&mut self.tx, id).await?;
        let row = sql!(
            self.tx,
            fetch_optional as AgentRow,
            concat!("SELECT ", agent_columns!(), " FROM agents a WHERE a.id = $1"),
            id.uuid()
        )?;
        Ok(row.map(<(Agent, Record)>::try_from).transpose()?.map(|(agent, _)| agent))
    }

    /// Writes what a developer may change of its agent. What was hidden meanwhile stays so: that is not its to change.
    /// A new address, or way to be asked, is probed at once.
    pub async fn update_agent(&mut self, agent: &Agent, now: Timestamp) -> Result<()> {
        sql!(
            self.tx,
            execute,
            "UPDATE agents SET name = $2, description = $3, capabilities = $4, specialist_types = $5,
                 framework = $6, model = $7, endpoint_url = $8, max_concurrency = $9, min_price = $10,
                 visibility = CASE WHEN visibility = 'hidden' THEN visibility ELSE $11 END, paused = $12,
                 execution_mode = $13,
                 -- of another address, or of a worker, nothing is known
                 probed_at = CASE WHEN endpoint_url = $8 AND execution_mode = $13 THEN probed_at END,
                 next_probe_at = CASE WHEN endpoint_url = $8 AND execution_mode = $13 THEN next_probe_at
                     ELSE created_at END
             WHERE id = $1",
            agent.id.uuid(),
            &agent.name,
            &agent.description,
            to_json(&agent.capabilities, T, "capabilities")?,
            to_json(&agent.specialist_task_types, T, "specialist_types")?,
            &agent.framework,
            &agent.model,
            &agent.endpoint_url,
            i64::from(agent.max_concurrency),
            agent.min_price.minor(),
            agent.visibility.name(),
            agent.paused,
            agent.execution_mode.name()
        )?;
        exchanges::others_have_to_wait(&mut self.tx, agent.id, now).await?; // it may take fewer now
        set_capabilities(&mut self.tx, agent).await
    }
}

impl Store {
    /// A developer's agents with their records, oldest first.
    pub async fn agents_of(&self, developer: DeveloperId, test: bool) -> Result<Vec<(Agent, Record)>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as AgentRow,
            concat!(
                "SELECT ",
                agent_columns!(),
                " FROM agents a WHERE a.developer_id = $1 AND a.test = $2 ORDER BY a.id"
            ),
            developer.uuid(),
            test
        )?;
        rows.into_iter().map(TryFrom::try_from).collect()
    }

    /// One agent with its record.
    pub async fn agent(&self, id: AgentId) -> Result<Option<(Agent, Record)>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as AgentRow,
            concat!("SELECT ", agent_columns!(), " FROM agents a WHERE a.id = $1"),
            id.uuid()
        )?;
        row.map(TryFrom::try_from).transpose()
    }
}

/// Agents that cannot be read, and why; `most` at most.
pub(crate) async fn unreadable(c: &mut Conn, most: usize) -> Result<Vec<(Uuid, Error)>> {
    let (mut found, mut after) = (Vec::new(), Uuid::nil());
    while found.len() < most {
        let rows = sql!(
            c,
            fetch_all as AgentRow,
            concat!("SELECT ", agent_columns!(), " FROM agents a WHERE a.id > $1 ORDER BY a.id LIMIT $2"),
            after,
            READ_AT_ONCE
        )?;
        let Some(last) = rows.last().map(|row| row.id) else { break };
        let rings = sql!(
            c,
            fetch_all as (Uuid, String),
            "SELECT agent_id, scores FROM standings WHERE agent_id > $1 AND agent_id <= $2",
            after,
            last
        )?;
        for row in rows {
            let agent = row.id;
            found.extend(<(Agent, Record)>::try_from(row).err().map(|error| (agent, error)));
        }
        found.extend(rings.iter().filter_map(|(agent, text)| Some((*agent, ring(text).err()?))));
        after = last;
    }
    found.truncate(most);
    Ok(found)
}

/// What stays declared keeps what it has come to.
async fn set_capabilities(c: &mut Conn, agent: &Agent) -> Result<()> {
    let before = sql!(
        c,
        fetch_all as (String,),
        "SELECT category FROM agent_capabilities WHERE agent_id = $1",
        agent.id.uuid()
    )?;
    for (gone,) in before.iter().filter(|(category,)| !agent.capabilities.contains(category)) {
        sql!(
            c,
            execute,
            "DELETE FROM agent_capabilities WHERE agent_id = $1 AND category = $2",
            agent.id.uuid(),
            gone
        )?;
    }
    for category in &agent.capabilities {
        sql!(
            c,
            execute,
            "INSERT INTO agent_capabilities (agent_id, category) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            agent.id.uuid(),
            category
        )?;
    }
    Ok(())
}

/// An agent's last scores, oldest first.
pub(crate) fn ring(text: &str) -> Result<Vec<u32>> {
    json(text, "standings", "scores")
}
