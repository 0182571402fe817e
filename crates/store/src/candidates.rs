//! What triage needs to know of agents, and who has changed since one has looked: whoever keeps agents in memory reads
//! again only those.

use crate::agents::{AgentRow, agent_columns};
use crate::db::{Conn, row, sql};
use crate::rows::number;
use crate::standings::{Standing, StandingRow, category_state};
use crate::{Result, Store, benchmarks};
use gavel_domain::agent::{Agent, Record};
use gavel_domain::benchmark::term;
use gavel_domain::{AccountId, AgentId, Chain, DeveloperId, Ppm, TaskId, Timestamp};
use gavel_triage::thompson::CategoryState;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// How far somebody has seen what changes of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(i64);

/// Whose facts are looked at, and with what in view.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The category that they declare.
    pub category: &'a str,
    /// Whether made with test keys.
    pub test: bool,
    /// Who has fewer real tasks may use the newcomer's boost: only for them it is counted what their developer has used.
    pub newcomer_tasks: u32,
    /// Boosted dispatches are counted from here on.
    pub boosted_since: Timestamp,
}

/// What was seen.
#[derive(Debug, Clone)]
pub struct Look {
    /// For the next look.
    pub mark: Mark,
    /// Agents of all categories.
    pub agents: u64,
    /// What is known of the category as a whole, where it is decided by `thompson`.
    pub category: Option<CategoryState>,
    /// Who was seen.
    pub seen: Seen,
}

/// Who was seen.
#[derive(Debug, Clone)]
pub enum Seen {
    /// Everybody who declares the category.
    Everybody(Vec<Facts>),
    /// Only those of whom something has changed since the mark; some may not declare the category any more.
    Changed(Vec<Facts>, Vec<AgentId>),
}

/// What triage needs to know of one agent.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The agent.
    pub agent: Agent,
    /// Its record over all categories.
    pub record: Record,
    /// What it has shown in the category; `None`: nothing yet.
    pub standing: Option<Standing>,
    /// Calls of it that are open now, and final ones that wait for a place.
    pub in_flight: u32,
    /// The account behind its developer.
    pub owner: AccountId,
    /// Dispatches of its developer that used the newcomer's boost lately.
    pub boosted_lately: u32,
    /// Types that it declines, how often in a row, and since when.
    pub declines: Vec<Decline>,
    /// What its benchmarks say of it in the category, in parts per million.
    pub benchmark: Option<u32>,
    /// Whether it has passed what the category asks for before it may be asked.
    pub ready: bool,
}

/// A type that an agent has said it does not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    /// The type.
    pub task_type: String,
    /// How often in a row.
    pub in_a_row: u32,
    /// When it said so last.
    pub last_at: Timestamp,
}

row! {
    struct FactsRow {
        #[flatten]
        agent: AgentRow,
        account_id: Uuid,
        ready: bool,
        #[flatten]
        standing: StandingRow,
        open_calls: i64,
        boosted_lately: i64,
    }
}

/// The facts of agents in a category, of those that `$which` names. Who has to pass a benchmark there first is not yet of
/// the category.
macro_rules! facts {
    ($boosted:literal, $which:literal) => {
        concat!(
            "SELECT ",
            agent_columns!(),
            ", d.account_id, k.ready, s.scores, s.shown, s.tier, s.dwell, s.evidence,
             (SELECT COUNT(*) FROM exchanges x WHERE x.agent_id = a.id AND x.ended_at IS NULL) AS open_calls,
             CASE WHEN a.real_tasks < $3 THEN
                 (SELECT COUNT(*) FROM invitations i WHERE i.developer_id = a.developer_id AND ",
            $boosted,
            " AND i.created_at >= $4
                      AND EXISTS (SELECT 1 FROM agents o WHERE o.id = i.agent_id AND o.test = a.test))
             ELSE 0 END AS boosted_lately
             FROM agent_capabilities k
             JOIN agents a ON a.id = k.agent_id
             JOIN developers d ON d.id = a.developer_id
             LEFT JOIN standings s ON s.agent_id = a.id AND s.category = k.category
             WHERE k.category = $1 AND a.test = $2 ",
            $which,
            " ORDER BY a.id"
        )
    };
}

