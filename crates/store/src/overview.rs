//! What an operator looks for over all accounts: which tasks and agents there are, and whose.

use crate::db::{Conn, row, sql};
use crate::rows::{json, number, word};
use crate::{Error, Result, Store};
use gavel_domain::agent::Visibility;
use gavel_domain::ladder::Tier;
use gavel_domain::ledger::{LedgerAccount, TransferKind};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{AccountId, AgentId, DeveloperId, Money, TaskId, Timestamp};
use std::collections::BTreeMap;
use std::str::FromStr;
use uuid::Uuid;

/// Which tasks are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// In this state alone.
    pub state: Option<TaskState>,
    /// Of the account of this name alone.
    pub account: Option<String>,
    /// Older than this one.
    pub before: Option<TaskId>,
}

/// A task as a line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTask {
    /// Its id.
    pub id: TaskId,
    /// The name of its account.
    pub account: String,
    /// Made with a test key.
    pub test: bool,
    /// Where it is.
    pub state: TaskState,
    /// Why it is there.
    pub reason: Option<String>,
    /// What it is called.
    pub title: String,
    /// What it may cost.
    pub budget: Money,
    /// The last movement of its money; none where nothing was held.
    pub money: Option<TransferKind>,
    /// When it was posted.
    pub created_at: Timestamp,
}

row! {
    struct TaskLine {
        id: Uuid,
        account: String,
        test: bool,
        state: String,
        reason: Option<String>,
        title: String,
        budget: i64,
        money: Option<String>,
        created_at: Timestamp,
    }
}

impl TryFrom<TaskLine> for ListedTask {
    type Error = Error;
    fn try_from(row: TaskLine) -> Result<Self> {
        Ok(ListedTask {
            id: TaskId::from_uuid(row.id),
            account: row.account,
            test: row.test,
            state: word(&row.state, "tasks", "state")?,
            reason: row.reason,
            title: row.title,
            budget: Money::from_minor(row.budget),
            money: row.money.map(|kind| word(&kind, "transfers", "kind")).transpose()?,
            created_at: row.created_at,
        })
    }
}

/// Which agents are wanted.
#[derive(Debug, Clone, Default)]
pub struct AgentsWanted {
    /// Test agents, or the others.
    pub test: bool,
    /// That declare this category alone.
    pub category: Option<String>,
    /// In this state alone.
    pub state: Option<AgentState>,
    /// After this short name.
    pub after: Option<String>,
}

/// What an operator looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentState {
    /// Of this visibility.
    Seen(Visibility),
    /// Paused by its developer.
    Paused,
    /// It has not passed what activation asks.
    Inactive,
    /// Its last probe failed.
    Failing,
}

impl AgentState {
    /// All of them.
    pub const ALL: [AgentState; 8] = [
        AgentState::Seen(Visibility::Live),
        AgentState::Seen(Visibility::Beta),
        AgentState::Seen(Visibility::ComingSoon),
        AgentState::Seen(Visibility::Draft),
        AgentState::Seen(Visibility::Hidden),
        AgentState::Paused,
        AgentState::Inactive,
        AgentState::Failing,
    ];
    /// The word in a query.
    pub const fn name(self) -> &'static str {
        match self {
            AgentState::Seen(visibility) => visibility.name(),
            AgentState::Paused => "paused",
            AgentState::Inactive => "inactive",
            AgentState::Failing => "failing",
        }
    }
}

impl FromStr for AgentState {
    type Err = ();
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        AgentState::ALL.into_iter().find(|state| state.name() == text).ok_or(())
    }
}

/// How many agents of a category stand where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierCount {
    /// The category.
    pub category: String,
    /// Agents that declare it.
    pub agents: u32,
    /// Of those that may be asked, how many have enough scores for a tier above Challenger.
    pub scored: u32,
    /// And are Top Performers.
    pub top: u32,
}

