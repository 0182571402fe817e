//! Benchmarks of agents: runs of tasks that are posted one after the other, what came of each, and what an agent has
//! shown. The tasks are tasks like any other; here stands which run each belongs to.
//!
//! On PostgreSQL whoever writes here locks the agent first and then its run (`locks.rs`).

mod advance; // one task has ended, the next is posted: one transaction
mod start; // a run begins, or may not

pub use advance::{Advance, Passed, TaskEnd};

use crate::db::{Conn, row, sql};
use crate::rows::{json, number, to_json, word};
use crate::{Error, Result, Store};
use gavel_domain::benchmark::{ACCOUNT, ACCOUNT_NAME, Purpose, RunStatus};
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{AgentId, BenchmarkRunId, DeveloperId, Ppm, TaskId, Timestamp};
use std::collections::BTreeMap;
use uuid::Uuid;

const RUNS: &str = "benchmark_runs";
const TASKS: &str = "benchmark_tasks";

/// That the task of this column belongs to a buyer; bind [`account`] to the parameter.
macro_rules! real_task {
    ($task:literal, $account:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM tasks own WHERE own.id = ",
            $task,
            " AND own.account_id = ",
            $account,
            ")"
        )
    };
}
pub(crate) use real_task;

/// Whose the tasks of benchmarks are.
pub(crate) fn account() -> Uuid {
    ACCOUNT.uuid()
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: BenchmarkRunId,
    /// Whose abilities are looked at.
    pub agent: AgentId,
    /// Whose agent that is.
    pub developer: DeveloperId,
    /// In which categories, in their order.
    pub categories: Vec<String>,
    /// Where it is.
    pub status: RunStatus,
    /// The position of the task that was posted last; 0 before the first.
    pub position: u32,
    /// What was said of each category, as JSON text; `None` while it runs.
    pub verdict: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Run {
    /// One that begins.
    pub fn begun(
        id: BenchmarkRunId,
        (agent, developer): (AgentId, DeveloperId),
        categories: Vec<String>,
        at: Timestamp,
    ) -> Run {
        let (status, position, verdict, ended_at) = (RunStatus::Running, 0, None, None);
        Run { id, agent, developer, categories, status, position, verdict, started_at: at, ended_at }
    }
}

/// A task of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTask {
    /// The how manieth, from 1.
    pub position: u32,
    /// The task.
    pub task: TaskId,
    /// Its category.
    pub category: String,
    /// Its type.
    pub task_type: String,
    /// How hard it is, in the suite's word.
    pub level: String,
    /// What it was made from.
    pub template: String,
    /// The numbers, names and order in it.
    pub seed: u64,
    /// Why it was sent.
    pub purpose: Purpose,
    /// When it was posted.
    pub posted_at: Timestamp,
    /// What came of it; `None` while it is under way.
    pub ended: Option<TaskEnd>,
}

row! {
    struct RunRow {
        id: Uuid,
        agent_id: Uuid,
        developer_id: Uuid,
        categories: String,
        status: String,
        position: i64,
        verdict: Option<String>,
        started_at: Timestamp,
        ended_at: Option<Timestamp>,
    }
}