impl Store {
    /// What is to be known of the agents that declare a category: of all of them, or of those of whom something has
    /// changed `since`. One that cannot be read is told of as an error and left out: it must not keep the others from
    /// being asked.
    pub async fn look_at_agents(&self, view: View<'_>, since: Option<Mark>) -> Result<Look> {
        let mut c = self.read().await?;
        let (mark, forgotten) = marks(&mut c).await?;
        // Marks of another database (a restored one) say nothing.
        let since = since.filter(|since| *since <= mark && (*since > forgotten || forgotten > mark));
        let (agents,) =
            sql!(c, fetch_one as (i64,), "SELECT agents FROM agent_counts WHERE test = $1", view.test)?;
        let seen = match since {
            None => Seen::Everybody(everybody(&mut c, view).await?),
            Some(since) => changed(&mut c, view, since).await?,
        };
        let category = match self.rules().thompson(view.category) {
            Some(_) => category_state(&mut c, view.category, view.test).await?,
            None => None,
        };
        Ok(Look { mark, agents: u64::try_from(agents).unwrap_or(0), category, seen })
    }

    /// The same of one agent; `None` where it does not declare the category.
    pub async fn facts_of(&self, agent: AgentId, view: View<'_>) -> Result<Option<Facts>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as FactsRow,
            { sqlite: facts!("i.boosted = 1", "AND a.id = $5"), postgres: facts!("i.boosted", "AND a.id = $5") },
            view.category,
            view.test,
            i64::from(view.newcomer_tasks),
            view.boosted_since,
            agent.uuid()
        )?;
        Ok(around(&mut c, rows, view.category, Whose::One(agent)).await?.pop())
    }

    /// Everything triage needs of the agents that declare `category`.
    pub async fn candidates(
        &self,
        category: &str,
        test: bool,
        boosted_since: Timestamp,
    ) -> Result<Vec<Facts>> {
        let view = View { category, test, newcomer_tasks: u32::MAX, boosted_since };
        match self.look_at_agents(view, None).await?.seen {
            Seen::Everybody(facts) | Seen::Changed(facts, _) => Ok(facts),
        }
    }

    /// Developers whose agents have used all `boosts` since then; nobody where there are none to be used.
    pub async fn developers_without_boosts(
        &self,
        boosts: u32,
        boosted_since: Timestamp,
        test: bool,
    ) -> Result<BTreeSet<DeveloperId>> {
        macro_rules! without {
            ($boosted:literal) => {
                concat!(
                    "SELECT i.developer_id FROM invitations i WHERE ",
                    $boosted,
                    " AND i.created_at >= $1 AND i.developer_id IS NOT NULL
                     AND EXISTS (SELECT 1 FROM agents o WHERE o.id = i.agent_id AND o.test = $3)
                     GROUP BY i.developer_id HAVING COUNT(*) >= $2"
                )
            };
        }
        if boosts == 0 {
            return Ok(BTreeSet::new());
        }
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (Uuid,),
            { sqlite: without!("i.boosted = 1"), postgres: without!("i.boosted") },
            boosted_since,
            i64::from(boosts),
            test
        )?;
        Ok(rows.into_iter().map(|(developer,)| DeveloperId::from_uuid(developer)).collect())
    }

    /// Agents whose bids of earlier rounds the buyer did not choose.
    pub async fn losers(&self, task: TaskId, before_round: u32) -> Result<Vec<AgentId>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (Uuid,),
            "SELECT DISTINCT agent_id FROM bids WHERE task_id = $1 AND round < $2 ORDER BY agent_id",
            task.uuid(),
            i64::from(before_round)
        )?;
        Ok(rows.into_iter().map(|(agent,)| AgentId::from_uuid(agent)).collect())
    }

    /// Forgets changes of agents that were there two hours ago, if this is called every hour. Whoever has not looked for an
    /// hour reads everybody again. That is said an hour before anything goes: a look that is under way misses nothing.
    pub async fn forget_changes(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        let (mark, forgotten) = marks(&mut tx).await?;
        let next = sql!(tx, fetch_optional as (String,), "SELECT value FROM meta WHERE key = $1", NEXT)?;
        let next = next.and_then(|(text,)| text.parse::<i64>().ok()).map(Mark);
        if forgotten <= mark {
            // The newest stays: SQLite would count from 1 again in an empty table.
            sql!(
                tx,
                execute,
                "DELETE FROM agent_changes WHERE seq <= $1 AND seq < (SELECT MAX(seq) FROM agent_changes)",
                forgotten.0
            )?;
        }
        if forgotten > mark || next.is_some_and(|next| next > mark) {
            of_another_database(&mut tx).await?;
        }
        remember(&mut tx, FORGOTTEN, next.filter(|next| *next <= mark).unwrap_or(NOTHING)).await?;
        remember(&mut tx, NEXT, mark).await?;
        tx.commit().await
    }
}

