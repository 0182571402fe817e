//! What an operator looks for over all accounts: which tasks and agents there are, and whose.

use crate::db::{row, sql};
use crate::rows::{json, number, word};
use crate::{Error, Result, Store};
use gavel_domain::agent::Visibility;
use gavel_domain::ledger::{LedgerAccount, TransferKind};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{AccountId, AgentId, DeveloperId, Money, TaskId, Timestamp};
use std::collections::BTreeMap;
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
            endpoint: row.endpoint_url,
        })
    }
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
            "SELECT g.id, g.slug, a.name AS account, d.name AS developer, g.test, g.active, g.visibility, g.paused,
                 g.last_probe, g.capabilities, g.endpoint_url,
                 (SELECT COUNT(*) FROM agent_capabilities k WHERE k.agent_id = g.id AND NOT k.ready) AS unproven
             FROM agents g JOIN developers d ON d.id = g.developer_id JOIN accounts a ON a.id = d.account_id
             WHERE a.name = $1 OR $1 IS NULL ORDER BY g.slug",
            account
        )?;
        rows.into_iter().map(ListedAgent::try_from).collect()
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
