//! Bids as the buyer, the judge and the shortlist see them.

use crate::db::{Conn, row, sql};
use crate::rows::{number, word};
use crate::{Result, Store, answers, retention};
use gavel_domain::bid::Bid;
use gavel_domain::ladder::Tier;
use gavel_domain::{AgentId, BidId, InvitationId, Money, Ppm, TaskId, Timestamp};
use uuid::Uuid;

const T: &str = "bids";

/// Bids with what is shown beside them, as [`BidRow`]: what follows WHERE says which.
macro_rules! bids_sql {
    ($which:literal) => {
        concat!(
            "SELECT b.id, b.task_id, b.round, b.invitation_id, b.agent_id, b.status, b.price, b.score, b.presented,
                 b.received_at, a.name AS agent_name, a.slug AS agent_slug, a.real_tasks, i.created_at AS invited_at,
                 (SELECT s.tier FROM standings s JOIN tasks t ON t.category = s.category
                  WHERE t.id = b.task_id AND s.agent_id = b.agent_id) AS agent_tier,
                 (SELECT v.document FROM verdicts v WHERE v.bid_id = b.id ORDER BY v.judged_at DESC, v.judge LIMIT 1)
                     AS verdict
             FROM bids b JOIN agents a ON a.id = b.agent_id JOIN invitations i ON i.id = b.invitation_id
             WHERE ",
            $which
        )
    };
}

row! {
    struct BidRow {
        id: Uuid,
        task_id: Uuid,
        round: i64,
        invitation_id: Uuid,
        agent_id: Uuid,
        status: String,
        price: i64,
        score: Option<i64>,
        presented: bool,
        received_at: Timestamp,
        agent_name: String,
        agent_slug: String,
        real_tasks: i64,
        invited_at: Timestamp,
        agent_tier: Option<String>,
        verdict: Option<String>,
    }
}

/// A bid with what is shown beside it.
#[derive(Debug, Clone)]
pub struct GalleryBid {
    /// The bid.
    pub bid: Bid,
    /// Who made it.
    pub agent_name: String,
    /// Its short name.
    pub agent_slug: String,
    /// How many real tasks that agent has had.
    pub agent_real_tasks: u32,
    /// Its tier in the task's category; `None` while it has shown nothing there.
    pub agent_tier: Option<Tier>,
    /// When it was asked.
    pub invited_at: Timestamp,
    /// The judge's document, as JSON text.
    pub verdict: Option<String>,
    /// When its texts were removed; what stands in their place says so. `None` while they are kept.
    pub removed_at: Option<Timestamp>,
}

impl Store {
    /// All bids of a task, of every round: best score first, unscored last, then by arrival.
    pub async fn gallery(&self, task: TaskId) -> Result<Vec<GalleryBid>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as BidRow,
            bids_sql!(
                "b.task_id = $1 ORDER BY b.round DESC, COALESCE(b.score, -1) DESC, b.received_at, b.id"
            ),
            task.uuid()
        )?;
        all_shown(&mut c, rows).await
    }

    /// One bid of a task.
    pub async fn bid(&self, task: TaskId, bid: BidId) -> Result<Option<GalleryBid>> {
        let mut c = self.read().await?;
        one(&mut c, task, bid).await
    }

    /// The bids of a round that no judge has scored yet.
    pub async fn unscored_bids(&self, task: TaskId, round: u32) -> Result<Vec<GalleryBid>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as BidRow,
            bids_sql!("b.task_id = $1 AND b.round = $2 AND b.score IS NULL ORDER BY b.received_at, b.id"),
            task.uuid(),
            i64::from(round)
        )?;
        all_shown(&mut c, rows).await
    }

    /// The bid that won.
    pub async fn selected_bid(&self, task: TaskId) -> Result<Option<Bid>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (Uuid,),
            "SELECT id FROM bids WHERE task_id = $1 AND status = 'selected'",
            task.uuid()
        )?;
        let Some((id,)) = row else { return Ok(None) };
        Ok(one(&mut c, task, BidId::from_uuid(id)).await?.map(|shown| shown.bid))
    }
}

pub(crate) async fn one(c: &mut Conn, task: TaskId, bid: BidId) -> Result<Option<GalleryBid>> {
    let row = sql!(
        c,
        fetch_optional as BidRow,
        bids_sql!("b.task_id = $1 AND b.id = $2"),
        task.uuid(),
        bid.uuid()
    )?;
    match row {
        Some(row) => shown(c, row).await.map(Some),
        None => Ok(None),
    }
}

async fn all_shown(c: &mut Conn, rows: Vec<BidRow>) -> Result<Vec<GalleryBid>> {
    let mut bids = Vec::with_capacity(rows.len());
    for row in rows {
        bids.push(shown(c, row).await?);
    }
    Ok(bids)
}

async fn shown(c: &mut Conn, row: BidRow) -> Result<GalleryBid> {
    let price = Money::from_minor(row.price);
    let (answer, removed_at) = match answers::load(c, row.id, price).await? {
        Some(answer) => (answer, None),
        None => match retention::removed_at(c, TaskId::from_uuid(row.task_id)).await? {
            Some(at) => (answers::removed(at, price), Some(at)),
            None => return Err(answers::missing(row.id)),
        },
    };
    Ok(GalleryBid {
        bid: Bid {
            id: BidId::from_uuid(row.id),
            task: TaskId::from_uuid(row.task_id),
            round: number(row.round, T, "round")?,
            invitation: InvitationId::from_uuid(row.invitation_id),
            agent: AgentId::from_uuid(row.agent_id),
            answer,
            status: word(&row.status, T, "status")?,
            score: row.score.map(score).transpose()?,
            presented: row.presented,
            received_at: row.received_at,
        },
        agent_name: row.agent_name,
        agent_slug: row.agent_slug,
        agent_real_tasks: number(row.real_tasks, "agents", "real_tasks")?,
        agent_tier: row.agent_tier.map(|tier| word(&tier, "standings", "tier")).transpose()?,
        invited_at: row.invited_at,
        verdict: row.verdict,
        removed_at,
    })
}

fn score(stored: i64) -> Result<Ppm> {
    Ok(Ppm::new(number(stored, T, "score")?))
}
