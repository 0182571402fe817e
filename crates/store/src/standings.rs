//! What agents have shown per category, kept up to date with every score, every failure and every choice of a buyer; and
//! the types that they decline. Whoever comes here holds the agent's row.

use crate::candidates::wins;
use crate::db::{Conn, row, sql};
use crate::rows::{number, to_json, word};
use crate::{Result, Store, agents, locks};
use gavel_domain::invitation::{Ending, Outcome, Probe, Reliability};
use gavel_domain::ladder::{Ladder, Progress, Tier};
use gavel_domain::{AgentId, BidId, DeveloperId, Ppm, TaskId, Timestamp};
use std::collections::BTreeMap;
use uuid::Uuid;

const T: &str = "standings";

row! {
    struct ProgressRow {
        real_tasks: i64,
        scores: Option<String>,
        shown: Option<String>,
        tier: Option<String>,
        dwell: Option<i64>,
    }
}

impl Store {
    /// What each of a developer's agents has shown, per category; agents that have shown nothing are not there.
    pub async fn standings_of(
        &self,
        developer: DeveloperId,
        test: bool,
    ) -> Result<BTreeMap<AgentId, BTreeMap<String, Progress>>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (Uuid, String, String, String, String, i64),
            "SELECT s.agent_id, s.category, s.scores, s.shown, s.tier, s.dwell
             FROM standings s JOIN agents a ON a.id = s.agent_id WHERE a.developer_id = $1 AND a.test = $2",
            developer.uuid(),
            test
        )?;
        let mut all: BTreeMap<AgentId, BTreeMap<String, Progress>> = BTreeMap::new();
        for (agent, category, scores, shown, tier, dwell) in rows {
            let progress = read((&scores, &shown, &tier, dwell))?;
            all.entry(AgentId::from_uuid(agent)).or_default().insert(category, progress);
        }
        Ok(all)
    }
}

fn read((scores, shown, tier, dwell): (&str, &str, &str, i64)) -> Result<Progress> {
    Ok(Progress {
        scores: agents::ring(scores)?,
        shown: wins(shown),
        tier: word::<Tier>(tier, T, "tier")?,
        dwell: number(dwell, T, "dwell")?,
    })
}

/// After a prototype was judged.
pub(crate) async fn after_score(
    c: &mut Conn,
    (agent, category): (AgentId, &str),
    score: Ppm,
    ladder: &Ladder,
) -> Result<()> {
    let (progress, real_tasks) = progress(c, agent, category, ladder).await?;
    write(c, agent, category, &progress.after_score(score.get(), real_tasks, ladder)).await
}

/// After a prototype call ended: failures move tiers on, and who declines a type is not asked for it for ever.
pub(crate) async fn after_outcome(
    c: &mut Conn,
    (task, agent): (TaskId, AgentId),
    (ending, probe): (&Ending, Probe),
    real_tasks: u32,
    ladder: &Ladder,
) -> Result<()> {
    match ending.outcome {
        Outcome::Valid => takes_the_type(c, task, agent).await,
        Outcome::Declined => declines_the_type(c, task, agent, ending.at).await,
        failed if failed.reliability(probe) == Reliability::Counted => {
            let (category,) =
                sql!(c, fetch_one as (String,), "SELECT category FROM tasks WHERE id = $1", task.uuid())?;
            let (progress, _) = progress(c, agent, &category, ladder).await?;
            write(c, agent, &category, &progress.after_failure(real_tasks, ladder)).await
        }
        _ => Ok(()),
    }
}

/// After a buyer chose among the bids that were presented.
pub(crate) async fn after_choice(c: &mut Conn, (task, round): (TaskId, u32), winner: BidId) -> Result<()> {
    locks::agents(c, task).await?;
    let shown = sql!(
        c,
        fetch_all as (Uuid, Uuid, String),
        "SELECT b.id, b.agent_id, t.category FROM bids b JOIN tasks t ON t.id = b.task_id
         WHERE b.task_id = $1 AND b.round = $2 AND b.presented = TRUE ORDER BY b.agent_id",
        task.uuid(),
        i64::from(round)
    )?;
    for (bid, agent, category) in shown {
        let agent = AgentId::from_uuid(agent);
        // A bid that was presented was judged: its agent has a row.
        let (progress, _) = progress(c, agent, &category, &Ladder::default()).await?;
        write(c, agent, &category, &progress.after_choice(bid == winner.uuid())).await?;
    }
    Ok(())
}

async fn progress(c: &mut Conn, agent: AgentId, category: &str, ladder: &Ladder) -> Result<(Progress, u32)> {
    let row = sql!(
        c,
        fetch_one as ProgressRow,
        "SELECT a.real_tasks, s.scores, s.shown, s.tier, s.dwell
         FROM agents a LEFT JOIN standings s ON s.agent_id = a.id AND s.category = $2 WHERE a.id = $1",
        agent.uuid(),
        category
    )?;
    let real_tasks = number(row.real_tasks, "agents", "real_tasks")?;
    let progress = match (row.scores, row.shown, row.tier, row.dwell) {
        (Some(scores), Some(shown), Some(tier), Some(dwell)) => read((&scores, &shown, &tier, dwell))?,
        _ => Progress::new(real_tasks, ladder),
    };
    Ok((progress, real_tasks))
}

async fn write(c: &mut Conn, agent: AgentId, category: &str, progress: &Progress) -> Result<()> {
    let shown: String = progress.shown.iter().map(|won| if *won { '1' } else { '0' }).collect();
    sql!(
        c,
        execute,
        "INSERT INTO standings (agent_id, category, scores, shown, tier, dwell) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (agent_id, category) DO UPDATE SET scores = excluded.scores, shown = excluded.shown,
             tier = excluded.tier, dwell = excluded.dwell",
        agent.uuid(),
        category,
        to_json(&progress.scores, T, "scores")?,
        shown,
        progress.tier.name(),
        i64::from(progress.dwell)
    )?;
    Ok(())
}

async fn declines_the_type(c: &mut Conn, task: TaskId, agent: AgentId, at: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO agent_declines (agent_id, task_type, in_a_row, last_at)
         SELECT $1, t.task_type, 1, $3 FROM tasks t WHERE t.id = $2
         ON CONFLICT (agent_id, task_type) DO UPDATE SET in_a_row = agent_declines.in_a_row + 1,
             last_at = excluded.last_at",
        agent.uuid(),
        task.uuid(),
        at
    )?;
    Ok(())
}

async fn takes_the_type(c: &mut Conn, task: TaskId, agent: AgentId) -> Result<()> {
    sql!(
        c,
        execute,
        "DELETE FROM agent_declines
         WHERE agent_id = $1 AND task_type = (SELECT t.task_type FROM tasks t WHERE t.id = $2)",
        agent.uuid(),
        task.uuid()
    )?;
    Ok(())
}