/// An agent as a line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAgent {
    /// Its id.
    pub id: AgentId,
    /// Its short name.
    pub slug: String,
    /// The name of its developer's account.
    pub account: String,
    /// The developer's own name.
    pub developer: String,
    /// Registered with a test key.
    pub test: bool,
    /// Whether it has shown what activation asks.
    pub active: bool,
    /// In how many of its categories it is not asked before it has passed a benchmark.
    pub unproven: u32,
    /// Who may see it.
    pub visibility: Visibility,
    /// Paused by its developer.
    pub paused: bool,
    /// What its last probe gave: `passing`, `failing`, `unknown`.
    pub health: String,
    /// What it can do.
    pub categories: Vec<String>,
    /// Its tier per category that it has shown something in.
    pub tiers: BTreeMap<String, Tier>,
    /// Where it is called.
    pub endpoint: String,
}

row! {
    struct AgentLine {
        id: Uuid,
        slug: String,
        account: String,
        developer: String,
        test: bool,
        active: bool,
        unproven: i64,
        visibility: String,
        paused: bool,
        last_probe: String,
        capabilities: String,
        endpoint_url: String,
    }
}

impl TryFrom<AgentLine> for ListedAgent {
    type Error = Error;
    fn try_from(row: AgentLine) -> Result<Self> {
        Ok(ListedAgent {
            id: AgentId::from_uuid(row.id),
            slug: row.slug,
            account: row.account,
            developer: row.developer,
            test: row.test,
            active: row.active,
            unproven: number(row.unproven, "agents", "unproven")?,
            visibility: word(&row.visibility, "agents", "visibility")?,
            paused: row.paused,
            health: row.last_probe,
            categories: json(&row.capabilities, "agents", "capabilities")?,
            tiers: BTreeMap::new(), // they stand in rows of their own
            endpoint: row.endpoint_url,
        })
    }
}

/// Agents with their developers, of those that `$which` names.
macro_rules! agents_sql {
    ($which:literal) => {
        concat!(
            "SELECT g.id, g.slug, a.name AS account, d.name AS developer, g.test, g.active, g.visibility, g.paused,
                 g.last_probe, g.capabilities, g.endpoint_url,
                 (SELECT COUNT(*) FROM agent_capabilities k WHERE k.agent_id = g.id AND NOT k.ready) AS unproven
             FROM agents g JOIN developers d ON d.id = g.developer_id JOIN accounts a ON a.id = d.account_id
             WHERE ",
            $which
        )
    };
}

