//! The winner's finished work, from the hold of its price to the buyer's answer.

use crate::db::{Conn, row, sql};
use crate::events::tell;
use crate::invitations::{holds, keep_final_record};
use crate::ledger::{self, Settlement};
use crate::recovery::PLATFORM_FAULT;
use crate::rounds::tx_change;
use crate::rows::{number, word};
use crate::{Claimed, Error, Guarded, Result, Store, answers, attempts, choices, exchanges, letters, locks};
use gavel_domain::delivery::{Delivery, DeliveryStatus};
use gavel_domain::event::{Actor, EventKind};
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{Answer, Attempt, AttemptResult, Ending, Invitation, Mode, Outcome};
use gavel_domain::lifecycle::{TaskEvent, TaskState};
use gavel_domain::{AttemptId, BidId, DeliveryId, InvitationId, Money, TaskId, Timestamp};
use serde_json::json;
use uuid::Uuid;

const T: &str = "deliveries";

row! {
    struct DeliveryRow {
        id: Uuid,
        task_id: Uuid,
        bid_id: Uuid,
        revision: i64,
        status: String,
        notes: Option<String>,
        deadline_at: Timestamp,
        ready_at: Option<Timestamp>,
        price: i64,
    }
}

impl Store {
    /// accepted -> delivering: the price is held (unless money is off) and the first delivery is pending.
    pub async fn hold_and_deliver(
        &self,
        claimed: Claimed,
        delivery: &Delivery,
        settle: Option<&Settlement>,
        now: Timestamp,
    ) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        let change = self.change(&claimed, TaskEvent::FundsHeld, None, Some(now), None, now);
        let changed = tx_change(&mut tx, change).await?;
        if changed == Guarded::Done(()) {
            if let Some(settle) = settle {
                ledger::hold(&mut tx, claimed.task().id, settle, now).await?;
            }
            insert(&mut tx, delivery).await?;
        }
        self.conclude(changed, tx, &claimed).await
    }

    /// The latest delivery of a task.
    pub async fn latest_delivery(&self, task: TaskId) -> Result<Option<Delivery>> {
        let mut c = self.read().await?;
        latest(&mut c, task).await
    }

    /// Takes the winner's place for its final call and writes, before anything is sent, its absolute deadline, what it
    /// says and, unless a worker fetches it, its first attempt. `false`: the agent has no place free, or is no longer
    /// asked in this way; nothing was written, and its limit does not run.
    pub async fn begin_final_call(
        &self,
        claimed: &Claimed,
        delivery: &Delivery,
        (invitation, letter): (&Invitation, &str),
        attempt: Option<&Attempt>,
        now: Timestamp,
    ) -> Result<Guarded<bool>> {
        let mut tx = self.begin().await?;
        if !holds(&mut tx, claimed.lease()).await? {
            return Ok(Guarded::Lost);
        }
        let (task, round) = (claimed.task().id, claimed.task().round);
        locks::agents(&mut tx, task).await?;
        let key = ExchangeKey { invitation: invitation.id, mode: Mode::Final, revision: delivery.revision };
        exchanges::insert_final(&mut tx, key, delivery.deadline_at, attempt.is_none()).await?;
        if !exchanges::take_place(&mut tx, key, now).await? {
            return Ok(Guarded::Done(false)); // rolled back with the transaction
        }
        letters::insert(&mut tx, (task, round, key.mode, key.revision), letter).await?;
        set_deadline(&mut tx, delivery).await?;
        match attempt {
            Some(attempt) => attempts::insert(&mut tx, attempt).await?,
            None => exchanges::others_have_to_wait(&mut tx, invitation.agent, now).await?,
        }
        tx.commit().await?;
        self.hints().invited(invitation.agent);
        Ok(Guarded::Done(true))
    }

    /// The finished work is in: the task waits for the buyer's answer until `answer_until`.
    pub async fn delivery_ready(
        &self,
        claimed: &Claimed,
        delivery: &Delivery,
        answer: &Answer,
        attempt: (AttemptId, &AttemptResult),
        answer_until: Timestamp,
        now: Timestamp,
    ) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        let until = answer_until;
        let ready = ready(&mut tx, claimed.guard(), delivery, (answer, Some(attempt)), until, now).await?;
        self.conclude(ready, tx, claimed).await
    }

    /// No usable work came after all sends: delivering -> expired, the money goes back.
    pub async fn delivery_failed(
        &self,
        claimed: &Claimed,
        delivery: &Delivery,
        outcome: Outcome,
        settle: Option<&Settlement>,
        now: Timestamp,
    ) -> Result<Guarded<()>> {
        self.no_delivery(claimed, delivery, (outcome, "delivery_failed"), settle, now).await
    }

    /// We cannot have the work finished: delivering -> expired, the money goes back, and the winner is not charged.
    pub async fn give_delivery_up(
        &self,
        claimed: Claimed,
        delivery: &Delivery,
        settle: Option<&Settlement>,
        now: Timestamp,
    ) -> Result<Guarded<()>> {
        let fault = (Outcome::PlatformFault, PLATFORM_FAULT);
        self.no_delivery(&claimed, delivery, fault, settle, now).await
    }

    async fn no_delivery(
        &self,
        claimed: &Claimed,
        delivery: &Delivery,
        (outcome, reason): (Outcome, &str),
        settle: Option<&Settlement>,
        now: Timestamp,
    ) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        let data = json!({ "status": "failed", "revision": delivery.revision, "outcome": outcome.name() });
        let told = tell(&mut tx, claimed.guard(), EventKind::Delivery, Actor::Gavel, data, now).await?;
        if told == Guarded::Lost {
            return Ok(Guarded::Lost);
        }
        set_status(&mut tx, delivery.id, DeliveryStatus::Failed).await?;
        keep_final_record(&mut tx, delivery.bid, outcome).await?; // before the exchange: it locks the agent
        end_exchange(&mut tx, delivery, outcome, now).await?;
        if let Some(settle) = settle {
            ledger::refund(&mut tx, claimed.task().id, settle, now).await?;
        }
        let change = self.change(claimed, TaskEvent::DeliveryFailed, None, None, Some(reason), now);
        let changed = tx_change(&mut tx, change).await?;
        self.conclude(changed, tx, claimed).await
    }

    /// The answer window lapsed and silence approves.
    pub async fn approve_by_silence(
        &self,
        claimed: Claimed,
        delivery: &Delivery,
        settle: Option<&Settlement>,
        now: Timestamp,
    ) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        if !holds(&mut tx, claimed.lease()).await? {
            return Ok(Guarded::Lost);
        }
        let task = claimed.task().id;
        choices::approve(&mut tx, task, delivery, Actor::Gavel, Some("answer_window_lapsed"), settle, now)
            .await?;
        self.conclude(Guarded::Done(()), tx, &claimed).await
    }

    /// A window lapsed and its policy is to expire: review or delivering -> expired, held funds go back.
    pub async fn lapse(
        &self,
        claimed: Claimed,
        reason: &str,
        settle: Option<&Settlement>,
        now: Timestamp,
    ) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        let change = self.change(&claimed, TaskEvent::Lapse, None, None, Some(reason), now);
        let changed = tx_change(&mut tx, change).await?;
        if changed == Guarded::Done(())
            && claimed.task().state == TaskState::Delivering
            && let Some(settle) = settle
        {
            ledger::refund(&mut tx, claimed.task().id, settle, now).await?;
        }
        self.conclude(changed, tx, &claimed).await
    }
}