impl TryFrom<RunRow> for Run {
    type Error = Error;
    fn try_from(row: RunRow) -> Result<Self> {
        Ok(Run {
            id: BenchmarkRunId::from_uuid(row.id),
            agent: AgentId::from_uuid(row.agent_id),
            developer: DeveloperId::from_uuid(row.developer_id),
            categories: json(&row.categories, RUNS, "categories")?,
            status: word(&row.status, RUNS, "status")?,
            position: number(row.position, RUNS, "position")?,
            verdict: row.verdict,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
    }
}

row! {
    struct TaskRow {
        position: i64,
        task_id: Uuid,
        category: String,
        task_type: String,
        level: String,
        template: String,
        seed: i64,
        purpose: String,
        posted_at: Timestamp,
        ended_at: Option<Timestamp>,
        ours: bool,
        outcome: Option<String>,
        score: Option<i64>,
        grave: bool,
        report: Option<String>,
    }
}

impl TryFrom<TaskRow> for RunTask {
    type Error = Error;
    fn try_from(row: TaskRow) -> Result<Self> {
        let score = row.score.map(|score| number(score, TASKS, "score").map(Ppm::new)).transpose()?;
        let outcome = row.outcome.map(|outcome| word(&outcome, TASKS, "outcome")).transpose()?;
        let ended = row.ended_at.map(|at| TaskEnd {
            at,
            ours: row.ours,
            outcome,
            score,
            grave: row.grave,
            report: row.report,
        });
        Ok(RunTask {
            position: number(row.position, TASKS, "position")?,
            task: TaskId::from_uuid(row.task_id),
            category: row.category,
            task_type: row.task_type,
            level: row.level,
            template: row.template,
            seed: row.seed.cast_unsigned(),
            purpose: word(&row.purpose, TASKS, "purpose")?,
            posted_at: row.posted_at,
            ended,
        })
    }
}

/// What a benchmark's task has left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Whether it is over. One that was set aside is over for its run.
    pub over: bool,
    /// How the invitation ended, with a finer code; `None` where the agent was not even asked.
    pub outcome: Option<(Outcome, Option<String>)>,
    /// The bid's score, once it has one.
    pub score: Option<Ppm>,
    /// The judge's word, as JSON text.
    pub verdict: Option<String>,
    /// What the agent says it has used, as JSON text.
    pub token_usage: Option<String>,
}

row! {
    struct LeftRow {
        state: String,
        dead: bool,
        outcome: Option<String>,
        detail: Option<String>,
        score: Option<i64>,
        verdict: Option<String>,
        token_usage: Option<String>,
    }
}

macro_rules! run_columns {
    () => {
        "r.id, r.agent_id, r.developer_id, r.categories, r.status, r.position, r.verdict, r.started_at, r.ended_at"
    };
}

impl Store {
    /// Runs whose next task is to be posted, or whose end is to be told; longest at work first.
    pub async fn benchmarks_due(&self, most: u32) -> Result<Vec<BenchmarkRunId>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (Uuid,),
            "SELECT r.id FROM benchmark_runs r
                 LEFT JOIN benchmark_tasks b ON b.run_id = r.id AND b.position = r.position
                 LEFT JOIN tasks t ON t.id = b.task_id
             WHERE r.status = 'running' AND (t.id IS NULL OR t.dead_at IS NOT NULL
                 OR t.state IN ('completed', 'cancelled', 'expired'))
             ORDER BY r.id LIMIT $1",
            i64::from(most)
        )?;
        Ok(rows.into_iter().map(|(id,)| BenchmarkRunId::from_uuid(id)).collect())
    }

    /// A run with its tasks, in their order.
    pub async fn benchmark(&self, id: BenchmarkRunId) -> Result<Option<(Run, Vec<RunTask>)>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as RunRow,
            concat!("SELECT ", run_columns!(), " FROM benchmark_runs r WHERE r.id = $1"),
            id.uuid()
        )?;
        with_tasks(&mut c, row).await
    }

    /// An agent's latest run with its tasks.
    pub async fn latest_benchmark(&self, agent: AgentId) -> Result<Option<(Run, Vec<RunTask>)>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as RunRow,
            concat!(
                "SELECT ",
                run_columns!(),
                " FROM benchmark_runs r WHERE r.agent_id = $1 ORDER BY r.id DESC LIMIT 1"
            ),
            agent.uuid()
        )?;
        with_tasks(&mut c, row).await
    }

    /// What a benchmark's task has left behind so far.
    pub async fn benchmark_left(&self, task: TaskId) -> Result<Option<Left>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as LeftRow,
            "SELECT t.state, t.dead_at IS NOT NULL AS dead, i.outcome, i.detail, b.score,
                 (SELECT v.document FROM verdicts v WHERE v.bid_id = b.id ORDER BY v.judged_at DESC LIMIT 1) AS verdict,
                 w.token_usage
             FROM tasks t LEFT JOIN invitations i ON i.task_id = t.id
                 LEFT JOIN bids b ON b.invitation_id = i.id LEFT JOIN answers w ON w.owner_id = b.id
             WHERE t.id = $1",
            task.uuid()
        )?;
        row.map(Left::try_from).transpose()
    }

    /// What an agent has shown, by category: the scores of the tasks of the run that it passed.
    pub async fn benchmark_scores(&self, agent: AgentId) -> Result<BTreeMap<String, Vec<Ppm>>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (String, String),
            "SELECT category, scores FROM benchmark_scores WHERE agent_id = $1",
            agent.uuid()
        )?;
        rows.into_iter().map(|(category, text)| Ok((category, scores(&text)?))).collect()
    }

    /// The categories in which an agent is not asked before it has passed there.
    pub async fn benchmarks_wanted(&self, agent: AgentId) -> Result<Vec<String>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (String,),
            "SELECT category FROM agent_capabilities WHERE agent_id = $1 AND NOT ready ORDER BY category",
            agent.uuid()
        )?;
        Ok(rows.into_iter().map(|(category,)| category).collect())
    }
}