/// Changes up to this one are forgotten.
const FORGOTTEN: &str = "agent_changes_forgotten";
/// Changes up to this one are forgotten next.
const NEXT: &str = "agent_changes_forgotten_next";
/// Before all changes.
const NOTHING: Mark = Mark(-1);

/// Removes changes that were written in another database, before it was restored here: PostgreSQL would count for long
/// until it comes to them, and they would be read again until then.
async fn of_another_database(c: &mut Conn) -> Result<()> {
    if matches!(c, Conn::Postgres(_)) {
        sql!(
            c,
            execute,
            "DELETE FROM agent_changes WHERE seq >= pg_snapshot_xmax(pg_current_snapshot())::TEXT::BIGINT"
        )?;
    }
    Ok(())
}

async fn remember(c: &mut Conn, key: &str, mark: Mark) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        key,
        mark.0.to_string()
    )?;
    Ok(())
}

/// Where changes stand, and up to where they are forgotten.
async fn marks(c: &mut Conn) -> Result<(Mark, Mark)> {
    let (mark, forgotten) = sql!(
        c,
        fetch_one as (i64, Option<String>),
        {
            sqlite: "SELECT COALESCE((SELECT MAX(seq) FROM agent_changes), 0),
                         (SELECT value FROM meta WHERE key = $1)",
            // What is below has committed, or never will; what comes is at or above.
            postgres: "SELECT pg_snapshot_xmin(pg_current_snapshot())::TEXT::BIGINT,
                           (SELECT value FROM meta WHERE key = $1)",
        },
        FORGOTTEN
    )?;
    Ok((Mark(mark), forgotten.and_then(|text| text.parse().ok()).map_or(NOTHING, Mark)))
}

async fn everybody(c: &mut Conn, view: View<'_>) -> Result<Vec<Facts>> {
    let rows = sql!(
        c,
        fetch_all as FactsRow,
        { sqlite: facts!("i.boosted = 1", ""), postgres: facts!("i.boosted", "") },
        view.category,
        view.test,
        i64::from(view.newcomer_tasks),
        view.boosted_since
    )?;
    around(c, rows, view.category, Whose::Everybody).await
}

async fn changed(c: &mut Conn, view: View<'_>, since: Mark) -> Result<Seen> {
    let ids = sql!(
        c,
        fetch_all as (Uuid,),
        {
            sqlite: "SELECT DISTINCT agent_id FROM agent_changes WHERE seq > $1",
            postgres: "SELECT DISTINCT agent_id FROM agent_changes WHERE seq >= $1",
        },
        since.0
    )?;
    if ids.is_empty() {
        return Ok(Seen::Changed(Vec::new(), Vec::new()));
    }
    let rows = sql!(
        c,
        fetch_all as FactsRow,
        {
            sqlite: facts!("i.boosted = 1", "AND a.id IN (SELECT agent_id FROM agent_changes WHERE seq > $5)"),
            postgres: facts!("i.boosted", "AND a.id IN (SELECT agent_id FROM agent_changes WHERE seq >= $5)"),
        },
        view.category,
        view.test,
        i64::from(view.newcomer_tasks),
        view.boosted_since,
        since.0
    )?;
    let facts = around(c, rows, view.category, Whose::Changed(since)).await?;
    let still: BTreeSet<AgentId> = facts.iter().map(|facts| facts.agent.id).collect();
    let gone = ids.into_iter().map(|(id,)| AgentId::from_uuid(id)).filter(|id| !still.contains(id)).collect();
    Ok(Seen::Changed(facts, gone))
}

/// Of whom something is read beside their rows.
#[derive(Debug, Clone, Copy)]
enum Whose {
    Everybody,
    Changed(Mark),
    One(AgentId),
}

/// With what stands beside the agents.
async fn around(c: &mut Conn, rows: Vec<FactsRow>, category: &str, whose: Whose) -> Result<Vec<Facts>> {
    let mut waiting = winners_waited_for(c).await?;
    let mut declines = declines(c, whose).await?;
    let mut passed = passed(c, whose).await?;
    let facts = rows.into_iter().filter_map(|row| {
        let agent = row.agent.id();
        let beside = Beside {
            waiting: waiting.remove(&agent).unwrap_or(0),
            declines: declines.remove(&agent).unwrap_or_default(),
            benchmark: passed.remove(&agent).and_then(|scores| term(category, &scores)),
        };
        let unreadable = |error| {
            tracing::error!(agent.id = %agent, error = %Chain(&error), "an agent that cannot be read is not asked");
        };
        facts(row, beside).map_err(unreadable).ok()
    });
    Ok(facts.collect())
}

