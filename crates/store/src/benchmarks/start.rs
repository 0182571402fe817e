//! A run begins, or may not.

use super::{RUNS, Run};
use crate::db::sql;
use crate::deed::Hint;
use crate::rows::to_json;
use crate::{Deed, Result, locks};
use chrono::TimeDelta;
use gavel_domain::agent::Agent;
use gavel_domain::benchmark::Standing;
use gavel_domain::{AgentId, BenchmarkRunId, DeveloperId, Timestamp};
use uuid::Uuid;

/// Runs of a developer that are looked at: those of the last hour.
const LATELY: TimeDelta = TimeDelta::hours(1);

impl Deed {
    /// What a run of this agent depends on; nobody else begins one until this is done.
    pub async fn benchmark_standing(&mut self, agent: &Agent, now: Timestamp) -> Result<Standing> {
        locks::agent(&mut self.tx, agent.id).await?;
        let (active, visibility) = sql!(
            self.tx,
            fetch_one as (bool, String),
            "SELECT active, visibility FROM agents WHERE id = $1",
            agent.id.uuid()
        )?;
        let declared = sql!(
            self.tx,
            fetch_all as (String, bool),
            "SELECT category, ready FROM agent_capabilities WHERE agent_id = $1 ORDER BY category",
            agent.id.uuid()
        )?;
        let (running, failed_at) = self.last_run(agent.id).await?;
        let lately = self.runs_lately(agent.developer, now - LATELY).await?;
        Ok(Standing { active, hidden: visibility == "hidden", declared, running, failed_at, lately })
    }

    /// The run that is under way, or when the last one failed.
    async fn last_run(&mut self, agent: AgentId) -> Result<(Option<BenchmarkRunId>, Option<Timestamp>)> {
        let last = sql!(
            self.tx,
            fetch_optional as (Uuid, String, Option<Timestamp>),
            "SELECT id, status, ended_at FROM benchmark_runs WHERE agent_id = $1 AND status <> 'aborted'
             ORDER BY id DESC LIMIT 1",
            agent.uuid()
        )?;
        Ok(match last {
            Some((id, status, _)) if status == "running" => (Some(BenchmarkRunId::from_uuid(id)), None),
            Some((_, status, ended_at)) if status == "failed" => (None, ended_at),
            _ => (None, None),
        })
    }

    /// On PostgreSQL the developer's row keeps runs of its other agents from beginning between this look and the commit.
    async fn runs_lately(&mut self, developer: DeveloperId, since: Timestamp) -> Result<Vec<Timestamp>> {
        sql!(
            self.tx,
            fetch_optional as (Uuid,),
            {
                sqlite: "SELECT id FROM developers WHERE id = $1",
                postgres: "SELECT id FROM developers WHERE id = $1 FOR NO KEY UPDATE",
            },
            developer.uuid()
        )?;
        let rows = sql!(
            self.tx,
            fetch_all as (Timestamp,),
            "SELECT started_at FROM benchmark_runs WHERE developer_id = $1 AND started_at > $2 ORDER BY started_at",
            developer.uuid(),
            since
        )?;
        Ok(rows.into_iter().map(|(at,)| at).collect())
    }

    /// Writes a run that begins; its first task is posted by whoever works.
    pub async fn begin_benchmark(&mut self, run: &Run) -> Result<()> {
        sql!(
            self.tx,
            execute,
            "INSERT INTO benchmark_runs (id, agent_id, developer_id, categories, status, position, started_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            run.id.uuid(),
            run.agent.uuid(),
            run.developer.uuid(),
            to_json(&run.categories, RUNS, "categories")?,
            run.status.name(),
            i64::from(run.position),
            run.started_at
        )?;
        self.then(Hint::Benchmark);
        Ok(())
    }

    /// An agent that was just registered waits for its benchmark: it is not active, and a draft where its developer did
    /// not say otherwise (`goes_live`).
    pub async fn await_benchmark(&mut self, agent: AgentId, goes_live: bool) -> Result<()> {
        sql!(
            self.tx,
            execute,
            "UPDATE agents SET active = FALSE, activated_at = NULL, goes_live = $2,
                 visibility = CASE WHEN $2 THEN 'draft' ELSE visibility END WHERE id = $1",
            agent.uuid(),
            goes_live
        )?;
        sql!(
            self.tx,
            execute,
            "UPDATE agent_capabilities SET ready = FALSE WHERE agent_id = $1",
            agent.uuid()
        )?;
        Ok(())
    }

    /// Categories that an agent has just come to declare: it is not asked there before it has passed, unless it did
    /// before.
    pub async fn hold_back(&mut self, agent: AgentId, categories: &[String]) -> Result<()> {
        for category in categories {
            sql!(
                self.tx,
                execute,
                "UPDATE agent_capabilities SET ready = EXISTS (
                     SELECT 1 FROM benchmark_scores s WHERE s.agent_id = $1 AND s.category = $2)
                 WHERE agent_id = $1 AND category = $2",
                agent.uuid(),
                category
            )?;
        }
        Ok(())
    }

    /// The developer has said who may see the agent: passing does not change that.
    pub async fn visibility_was_said(&mut self, agent: AgentId) -> Result<()> {
        sql!(
            self.tx,
            execute,
            "UPDATE agents SET goes_live = FALSE WHERE id = $1 AND goes_live",
            agent.uuid()
        )?;
        Ok(())
    }
}