/// The finished work is stored and the task waits for the buyer's answer.
pub(crate) async fn ready(
    c: &mut Conn,
    guard: (TaskId, TaskState, Option<i64>),
    delivery: &Delivery,
    (answer, last_send): (&Answer, Option<(AttemptId, &AttemptResult)>),
    answer_until: Timestamp,
    now: Timestamp,
) -> Result<Guarded<()>> {
    let data = json!({ "status": "ready", "revision": delivery.revision, "expires_at": answer_until });
    if let Guarded::Lost = tell(c, guard, EventKind::Delivery, Actor::Gavel, data, now).await? {
        return Ok(Guarded::Lost);
    }
    sql!(
        c,
        execute,
        "UPDATE deliveries SET status = 'ready', ready_at = $2 WHERE id = $1 AND status = 'pending'",
        delivery.id.uuid(),
        now
    )?;
    answers::insert(c, delivery.id.uuid(), answer).await?;
    keep_final_record(c, delivery.bid, Outcome::Valid).await?; // before the exchange: it locks the agent
    if let Some((attempt, result)) = last_send {
        attempts::end(c, attempt, result).await?;
    }
    end_exchange(c, delivery, Outcome::Valid, now).await?;
    // The fence moves: a step that still waits for this call is dropped.
    sql!(
        c,
        execute,
        "UPDATE tasks SET ready_at = $2, expires_at = $2, lease_owner = NULL, lease_until = NULL, fence = fence + 1,
             failures = 0, dead_at = NULL, dead_reason = NULL
         WHERE id = $1",
        delivery.task.uuid(),
        answer_until
    )?;
    Ok(Guarded::Done(()))
}

