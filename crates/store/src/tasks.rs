//! Tasks as posted and as they are.

use crate::db::{Conn, row, sql};
use crate::deed::Hint;
use crate::rows::{json, number, to_json, word};
use crate::{Deed, Error, Result, Store, events};
use gavel_domain::event::{Actor, Event, EventKind};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::task::{Attachment, Brief, ClosePolicy, Routing, Task, Wishes};
use gavel_domain::{AccountId, Money, Ppm, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const T: &str = "tasks";

macro_rules! task_columns {
    () => {
        "id, account_id, test, title, description, category, task_type, requirements, output_spec, quality_rules,
         attachments, user_first_name, brand_kit_id, metadata, budget, wishes, round, state, reason,
         under_supplied, created_at, expires_at, fence, failures"
    };
}
pub(crate) use task_columns;

row! {
    pub(crate) struct TaskRow {
        pub(crate) id: Uuid,
        account_id: Uuid,
        test: bool,
        title: String,
        description: String,
        category: String,
        task_type: String,
        requirements: String,
        output_spec: Option<String>,
        quality_rules: String,
        attachments: String,
        user_first_name: Option<String>,
        brand_kit_id: Option<Uuid>,
        metadata: Option<String>,
        budget: i64,
        wishes: String,
        round: i64,
        state: String,
        reason: Option<String>,
        under_supplied: bool,
        created_at: Timestamp,
        expires_at: Option<Timestamp>,
        pub(crate) fence: i64,
        pub(crate) failures: i64,
    }
}

impl TryFrom<TaskRow> for Task {
    type Error = Error;
    fn try_from(row: TaskRow) -> Result<Self> {
        let optional = |text: Option<String>, column| text.map(|t| json(&t, T, column)).transpose();
        let attachments: Vec<StoredAttachment> = json(&row.attachments, T, "attachments")?;
        Ok(Task {
            id: TaskId::from_uuid(row.id),
            account: AccountId::from_uuid(row.account_id),
            test: row.test,
            brief: Brief {
                title: row.title,
                description: row.description,
                category: row.category,
                task_type: row.task_type,
                requirements: json(&row.requirements, T, "requirements")?,
                output_spec: optional(row.output_spec, "output_spec")?,
                quality_rules: json(&row.quality_rules, T, "quality_rules")?,
                attachments: attachments.into_iter().map(Attachment::from).collect(),
                user_first_name: row.user_first_name,
                brand_kit_id: row.brand_kit_id,
            },
            budget: Money::from_minor(row.budget),
            wishes: json::<StoredWishes>(&row.wishes, T, "wishes")?.into(),
            metadata: optional(row.metadata, "metadata")?,
            round: number(row.round, T, "round")?,
            state: word(&row.state, T, "state")?,
            reason: row.reason,
            under_supplied: row.under_supplied,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredAttachment {
    filename: String,
    url: String,
    content_type: String,
}

impl From<StoredAttachment> for Attachment {
    fn from(a: StoredAttachment) -> Self {
        Attachment { filename: a.filename, url: a.url, content_type: a.content_type }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredWishes {
    agents: Option<u8>,
    close: StoredClose,
    only: Vec<String>,
    ignore: Vec<String>,
    max_price: Option<i64>,
    experimentation_milli: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_bids: Option<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredClose {
    All,
    FirstK(u8),
    ScoreAtLeast(u32),
    Deadline,
    BuyerStop,
}

impl From<&Wishes> for StoredWishes {
    fn from(w: &Wishes) -> Self {
        StoredWishes {
            agents: w.agents,
            close: match w.close {
                ClosePolicy::All => StoredClose::All,
                ClosePolicy::FirstK(k) => StoredClose::FirstK(k),
                ClosePolicy::ScoreAtLeast(least) => StoredClose::ScoreAtLeast(least.get()),
                ClosePolicy::Deadline => StoredClose::Deadline,
                ClosePolicy::BuyerStop => StoredClose::BuyerStop,
            },
            only: w.routing.only.clone(),
            ignore: w.routing.ignore.clone(),
            max_price: w.routing.max_price.map(Money::minor),
            experimentation_milli: w.experimentation_milli,
            min_bids: w.min_bids,
        }
    }
}

impl From<StoredWishes> for Wishes {
    fn from(w: StoredWishes) -> Self {
        Wishes {
            agents: w.agents,
            close: match w.close {
                StoredClose::All => ClosePolicy::All,
                StoredClose::FirstK(k) => ClosePolicy::FirstK(k),
                StoredClose::ScoreAtLeast(least) => ClosePolicy::ScoreAtLeast(Ppm::new(least)),
                StoredClose::Deadline => ClosePolicy::Deadline,
                StoredClose::BuyerStop => ClosePolicy::BuyerStop,
            },
            routing: Routing {
                only: w.only,
                ignore: w.ignore,
                max_price: w.max_price.map(Money::from_minor),
            },
            experimentation_milli: w.experimentation_milli,
            min_bids: w.min_bids,
        }
    }
}

impl Deed {
    /// Stores a new task with its first event, ready for the loop.
    pub async fn create_task(&mut self, task: &Task) -> Result<()> {
        post(&mut self.tx, task).await?;
        self.then(Hint::Changed(task.id));
        Ok(())
    }
}

impl Store {
    /// One task.
    pub async fn task(&self, id: TaskId) -> Result<Option<Task>> {
        let mut c = self.read().await?;
        load(&mut c, id).await
    }

    /// An account's tasks, newest first, older than `before`.
    pub async fn tasks_of(
        &self,
        account: AccountId,
        test: bool,
        state: Option<TaskState>,
        before: Option<TaskId>,
        limit: i64,
    ) -> Result<Vec<Task>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as TaskRow,
            concat!(
                "SELECT ",
                task_columns!(),
                " FROM tasks WHERE account_id = $1 AND test = $2 AND (state = $3 OR $3 IS NULL)
                 AND (id < $4 OR $4 IS NULL) ORDER BY id DESC LIMIT $5"
            ),
            account.uuid(),
            test,
            state.map(TaskState::name),
            before.map(TaskId::uuid),
            limit
        )?;
        rows.into_iter().map(Task::try_from).collect()
    }
}

/// Writes a new task with its first event.
pub(crate) async fn post(c: &mut Conn, task: &Task) -> Result<()> {
    insert(c, task).await?;
    let posted = Event {
        task: task.id,
        seq: 1,
        kind: EventKind::State,
        from: None,
        to: Some(TaskState::Open),
        actor: if task.is_benchmark() { Actor::Gavel } else { Actor::Buyer },
        reason: None,
        data: serde_json::json!({ "expires_at": task.expires_at }),
        at: task.created_at,
    };
    events::insert(c, &posted).await
}

pub(crate) async fn load(c: &mut Conn, id: TaskId) -> Result<Option<Task>> {
    let row = sql!(
        c,
        fetch_optional as TaskRow,
        concat!("SELECT ", task_columns!(), " FROM tasks WHERE id = $1"),
        id.uuid()
    )?;
    row.map(Task::try_from).transpose()
}

async fn insert(c: &mut Conn, task: &Task) -> Result<()> {
    let brief = &task.brief;
    let attachments: Vec<StoredAttachment> = brief.attachments.iter().cloned().map(stored).collect();
    let optional =
        |value: &Option<serde_json::Value>, column| value.as_ref().map(|v| to_json(v, T, column)).transpose();
    sql!(
        c,
        execute,
        "INSERT INTO tasks (id, account_id, test, title, description, category, task_type, requirements,
             output_spec, quality_rules, attachments, user_first_name, brand_kit_id, metadata, budget, wishes,
             round, state, created_at, expires_at, event_seq, ready_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, 1, $19)",
        task.id.uuid(),
        task.account.uuid(),
        task.test,
        &brief.title,
        &brief.description,
        &brief.category,
        &brief.task_type,
        to_json(&brief.requirements, T, "requirements")?,
        optional(&brief.output_spec, "output_spec")?,
        to_json(&brief.quality_rules, T, "quality_rules")?,
        to_json(&attachments, T, "attachments")?,
        &brief.user_first_name,
        brief.brand_kit_id,
        optional(&task.metadata, "metadata")?,
        task.budget.minor(),
        to_json(&StoredWishes::from(&task.wishes), T, "wishes")?,
        i64::from(task.round),
        task.state.name(),
        task.created_at,
        task.expires_at
    )?;
    Ok(())
}

fn stored(a: Attachment) -> StoredAttachment {
    StoredAttachment { filename: a.filename, url: a.url, content_type: a.content_type }
}