/// Agents by category: all, those that may be asked and have enough scores, and the Top Performers of those.
macro_rules! counts_sql {
    ($scores:literal) => {
        concat!(
            "SELECT n.category, COUNT(*), CAST(SUM(n.scored) AS BIGINT), CAST(SUM(n.scored * n.top) AS BIGINT) FROM (
                 SELECT k.category,
                     CASE WHEN k.ready = TRUE AND a.active = TRUE AND a.paused = FALSE AND a.visibility IN ('live', 'beta')
                         AND COALESCE(json_array_length(",
            $scores,
            "), 0) >= $1 THEN 1 ELSE 0 END AS scored,
                     CASE WHEN s.tier = 'top_performer' THEN 1 ELSE 0 END AS top
                 FROM agent_capabilities k JOIN agents a ON a.id = k.agent_id
                     LEFT JOIN standings s ON s.agent_id = k.agent_id AND s.category = k.category
                 WHERE a.test = FALSE) n
             GROUP BY n.category ORDER BY n.category"
        )
    };
}

/// With the tiers of each.
async fn listed(c: &mut Conn, rows: Vec<AgentLine>) -> Result<Vec<ListedAgent>> {
    let mut agents: Vec<ListedAgent> = rows.into_iter().map(ListedAgent::try_from).collect::<Result<_>>()?;
    let (Some(first), Some(last)) = (agents.first(), agents.last()) else { return Ok(agents) };
    let rows = sql!(
        c,
        fetch_all as (Uuid, String, String),
        "SELECT s.agent_id, s.category, s.tier FROM standings s JOIN agents g ON g.id = s.agent_id
         WHERE g.slug >= $1 AND g.slug <= $2",
        &first.slug,
        &last.slug
    )?;
    let mut tiers: BTreeMap<AgentId, BTreeMap<String, Tier>> = BTreeMap::new();
    for (agent, category, tier) in rows {
        let of_agent = tiers.entry(AgentId::from_uuid(agent)).or_default();
        of_agent.insert(category, word(&tier, "standings", "tier")?);
    }
    for agent in &mut agents {
        agent.tiers = tiers.remove(&agent.id).unwrap_or_default();
    }
    Ok(agents)
}

impl Store {
    /// Tasks of all accounts, newest first.
    pub async fn list_tasks(&self, wanted: &Wanted, limit: u32) -> Result<Vec<ListedTask>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as TaskLine,
            "SELECT t.id, a.name AS account, t.test, t.state, t.reason, t.title, t.budget, t.created_at,
                 (SELECT f.kind FROM transfers f WHERE f.task_id = t.id ORDER BY f.seq DESC LIMIT 1) AS money
             FROM tasks t JOIN accounts a ON a.id = t.account_id
             WHERE (t.state = $1 OR $1 IS NULL) AND (a.name = $2 OR $2 IS NULL) AND (t.id < $3 OR $3 IS NULL)
             ORDER BY t.id DESC LIMIT $4",
            wanted.state.map(TaskState::name),
            wanted.account.as_deref(),
            wanted.before.map(TaskId::uuid),
            i64::from(limit)
        )?;
        rows.into_iter().map(ListedTask::try_from).collect()
    }

    /// Agents of all developers, or of one account, by their short names.
    pub async fn list_agents(&self, account: Option<&str>) -> Result<Vec<ListedAgent>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as AgentLine,
            agents_sql!("(a.name = $1 OR $1 IS NULL) ORDER BY g.slug"),
            account
        )?;
        listed(&mut c, rows).await
    }

    /// Agents that an operator wants to see, by their short names.
    pub async fn agents_wanted(&self, wanted: &AgentsWanted, limit: u32) -> Result<Vec<ListedAgent>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as AgentLine,
            agents_sql!(
                "g.test = $1 AND (g.slug > $2 OR $2 IS NULL)
                 AND (EXISTS (SELECT 1 FROM agent_capabilities k WHERE k.agent_id = g.id AND k.category = $3) OR $3 IS NULL)
                 AND (g.visibility = $4 OR $4 IS NULL OR ($4 = 'paused' AND g.paused = TRUE)
                     OR ($4 = 'inactive' AND g.active = FALSE) OR ($4 = 'failing' AND g.last_probe = 'failing'))
                 ORDER BY g.slug LIMIT $5"
            ),
            wanted.test,
            wanted.after.as_deref(),
            wanted.category.as_deref(),
            wanted.state.map(AgentState::name),
            i64::from(limit)
        )?;
        listed(&mut c, rows).await
    }

    /// How many agents of each category stand where; test agents are not counted.
    pub async fn tier_counts(&self, scores_min: u32) -> Result<Vec<TierCount>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (String, i64, i64, i64),
            { sqlite: counts_sql!("s.scores"), postgres: counts_sql!("s.scores::JSON") },
            i64::from(scores_min)
        )?;
        let count = |n| u32::try_from(n).unwrap_or(u32::MAX);
        let counted = |(category, agents, scored, top)| TierCount {
            category,
            agents: count(agents),
            scored: count(scored),
            top: count(top),
        };
        Ok(rows.into_iter().map(counted).collect())
    }

    /// Whose the accounts of the ledger are, by name.
    pub async fn ledger_names(&self) -> Result<BTreeMap<LedgerAccount, String>> {
        let mut c = self.read().await?;
        let accounts = sql!(c, fetch_all as (Uuid, String), "SELECT id, name FROM accounts")?;
        let developers = sql!(
            c,
            fetch_all as (Uuid, String),
            "SELECT d.id, a.name FROM developers d JOIN accounts a ON a.id = d.account_id"
        )?;
        let buyer = |(id, name)| (LedgerAccount::Buyer(AccountId::from_uuid(id)), name);
        let developer = |(id, name)| (LedgerAccount::Developer(DeveloperId::from_uuid(id)), name);
        Ok(accounts.into_iter().map(buyer).chain(developers.into_iter().map(developer)).collect())
    }
}