/// What stands beside an agent's row.
struct Beside {
    waiting: i64,
    declines: Vec<Decline>,
    benchmark: Option<u32>,
}

fn facts(row: FactsRow, Beside { waiting, declines, benchmark }: Beside) -> Result<Facts> {
    let (agent, record) = row.agent.try_into()?;
    Ok(Facts {
        standing: row.standing.read()?,
        in_flight: u32::try_from(row.open_calls + waiting).unwrap_or(u32::MAX),
        owner: AccountId::from_uuid(row.account_id),
        boosted_lately: u32::try_from(row.boosted_lately).unwrap_or(u32::MAX),
        declines,
        benchmark,
        ready: row.ready,
        agent,
        record,
    })
}

/// Winners whose finished work is waited for before their call has begun: they count too, or new briefs would take every
/// place that is freed.
async fn winners_waited_for(c: &mut Conn) -> Result<BTreeMap<Uuid, i64>> {
    let rows = sql!(
        c,
        fetch_all as (Uuid, i64),
        "SELECT b.agent_id, COUNT(*) FROM deliveries d JOIN bids b ON b.id = d.bid_id
         WHERE d.status = 'pending' AND NOT EXISTS (SELECT 1 FROM exchanges x
             WHERE x.invitation_id = b.invitation_id AND x.mode = 'final' AND x.revision = d.revision)
         GROUP BY b.agent_id"
    )?;
    Ok(rows.into_iter().collect())
}

/// What agents have shown in the benchmarks that they passed, by category: all of them, or those of whom something has
/// changed.
async fn passed(c: &mut Conn, whose: Whose) -> Result<BTreeMap<Uuid, BTreeMap<String, Vec<Ppm>>>> {
    macro_rules! scores {
        ($changed:literal) => {
            concat!("SELECT agent_id, category, scores FROM benchmark_scores ", $changed)
        };
    }
    let rows = match whose {
        Whose::Everybody => sql!(c, fetch_all as (Uuid, String, String), scores!(""))?,
        Whose::One(agent) => {
            sql!(c, fetch_all as (Uuid, String, String), scores!("WHERE agent_id = $1"), agent.uuid())?
        }
        Whose::Changed(since) => sql!(
            c,
            fetch_all as (Uuid, String, String),
            {
                sqlite: scores!("WHERE agent_id IN (SELECT agent_id FROM agent_changes WHERE seq > $1)"),
                postgres: scores!("WHERE agent_id IN (SELECT agent_id FROM agent_changes WHERE seq >= $1)"),
            },
            since.0
        )?,
    };
    let mut all: BTreeMap<Uuid, BTreeMap<String, Vec<Ppm>>> = BTreeMap::new();
    for (agent, category, text) in rows {
        let scores = benchmarks::scores(&text)?;
        all.entry(agent).or_default().insert(category, scores);
    }
    Ok(all)
}

/// What agents have declined: all of them, or those of whom something has changed.
async fn declines(c: &mut Conn, whose: Whose) -> Result<BTreeMap<Uuid, Vec<Decline>>> {
    macro_rules! declines {
        ($changed:literal) => {
            concat!(
                "SELECT agent_id, task_type, in_a_row, last_at FROM agent_declines ",
                $changed,
                " ORDER BY agent_id, task_type"
            )
        };
    }
    let rows = match whose {
        Whose::Everybody => sql!(c, fetch_all as (Uuid, String, i64, Timestamp), declines!(""))?,
        Whose::One(agent) => sql!(
            c,
            fetch_all as (Uuid, String, i64, Timestamp),
            declines!("WHERE agent_id = $1"),
            agent.uuid()
        )?,
        Whose::Changed(since) => sql!(
            c,
            fetch_all as (Uuid, String, i64, Timestamp),
            {
                sqlite: declines!("WHERE agent_id IN (SELECT agent_id FROM agent_changes WHERE seq > $1)"),
                postgres: declines!("WHERE agent_id IN (SELECT agent_id FROM agent_changes WHERE seq >= $1)"),
            },
            since.0
        )?,
    };
    let mut all: BTreeMap<Uuid, Vec<Decline>> = BTreeMap::new();
    for (agent, task_type, in_a_row, last_at) in rows {
        let in_a_row = number(in_a_row, "agent_declines", "in_a_row")?;
        all.entry(agent).or_default().push(Decline { task_type, in_a_row, last_at });
    }
    Ok(all)
}
