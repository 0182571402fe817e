//! Verdicts, and the end of a phase: who is presented.

use crate::db::{Conn, sql};
use crate::events::tell;
use crate::faults::{Planted, planted};
use crate::rounds::tx_change;
use crate::rows::number;
use crate::{
    Claimed, Guarded, Result, Store,
    invitations::{close_all_open, holds},
    locks, standings,
};
use gavel_domain::benchmark;
use gavel_domain::bid::{Standing, shortlist};
use gavel_domain::event::{Actor, EventKind};
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskEvent;
use gavel_domain::{AgentId, BidId, Ppm, TaskId, Timestamp};
use gavel_triage::Rules;
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A bid that was judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Which.
    pub bid: BidId,
    /// Whose.
    pub agent: AgentId,
    /// The agent's short name, for the event.
    pub agent_slug: String,
    /// The judge's word.
    pub verdict: NewVerdict,
}

/// A judge's word on a bid.
#[derive(Debug, Clone)]
pub struct NewVerdict {
    /// Name and version of the judge.
    pub judge: String,
    /// The composite score.
    pub composite: Ppm,
    /// The whole verdict, as JSON text.
    pub document: String,
}

/// Where a round stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundProgress {
    /// The task's events so far, read before anything else: what happens later has a higher number.
    pub event_seq: i64,
    /// One per bid: its score, once it has one.
    pub scores: Vec<Option<Ppm>>,
}

/// What became of the wish to end a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseEnd {
    /// It is over.
    Closed,
    /// Bids are in that nobody has judged: not yet.
    BidsToJudge,
}

impl Store {
    /// Where a round stands, without the bodies.
    pub async fn progress(&self, task: TaskId, round: u32) -> Result<RoundProgress> {
        let mut c = self.read().await?;
        let (event_seq,) =
            sql!(c, fetch_one as (i64,), "SELECT event_seq FROM tasks WHERE id = $1", task.uuid())?;
        let rows = sql!(
            c,
            fetch_all as (Option<i64>,),
            "SELECT score FROM bids WHERE task_id = $1 AND round = $2",
            task.uuid(),
            i64::from(round)
        )?;
        let score = |(score,): (Option<i64>,)| score.and_then(|s| u32::try_from(s).ok()).map(Ppm::new);
        Ok(RoundProgress { event_seq, scores: rows.into_iter().map(score).collect() })
    }

    /// prototyping -> review, or -> expired when there is no bid; a benchmark's task -> cancelled, whatever came. Invitations that are still open end as
    /// `late` (or, when the close policy was met before the deadline, as `superseded`): neither counts.
    ///
    /// What was `judged` is written first. A phase in which a bid waits for the judge is not closed, whatever came to our
    /// door since the caller looked: [`PhaseEnd::BidsToJudge`]. Those that no judge could read (`unjudged`) stay unscored
    /// and hold up nobody.
    pub async fn close_phase(
        &self,
        claimed: &Claimed,
        judged: &[Judged],
        unjudged: &BTreeSet<BidId>,
        open_become: Outcome,
        review_until: Timestamp,
        now: Timestamp,
    ) -> Result<Guarded<PhaseEnd>> {
        let mut tx = self.begin().await?;
        if !holds(&mut tx, claimed.lease()).await? {
            return Ok(Guarded::Lost);
        }
        if !judged.is_empty() {
            locks::agents(&mut tx, claimed.task().id).await?;
        }
        if let Guarded::Lost = score_all(&mut tx, claimed, judged, self.rules(), now).await? {
            return Ok(Guarded::Lost);
        }
        let task = claimed.task();
        let bids = ranked(&mut tx, task.id, task.round).await?;
        if bids.unscored.iter().any(|bid| !unjudged.contains(bid)) && !planted(Planted::BidUnjudged) {
            tx.commit().await?;
            return Ok(Guarded::Done(PhaseEnd::BidsToJudge));
        }
        let nothing = bids.scored.is_empty() && bids.unscored.is_empty();
        let (event, until, reason) = match task.is_benchmark() {
            true => (TaskEvent::Cancel, None, Some(benchmark::ENDED)), // there is no buyer to look at it
            false if nothing => (TaskEvent::NoValidBids, None, Some("no_valid_bids")),
            false => (TaskEvent::ClosePhase, Some(review_until), None),
        };
        close_all_open(&mut tx, (task.id, task.state), open_become, now).await?;
        let change = self.change(claimed, event, until, until, reason, now);
        let changed = tx_change(&mut tx, change).await?;
        if !task.is_benchmark() {
            present(&mut tx, shortlist(bids.scored)).await?;
        }
        if let Guarded::Lost = self.conclude(changed, tx, claimed).await? {
            return Ok(Guarded::Lost);
        }
        if task.is_benchmark() {
            self.hints().benchmark();
        }
        Ok(Guarded::Done(PhaseEnd::Closed))
    }
}