async fn end_exchange(c: &mut Conn, delivery: &Delivery, outcome: Outcome, at: Timestamp) -> Result<()> {
    let row = sql!(
        c,
        fetch_optional as (Uuid,),
        "SELECT invitation_id FROM bids WHERE id = $1",
        delivery.bid.uuid()
    )?;
    if let Some((invitation,)) = row {
        let ending = Ending { outcome, detail: None, at };
        exchanges::end_all(c, InvitationId::from_uuid(invitation), &ending).await?;
        attempts::abandon(c, InvitationId::from_uuid(invitation), &ending).await?;
    }
    Ok(())
}

pub(crate) async fn latest(c: &mut Conn, task: TaskId) -> Result<Option<Delivery>> {
    let row = sql!(
        c,
        fetch_optional as DeliveryRow,
        "SELECT d.id, d.task_id, d.bid_id, d.revision, d.status, d.notes, d.deadline_at, d.ready_at, b.price
         FROM deliveries d JOIN bids b ON b.id = d.bid_id
         WHERE d.task_id = $1 ORDER BY d.revision DESC LIMIT 1",
        task.uuid()
    )?;
    let Some(row) = row else { return Ok(None) };
    let answer = answers::load(c, row.id, Money::from_minor(row.price)).await?;
    Ok(Some(Delivery {
        id: DeliveryId::from_uuid(row.id),
        task: TaskId::from_uuid(row.task_id),
        bid: BidId::from_uuid(row.bid_id),
        revision: number(row.revision, T, "revision")?,
        status: word(&row.status, T, "status")?,
        notes: row.notes,
        deadline_at: row.deadline_at,
        answer,
        ready_at: row.ready_at,
    }))
}

pub(crate) async fn insert(c: &mut Conn, delivery: &Delivery) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO deliveries (id, task_id, bid_id, revision, status, notes, deadline_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        delivery.id.uuid(),
        delivery.task.uuid(),
        delivery.bid.uuid(),
        i64::from(delivery.revision),
        delivery.status.name(),
        &delivery.notes,
        delivery.deadline_at
    )?;
    Ok(())
}

async fn set_deadline(c: &mut Conn, delivery: &Delivery) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE deliveries SET deadline_at = $2 WHERE id = $1",
        delivery.id.uuid(),
        delivery.deadline_at
    )?;
    Ok(())
}

pub(crate) async fn set_status(c: &mut Conn, delivery: DeliveryId, status: DeliveryStatus) -> Result<()> {
    let set =
        sql!(c, execute, "UPDATE deliveries SET status = $2 WHERE id = $1", delivery.uuid(), status.name())?;
    if set == 1 {
        return Ok(());
    }
    Err(Error::Inconsistent {
        table: T,
        column: "id",
        problem: format!("delivery {delivery} does not exist"),
    })
}
