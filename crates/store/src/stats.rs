//! An agent's numbers, as its developer sees them. What it did in benchmarks is told elsewhere.

use crate::benchmarks::{self, real_task};
use crate::db::{Conn, row, sql};
use crate::rows::{json, number, word};
use crate::{Error, Result, Store};
use gavel_domain::invitation::Outcome;
use gavel_domain::{AgentId, BidId, InvitationId, Money, Ppm, TaskId, Timestamp};
use std::collections::BTreeMap;
use uuid::Uuid;

const T: &str = "invitations";

/// An agent's numbers.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// How many invitations ended with each outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// How many sends of final calls ended with each code.
    pub finals: BTreeMap<String, u64>,
    /// Invitations that are open now.
    pub in_flight: u64,
    /// Bids that won.
    pub wins: u64,
    /// Bids that were presented.
    pub presented: u64,
    /// The last judged scores per category, oldest first.
    pub scores: BTreeMap<String, Vec<Ppm>>,
    /// The latest invitations, newest first.
    pub recent: Vec<RecentInvitation>,
}

/// One invitation as the developer's list shows it.
#[derive(Debug, Clone)]
pub struct RecentInvitation {
    /// Its id.
    pub id: InvitationId,
    /// The task.
    pub task: TaskId,
    /// The task's category.
    pub category: String,
    /// The task's type.
    pub task_type: String,
    /// When it was made.
    pub invited_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// A finer code.
    pub detail: Option<String>,
    /// The bid, where there is one.
    pub bid: Option<RecentBid>,
    /// What the latest prototype send's error body said.
    pub error_body: Option<String>,
    /// With which code the latest final send ended, where there was one.
    pub final_code: Option<String>,
    /// What its error body said.
    pub final_error_body: Option<String>,
}

/// The bid of a recent invitation.
#[derive(Debug, Clone)]
pub struct RecentBid {
    /// Its id.
    pub id: BidId,
    /// What was asked for it.
    pub price: Money,
    /// Its status as stored.
    pub status: String,
    /// Its score.
    pub score: Option<Ppm>,
    /// The judge's document, as JSON text.
    pub verdict: Option<String>,
}

row! {
    struct RecentRow {
        id: Uuid,
        task_id: Uuid,
        category: String,
        task_type: String,
        created_at: Timestamp,
        ended_at: Option<Timestamp>,
        outcome: Option<String>,
        detail: Option<String>,
        bid_id: Option<Uuid>,
        price: Option<i64>,
        status: Option<String>,
        score: Option<i64>,
        verdict: Option<String>,
        error_body: Option<String>,
        final_code: Option<String>,
        final_error_body: Option<String>,
    }
}

/// The latest ended send of an invitation in a mode: one of its columns.
macro_rules! latest_send {
    ($column:literal, $mode:literal) => {
        concat!(
            "(SELECT p.",
            $column,
            " FROM attempts p WHERE p.invitation_id = i.id AND p.mode = '",
            $mode,
            "' AND p.ended_at IS NOT NULL ORDER BY p.revision DESC, p.number DESC LIMIT 1)"
        )
    };
}

impl Store {
    /// An agent's numbers with its latest `limit` invitations.
    pub async fn agent_stats(&self, agent: AgentId, limit: i64) -> Result<Stats> {
        let mut c = self.read().await?;
        let (outcomes, in_flight) = outcomes(&mut c, agent).await?;
        let (wins, presented) = successes(&mut c, agent).await?;
        Ok(Stats {
            outcomes,
            finals: finals(&mut c, agent).await?,
            in_flight,
            wins,
            presented,
            scores: scores(&mut c, agent).await?,
            recent: recent(&mut c, agent, limit).await?,
        })
    }
}

/// How many invitations ended with each outcome, and how many are open: benchmarks' too, for while an agent works nobody is
/// told whether it is tried or asked in earnest.
async fn outcomes(c: &mut Conn, agent: AgentId) -> Result<(BTreeMap<Outcome, u64>, u64)> {
    let rows = sql!(
        c,
        fetch_all as (Option<String>, i64),
        concat!(
            "SELECT i.outcome, COUNT(*) FROM invitations i WHERE i.agent_id = $1 AND (i.outcome IS NULL OR ",
            real_task!("i.task_id", "$2"),
            ") GROUP BY i.outcome"
        ),
        agent.uuid(),
        benchmarks::account()
    )?;
    let (mut ended, mut open) = (BTreeMap::new(), 0);
    for (outcome, n) in rows {
        match outcome {
            Some(text) => drop(ended.insert(word(&text, T, "outcome")?, count(n))),
            None => open = count(n),
        }
    }
    Ok((ended, open))
}