impl TryFrom<LeftRow> for Left {
    type Error = Error;
    fn try_from(row: LeftRow) -> Result<Self> {
        let state: TaskState = word(&row.state, "tasks", "state")?;
        let outcome = row.outcome.map(|outcome| word(&outcome, "invitations", "outcome")).transpose()?;
        Ok(Left {
            over: state.is_final() || row.dead,
            outcome: outcome.map(|outcome| (outcome, row.detail)),
            score: row.score.map(|score| number(score, "bids", "score").map(Ppm::new)).transpose()?,
            verdict: row.verdict,
            token_usage: row.token_usage,
        })
    }
}

async fn with_tasks(c: &mut Conn, row: Option<RunRow>) -> Result<Option<(Run, Vec<RunTask>)>> {
    let Some(row) = row else { return Ok(None) };
    let run = Run::try_from(row)?;
    let rows = sql!(
        c,
        fetch_all as TaskRow,
        "SELECT position, task_id, category, task_type, level, template, seed, purpose, posted_at, ended_at, ours,
             outcome, score, grave, report
         FROM benchmark_tasks WHERE run_id = $1 ORDER BY position",
        run.id.uuid()
    )?;
    let tasks = rows.into_iter().map(RunTask::try_from).collect::<Result<_>>()?;
    Ok(Some((run, tasks)))
}

/// The account that tasks of benchmarks belong to, made with the first of them. Where somebody has its name it has another:
/// it is known by its id.
async fn ensure_account(c: &mut Conn, now: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO accounts (id, name, created_at) VALUES ($1,
             CASE WHEN EXISTS (SELECT 1 FROM accounts WHERE name = CAST($2 AS TEXT)) THEN CAST($4 AS TEXT)
             ELSE CAST($2 AS TEXT) END, $3)
         ON CONFLICT (id) DO NOTHING",
        account(),
        ACCOUNT_NAME,
        now,
        format!("{ACCOUNT_NAME}-{}", account())
    )?;
    Ok(())
}

fn scores_text(scores: &[Ppm]) -> Result<String> {
    to_json(&scores.iter().map(|score| score.get()).collect::<Vec<_>>(), "benchmark_scores", "scores")
}

/// The scores of a run that was passed, as they stand in a row.
pub(crate) fn scores(text: &str) -> Result<Vec<Ppm>> {
    let scores: Vec<u32> = json(text, "benchmark_scores", "scores")?;
    Ok(scores.into_iter().map(Ppm::new).collect())
}

/// What an agent's benchmarks say of it in a category, in parts per million.
pub(crate) async fn term_of(c: &mut Conn, agent: AgentId, category: &str) -> Result<Option<u32>> {
    let rows = sql!(
        c,
        fetch_all as (String, String),
        "SELECT category, scores FROM benchmark_scores WHERE agent_id = $1",
        agent.uuid()
    )?;
    let passed = rows.into_iter().map(|(category, text)| Ok((category, scores(&text)?)));
    Ok(gavel_domain::benchmark::term(category, &passed.collect::<Result<_>>()?))
}
