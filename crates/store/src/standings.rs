//! What agents have shown per category, kept up to date with every score, every failure and every choice of a buyer; and
//! the types that they decline. Whoever comes here holds the agent's row.

mod declines;
mod state;

use crate::db::{Conn, row, sql};
use crate::invitations::Ended;
use crate::rows::{json, number, to_json, word};
use crate::{Result, Store, agents, benchmarks, locks};
use gavel_domain::agent::Record;
use gavel_domain::invitation::{Outcome, Probe, Reliability};
use gavel_domain::ladder::{Progress, Tier};
use gavel_domain::task::Task;
use gavel_domain::{AgentId, BidId, DeveloperId, Ppm, TaskId, Timestamp};
use gavel_triage::Rules;
use gavel_triage::thompson::{self, Evidence, Shown, after_purchase, quality};
pub(crate) use state::category_state;
use std::collections::BTreeMap;
use uuid::Uuid;

const T: &str = "standings";

/// What an agent has shown in a category.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// What its tier is made of.
    pub progress: Progress,
    /// What its results say of its quality, where the category is decided by `thompson`.
    pub evidence: Option<Evidence>,
}

row! {
    /// The columns of a standing; all are missing where there is none.
    pub(crate) struct StandingRow {
        scores: Option<String>,
        shown: Option<String>,
        tier: Option<String>,
        dwell: Option<i64>,
        evidence: Option<String>,
    }
}

impl StandingRow {
    pub(crate) fn read(self) -> Result<Option<Standing>> {
        let (Some(scores), Some(shown), Some(tier), Some(dwell)) =
            (self.scores, self.shown, self.tier, self.dwell)
        else {
            return Ok(None);
        };
        Ok(Some(Standing {
            progress: Progress {
                scores: agents::ring(&scores)?,
                shown: shown.chars().map(|c| c == '1').collect(),
                tier: word::<Tier>(&tier, T, "tier")?,
                dwell: number(dwell, T, "dwell")?,
            },
            evidence: self.evidence.map(|text| json(&text, T, "evidence")).transpose()?,
        }))
    }
}

row! {
    struct OwnRow {
        agent_id: Uuid,
        category: String,
        #[flatten]
        standing: StandingRow,
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
            fetch_all as OwnRow,
            "SELECT s.agent_id, s.category, s.scores, s.shown, s.tier, s.dwell, s.evidence
             FROM standings s JOIN agents a ON a.id = s.agent_id WHERE a.developer_id = $1 AND a.test = $2",
            developer.uuid(),
            test
        )?;
        let mut all: BTreeMap<AgentId, BTreeMap<String, Progress>> = BTreeMap::new();
        for row in rows {
            let Some(standing) = row.standing.read()? else { continue };
            let agent = AgentId::from_uuid(row.agent_id);
            all.entry(agent).or_default().insert(row.category, standing.progress);
        }
        Ok(all)
    }
}

row! {
    struct KeptRow {
        real_tasks: i64,
        #[flatten]
        standing: StandingRow,
    }
}

/// A standing that is being brought up to date.
struct Kept {
    standing: Standing,
    real_tasks: u32,
}

/// After a prototype was judged.
pub(crate) async fn after_score(
    c: &mut Conn,
    agent: AgentId,
    task: &Task,
    score: Ppm,
    rules: &Rules,
) -> Result<()> {
    let (category, ladder) = (&task.brief.category, rules.policy().ladder());
    let Kept { standing: Standing { progress, evidence }, real_tasks } =
        kept(c, agent, category, rules).await?;
    let mut after = Standing { progress: progress.after_score(score.get(), real_tasks, &ladder), evidence };
    if let Some(policy) = rules.thompson(category) {
        let before = after.evidence.unwrap_or_default();
        let benchmark = benchmarks::term_of(c, agent, category).await?;
        state::after_score(c, (category, task.test), (&before, benchmark), score, policy).await?;
        after.evidence = Some(before.after_score(&task.brief.task_type, score.get(), policy));
    }
    write(c, agent, category, &after).await
}

/// After a prototype call ended: failures move tiers on, and who declines a type is not asked for it for ever.
pub(crate) async fn after_outcome(
    c: &mut Conn,
    (task, ended): (TaskId, &Ended),
    probe: Probe,
    record: &Record,
    rules: &Rules,
) -> Result<()> {
    let outcome = ended.ending.outcome;
    match outcome {
        Outcome::Valid => declines::taken_back(c, task, ended.agent).await?,
        Outcome::Declined => declines::again(c, task, ended.agent, ended.ending.at).await?,
        _ => {}
    }
    let counts = outcome.reliability(probe);
    if counts == Reliability::None || (counts == Reliability::Success && rules.by_value().is_empty()) {
        return Ok(());
    }
    let (category, budget) =
        sql!(c, fetch_one as (String, i64), "SELECT category, budget FROM tasks WHERE id = $1", task.uuid())?;
    let policy = rules.thompson(&category);
    if counts == Reliability::Success && policy.is_none() {
        return Ok(()); // its score is what counts
    }
    let Kept { mut standing, .. } = kept(c, ended.agent, &category, rules).await?;
    if counts == Reliability::Counted {
        standing.progress = standing.progress.after_failure(record.real_tasks, &rules.policy().ladder());
    }
    if let Some(policy) = policy {
        standing.evidence = Some(learnt(c, standing.evidence, (ended, budget), counts, policy).await?);
    }
    write(c, ended.agent, &category, &standing).await
}