/// Writes verdicts, inside a transaction that holds their task and its agents.
pub(crate) async fn score_all(
    c: &mut Conn,
    claimed: &Claimed,
    judged: &[Judged],
    rules: &Rules,
    now: Timestamp,
) -> Result<Guarded<()>> {
    for judged in by_agent(judged, |judged| judged.agent) {
        if let Guarded::Lost = score(c, claimed, judged, rules, now).await? {
            return Ok(Guarded::Lost);
        }
    }
    Ok(Guarded::Done(()))
}

/// Rows of agents are locked in the order of their ids (`locks.rs`).
pub(crate) fn by_agent<T>(all: &[T], agent: impl Fn(&T) -> AgentId) -> Vec<&T> {
    let mut sorted: Vec<&T> = all.iter().collect();
    sorted.sort_by_key(|one| agent(one));
    sorted
}

/// Stores a verdict, gives the bid its score and adds it to the agent's standing in the category; nothing where the bid
/// has a score already.
async fn score(
    c: &mut Conn,
    claimed: &Claimed,
    judged: &Judged,
    rules: &Rules,
    now: Timestamp,
) -> Result<Guarded<()>> {
    let Judged { bid, agent, agent_slug, verdict } = judged;
    let composite = i64::from(verdict.composite.get());
    let scored = sql!(
        c,
        execute,
        "UPDATE bids SET score = $2, status = 'scored' WHERE id = $1 AND status = 'received'",
        bid.uuid(),
        composite
    )?;
    if scored == 0 {
        return Ok(Guarded::Done(()));
    }
    sql!(
        c,
        execute,
        "INSERT INTO verdicts (bid_id, judge, composite, document, judged_at) VALUES ($1, $2, $3, $4, $5)",
        bid.uuid(),
        &verdict.judge,
        composite,
        &verdict.document,
        now
    )?;
    if !claimed.task().is_benchmark() {
        standings::after_score(c, *agent, claimed.task(), verdict.composite, rules).await?;
    }
    let data = json!({ "bid_id": bid.to_string(), "agent": agent_slug, "eval_score": verdict.composite.as_f64(),
                       "judge": verdict.judge });
    tell(c, claimed.guard(), EventKind::Scored, Actor::Gavel, data, now).await
}

struct Ranked {
    scored: Vec<Standing>,
    unscored: Vec<BidId>,
}

async fn ranked(c: &mut Conn, task: TaskId, round: u32) -> Result<Ranked> {
    let rows = sql!(
        c,
        fetch_all as (Uuid, Option<i64>, Timestamp),
        "SELECT id, score, received_at FROM bids WHERE task_id = $1 AND round = $2",
        task.uuid(),
        i64::from(round)
    )?;
    let mut ranked = Ranked { scored: Vec::new(), unscored: Vec::new() };
    for (id, score, received_at) in rows {
        let bid = BidId::from_uuid(id);
        match score {
            Some(score) => {
                let score = Ppm::new(number(score, "bids", "score")?);
                ranked.scored.push(Standing { bid, score, received_at });
            }
            None => ranked.unscored.push(bid),
        }
    }
    Ok(ranked)
}

/// Marks the bids of a round that the buyer is shown first.
pub(crate) async fn present_round(c: &mut Conn, task: TaskId, round: u32) -> Result<()> {
    let bids = ranked(c, task, round).await?;
    present(c, shortlist(bids.scored)).await
}

async fn present(c: &mut Conn, bids: Vec<BidId>) -> Result<()> {
    for bid in bids {
        sql!(
            c,
            execute,
            "UPDATE bids SET presented = TRUE, status = 'presented' WHERE id = $1 AND status = 'scored'",
            bid.uuid()
        )?;
    }
    Ok(())
}