async fn finals(c: &mut Conn, agent: AgentId) -> Result<BTreeMap<String, u64>> {
    let rows = sql!(
        c,
        fetch_all as (String, i64),
        "SELECT t.code, COUNT(*) FROM attempts t JOIN invitations i ON i.id = t.invitation_id
         WHERE i.agent_id = $1 AND t.mode = 'final' AND t.code IS NOT NULL GROUP BY t.code",
        agent.uuid()
    )?;
    Ok(rows.into_iter().map(|(code, n)| (code, count(n))).collect())
}

/// Bids that won, and bids that were presented.
async fn successes(c: &mut Conn, agent: AgentId) -> Result<(u64, u64)> {
    let (wins, presented) = sql!(
        c,
        fetch_one as (i64, i64),
        "SELECT CAST(COALESCE(SUM(CASE WHEN status = 'selected' THEN 1 ELSE 0 END), 0) AS BIGINT),
                CAST(COALESCE(SUM(CASE WHEN presented THEN 1 ELSE 0 END), 0) AS BIGINT)
         FROM bids WHERE agent_id = $1",
        agent.uuid()
    )?;
    Ok((count(wins), count(presented)))
}

async fn scores(c: &mut Conn, agent: AgentId) -> Result<BTreeMap<String, Vec<Ppm>>> {
    let rings = sql!(
        c,
        fetch_all as (String, String),
        "SELECT category, scores FROM standings WHERE agent_id = $1",
        agent.uuid()
    )?;
    let ring = |(category, text): (String, String)| {
        let ring: Vec<u32> = json(&text, "standings", "scores")?;
        Ok((category, ring.into_iter().map(Ppm::new).collect()))
    };
    rings.into_iter().map(ring).collect()
}

async fn recent(c: &mut Conn, agent: AgentId, limit: i64) -> Result<Vec<RecentInvitation>> {
    let rows = sql!(
        c,
        fetch_all as RecentRow,
        concat!(
            "SELECT i.id, i.task_id, t.category, t.task_type, i.created_at, i.ended_at, i.outcome, i.detail,
                 b.id AS bid_id, b.price, b.status, b.score,
                 (SELECT v.document FROM verdicts v WHERE v.bid_id = b.id ORDER BY v.judged_at DESC LIMIT 1)
                     AS verdict, ",
            latest_send!("error_body", "prototype"),
            " AS error_body, ",
            latest_send!("code", "final"),
            " AS final_code, ",
            latest_send!("error_body", "final"),
            " AS final_error_body
             FROM invitations i JOIN tasks t ON t.id = i.task_id LEFT JOIN bids b ON b.invitation_id = i.id
             WHERE i.agent_id = $1 AND i.outcome IS NOT NULL AND t.account_id <> $3 ORDER BY i.id DESC LIMIT $2"
        ),
        agent.uuid(),
        limit,
        benchmarks::account()
    )?;
    rows.into_iter().map(RecentInvitation::try_from).collect()
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

impl TryFrom<RecentRow> for RecentInvitation {
    type Error = Error;
    fn try_from(row: RecentRow) -> Result<Self> {
        let bid = match (row.bid_id, row.price, row.status) {
            (Some(id), Some(price), Some(status)) => Some(RecentBid {
                id: BidId::from_uuid(id),
                price: Money::from_minor(price),
                status,
                score: row.score.map(|s| number(s, "bids", "score").map(Ppm::new)).transpose()?,
                verdict: row.verdict,
            }),
            _ => None,
        };
        Ok(RecentInvitation {
            id: InvitationId::from_uuid(row.id),
            task: TaskId::from_uuid(row.task_id),
            category: row.category,
            task_type: row.task_type,
            invited_at: row.created_at,
            ended_at: row.ended_at,
            outcome: row.outcome.map(|o| word(&o, T, "outcome")).transpose()?,
            detail: row.detail,
            bid,
            error_body: row.error_body,
            final_code: row.final_code,
            final_error_body: row.final_error_body,
        })
    }
}
