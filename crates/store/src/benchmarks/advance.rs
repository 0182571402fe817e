//! One task has ended and the next is posted, or the run ends: one transaction, once.

use super::{Run, RunTask, ensure_account, scores_text};
use crate::db::{Conn, sql};
use crate::{Guarded, Result, Store, locks, tasks};
use gavel_domain::benchmark::RunStatus;
use gavel_domain::invitation::Outcome;
use gavel_domain::task::Task;
use gavel_domain::{Ppm, Timestamp};

/// What came of a task of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEnd {
    /// When that was written.
    pub at: Timestamp,
    /// A fault of ours: it does not count.
    pub ours: bool,
    /// How the invitation ended; `None` where the agent was not even asked.
    pub outcome: Option<Outcome>,
    /// The score of the work; `None` where there is none.
    pub score: Option<Ppm>,
    /// Whether the work has a fault that no other merit makes up for.
    pub grave: bool,
    /// What its developer is told of it, as JSON text.
    pub report: Option<String>,
}

/// What becomes of a run.
#[derive(Debug, Clone)]
pub enum Advance {
    /// One more task.
    Post {
        /// As it is posted.
        task: Box<Task>,
        /// As it stands in the run.
        entry: RunTask,
    },
    /// It ends.
    End {
        /// How.
        status: RunStatus,
        /// What is said of each category, as JSON text.
        verdict: String,
        /// What the agent has shown, where it has passed.
        passed: Option<Passed>,
    },
}

/// What an agent has shown by a run that it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// By category, the scores of its tasks.
    pub scores: Vec<(String, Vec<Ppm>)>,
    /// Whether an agent that is a draft only because it had not passed is shown now.
    pub auto_live: bool,
}

impl Store {
    /// Writes what came of the present task of a run (`ended`; `None` before the first) and what becomes of the run.
    /// [`Guarded::Lost`]: somebody else did.
    pub async fn advance_benchmark(
        &self,
        run: &Run,
        ended: Option<&TaskEnd>,
        advance: &Advance,
        now: Timestamp,
    ) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        locks::agent(&mut tx, run.agent).await?;
        if !is_where_it_was(&mut tx, run).await? {
            return Ok(Guarded::Lost);
        }
        if let Some(ended) = ended {
            end_task(&mut tx, run, ended).await?;
        }
        let posted = match advance {
            Advance::Post { task, entry } => {
                post(&mut tx, run, (task, entry), now).await?;
                Some(task.id)
            }
            Advance::End { status, verdict, passed } => {
                if let Some(passed) = passed {
                    activate(&mut tx, run, passed, now).await?;
                }
                end(&mut tx, run, (*status, verdict), now).await?;
                None
            }
        };
        tx.commit().await?;
        if let Some(task) = posted {
            self.hints().changed(task);
        }
        Ok(Guarded::Done(()))
    }
}

/// The run stays ours until the commit.
async fn is_where_it_was(c: &mut Conn, run: &Run) -> Result<bool> {
    let found = sql!(
        c,
        fetch_optional as (i64, String),
        {
            sqlite: "SELECT position, status FROM benchmark_runs WHERE id = $1",
            postgres: "SELECT position, status FROM benchmark_runs WHERE id = $1 FOR NO KEY UPDATE",
        },
        run.id.uuid()
    )?;
    Ok(found == Some((i64::from(run.position), RunStatus::Running.name().to_owned())))
}

async fn end_task(c: &mut Conn, run: &Run, ended: &TaskEnd) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE benchmark_tasks SET ended_at = $3, ours = $4, outcome = $5, score = $6, grave = $7, report = $8
         WHERE run_id = $1 AND position = $2 AND ended_at IS NULL",
        run.id.uuid(),
        i64::from(run.position),
        ended.at,
        ended.ours,
        ended.outcome.map(Outcome::name),
        ended.score.map(|score| i64::from(score.get())),
        ended.grave,
        &ended.report
    )?;
    Ok(())
}

async fn post(c: &mut Conn, run: &Run, (task, entry): (&Task, &RunTask), now: Timestamp) -> Result<()> {
    ensure_account(c, now).await?;
    tasks::post(c, task).await?;
    sql!(
        c,
        execute,
        "INSERT INTO benchmark_tasks (run_id, position, task_id, category, task_type, level, template, seed, purpose,
             posted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        run.id.uuid(),
        i64::from(entry.position),
        entry.task.uuid(),
        &entry.category,
        &entry.task_type,
        &entry.level,
        &entry.template,
        entry.seed.cast_signed(),
        entry.purpose.name(),
        entry.posted_at
    )?;
    sql!(
        c,
        execute,
        "UPDATE benchmark_runs SET position = $2 WHERE id = $1",
        run.id.uuid(),
        i64::from(entry.position)
    )?;
    Ok(())
}

async fn end(c: &mut Conn, run: &Run, (status, verdict): (RunStatus, &str), now: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE benchmark_runs SET status = $2, verdict = $3, ended_at = $4 WHERE id = $1",
        run.id.uuid(),
        status.name(),
        verdict,
        now
    )?;
    Ok(())
}

/// The agent may be asked in the categories of the run. What it does not declare any more it has shown all the same.
async fn activate(c: &mut Conn, run: &Run, passed: &Passed, now: Timestamp) -> Result<()> {
    for (category, scores) in &passed.scores {
        sql!(
            c,
            execute,
            "INSERT INTO benchmark_scores (agent_id, category, scores, run_id, passed_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (agent_id, category) DO UPDATE
             SET scores = excluded.scores, run_id = excluded.run_id, passed_at = excluded.passed_at",
            run.agent.uuid(),
            category,
            scores_text(scores)?,
            run.id.uuid(),
            now
        )?;
        sql!(
            c,
            execute,
            "UPDATE agent_capabilities SET ready = TRUE WHERE agent_id = $1 AND category = $2",
            run.agent.uuid(),
            category
        )?;
    }
    sql!(
        c,
        execute,
        "UPDATE agents SET activated_at = CASE WHEN active THEN activated_at ELSE $2 END, active = TRUE,
             visibility = CASE WHEN goes_live AND $3 AND visibility = 'draft' THEN 'live' ELSE visibility END,
             goes_live = FALSE, next_probe_at = CASE WHEN active THEN next_probe_at ELSE $2 END
         WHERE id = $1",
        run.agent.uuid(),
        now,
        passed.auto_live
    )?;
    Ok(())
}