/// What a dispatch says of an agent: whether it can be relied on, and what its bid costs and took.
async fn learnt(
    c: &mut Conn,
    evidence: Option<Evidence>,
    (ended, budget): (&Ended, i64),
    counts: Reliability,
    policy: &thompson::Policy,
) -> Result<Evidence> {
    let after = evidence.unwrap_or_default().after_dispatch(counts == Reliability::Success, policy);
    let Some(bid) = &ended.bid else { return Ok(after) };
    let (invited_at,) = sql!(
        c,
        fetch_one as (Timestamp,),
        "SELECT created_at FROM invitations WHERE id = $1",
        ended.invitation.uuid()
    )?;
    let took = (ended.ending.at - invited_at).num_milliseconds();
    Ok(after.after_bid(bid.answer.price.minor(), budget, u64::try_from(took).unwrap_or(0)))
}

row! {
    struct ShownRow {
        bid_id: Uuid,
        agent_id: Uuid,
        price: i64,
        category: String,
        budget: i64,
        test: bool,
    }
}

/// After a buyer chose among the bids that were presented.
pub(crate) async fn after_choice(
    c: &mut Conn,
    (task, round): (TaskId, u32),
    winner: BidId,
    rules: &Rules,
) -> Result<()> {
    locks::agents(c, task).await?;
    let rows = sql!(
        c,
        fetch_all as ShownRow,
        "SELECT b.id AS bid_id, b.agent_id, b.price, t.category, t.budget, t.test
         FROM bids b JOIN tasks t ON t.id = b.task_id
         WHERE b.task_id = $1 AND b.round = $2 AND b.presented = TRUE ORDER BY b.agent_id",
        task.uuid(),
        i64::from(round)
    )?;
    let Some(first) = rows.first() else { return Ok(()) };
    let (category, test, budget) = (first.category.clone(), first.test, first.budget);
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let agent = AgentId::from_uuid(row.agent_id);
        let mut standing = kept(c, agent, &category, rules).await?.standing;
        let won = row.bid_id == winner.uuid();
        standing.progress = standing.progress.after_choice(won);
        shown.push((agent, standing, row.price, won));
    }
    if let Some(policy) = rules.thompson(&category) {
        let state =
            category_state(c, &category, test).await?.unwrap_or_else(|| thompson::CategoryState::new(policy));
        let mut bids = Vec::with_capacity(shown.len());
        for (agent, standing, price, won) in &shown {
            let evidence = standing.evidence.clone().unwrap_or_default();
            let benchmark = benchmarks::term_of(c, *agent, &category).await?;
            let mean = quality(&evidence, &state, benchmark, policy).mean;
            bids.push(Shown { mean, choice: evidence.choice, price_minor: *price, won: *won });
        }
        for ((_, standing, ..), choice) in shown.iter_mut().zip(after_purchase(&bids, budget, policy)) {
            standing.evidence = Some(Evidence { choice, ..standing.evidence.take().unwrap_or_default() });
        }
    }
    for (agent, standing, ..) in &shown {
        write(c, *agent, &category, standing).await?;
    }
    Ok(())
}

async fn kept(c: &mut Conn, agent: AgentId, category: &str, rules: &Rules) -> Result<Kept> {
    let row = sql!(
        c,
        fetch_one as KeptRow,
        "SELECT a.real_tasks, s.scores, s.shown, s.tier, s.dwell, s.evidence
         FROM agents a LEFT JOIN standings s ON s.agent_id = a.id AND s.category = $2 WHERE a.id = $1",
        agent.uuid(),
        category
    )?;
    let real_tasks = number(row.real_tasks, "agents", "real_tasks")?;
    let new = || Standing { progress: Progress::new(real_tasks, &rules.policy().ladder()), evidence: None };
    Ok(Kept { standing: row.standing.read()?.unwrap_or_else(new), real_tasks })
}

async fn write(c: &mut Conn, agent: AgentId, category: &str, standing: &Standing) -> Result<()> {
    let progress = &standing.progress;
    let shown: String = progress.shown.iter().map(|won| if *won { '1' } else { '0' }).collect();
    let evidence = standing.evidence.as_ref().map(|evidence| to_json(evidence, T, "evidence")).transpose()?;
    sql!(
        c,
        execute,
        "INSERT INTO standings (agent_id, category, scores, shown, tier, dwell, evidence)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (agent_id, category) DO UPDATE SET scores = excluded.scores, shown = excluded.shown,
             tier = excluded.tier, dwell = excluded.dwell, evidence = excluded.evidence",
        agent.uuid(),
        category,
        to_json(&progress.scores, T, "scores")?,
        shown,
        progress.tier.name(),
        i64::from(progress.dwell),
        evidence
    )?;
    Ok(())
}
