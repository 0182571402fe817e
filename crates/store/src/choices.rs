//! What the buyer decides: select, cancel, revise, approve. Each is one transaction, guarded by the state.

use crate::db::{Conn, Tx, sql};
use crate::events::{Change, change_state, tell};
use crate::invitations::close_all_open;
use crate::ledger::Settlement;
use crate::{
    Guarded, IdempotencyKey, Once, Result, Store, deliveries, gallery::GalleryBid, idempotency, locks,
};
use gavel_domain::bid::BidStatus;
use gavel_domain::delivery::{Delivery, DeliveryStatus};
use gavel_domain::event::{Actor, EventKind};
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::{TaskEvent, TaskState};
use gavel_domain::task::Task;
use gavel_domain::{BidId, TaskId, Timestamp};
use serde_json::json;

/// Why a buyer's decision was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The task's state does not allow it.
    #[error("the task is {0}")]
    State(TaskState),
    /// The task has no such bid.
    #[error("the task has no such bid")]
    NoSuchBid,
    /// After the phase only presented bids can be selected.
    #[error("the bid is not among those presented")]
    NotPresented,
    /// There is no delivery waiting for an answer.
    #[error("no delivery is ready for an answer")]
    NoDelivery,
    /// All revisions are used.
    #[error("all {0} revisions are used")]
    NoRevisionsLeft(u32),
}

/// What a decision led to.
pub type Decided<T> = std::result::Result<T, Refusal>;

impl Store {
    /// The buyer picks a bid; exactly one selection wins whatever races. While agents still work this closes the
    /// phase first: both changes, and the end of the other invitations, are one transaction.
    pub async fn select(
        &self,
        task: TaskId,
        bid: BidId,
        key: Option<&IdempotencyKey>,
        now: Timestamp,
        render: impl FnOnce(&Task, &GalleryBid) -> String + Send,
    ) -> Result<Once<Decided<String>>> {
        let mut tx = self.begin().await?;
        if let Some(before) = idempotency::begin(&mut tx, key, now).await? {
            return Ok(before);
        }
        let state = locks::task(&mut tx, task).await?;
        if let Err(refusal) = pick(&mut tx, task, bid, state, now).await? {
            return Ok(Once::Fresh(refused(tx, refusal).await?));
        }
        let (after, chosen) = (loaded(&mut tx, task).await?, crate::gallery::one(&mut tx, task, bid).await?);
        let body = chosen.map(|chosen| render(&after, &chosen)).unwrap_or_default();
        idempotency::finish(&mut tx, key, 200, &body).await?;
        tx.commit().await?;
        self.hints().decided(task);
        Ok(Once::Fresh(Ok(body)))
    }

    /// The buyer ends the task; allowed until a winner is chosen.
    pub async fn cancel(
        &self,
        task: TaskId,
        actor: Actor,
        reason: &str,
        now: Timestamp,
    ) -> Result<Decided<Task>> {
        let mut tx = self.begin().await?;
        let from = locks::task(&mut tx, task).await?;
        close_all_open(&mut tx, (task, from), Outcome::Cancelled, now).await?;
        let change = by_hand(task, from, TaskEvent::Cancel, actor, Some(reason), None, now);
        if let Guarded::Lost = change_state(&mut tx, change).await? {
            return refused(tx, Refusal::State(from)).await;
        }
        self.decided(tx, task).await
    }

    /// The buyer wants changes: the winner is called again in final mode with the notes.
    pub async fn request_revision(
        &self,
        task: TaskId,
        next: &Delivery,
        revisions_max: u32,
        now: Timestamp,
    ) -> Result<Decided<Task>> {
        let mut tx = self.begin().await?;
        let current = match answerable(&mut tx, task).await? {
            Ok(delivery) => delivery,
            Err(refusal) => return refused(tx, refusal).await,
        };
        if current.revision >= revisions_max {
            return refused(tx, Refusal::NoRevisionsLeft(revisions_max)).await;
        }
        deliveries::set_status(&mut tx, current.id, DeliveryStatus::RevisionRequested).await?;
        let next = Delivery { revision: current.revision + 1, bid: current.bid, ..next.clone() };
        deliveries::insert(&mut tx, &next).await?;
        let data = json!({ "status": "revision_requested", "revision": next.revision });
        let _ =
            tell(&mut tx, (task, TaskState::Delivering, None), EventKind::Delivery, Actor::Buyer, data, now)
                .await?;
        sql!(
            tx,
            execute,
            "UPDATE tasks SET ready_at = $2, expires_at = NULL, lease_owner = NULL, lease_until = NULL,
                 fence = fence + 1 WHERE id = $1",
            task.uuid(),
            now
        )?;
        self.decided(tx, task).await
    }

    /// The buyer accepts the work: the task completes and the held funds are released, in one transaction.
    pub async fn approve(
        &self,
        task: TaskId,
        settle: Option<&Settlement>,
        now: Timestamp,
    ) -> Result<Decided<Task>> {
        let mut tx = self.begin().await?;
        let delivery = match answerable(&mut tx, task).await? {
            Ok(delivery) => delivery,
            Err(refusal) => return refused(tx, refusal).await,
        };
        approve(&mut tx, task, &delivery, Actor::Buyer, None, settle, now).await?;
        self.decided(tx, task).await
    }

    async fn decided(&self, mut tx: Tx, task: TaskId) -> Result<Decided<Task>> {
        let after = loaded(&mut tx, task).await?;
        tx.commit().await?;
        self.hints().decided(task);
        Ok(Ok(after))
    }
}

/// Nothing was changed. The rows are let go before the caller is told: the loop skips locked ones.
async fn refused<T>(tx: Tx, refusal: Refusal) -> Result<Decided<T>> {
    tx.rollback().await?;
    Ok(Err(refusal))
}

/// Marks the delivery approved and completes the task; the money moves in the same transaction.
pub(crate) async fn approve(
    tx: &mut Tx,
    task: TaskId,
    delivery: &Delivery,
    actor: Actor,
    reason: Option<&str>,
    settle: Option<&Settlement>,
    now: Timestamp,
) -> Result<()> {
    deliveries::set_status(tx, delivery.id, DeliveryStatus::Approved).await?;
    let data = json!({ "status": "approved", "revision": delivery.revision });
    let _ = tell(tx, (task, TaskState::Delivering, None), EventKind::Delivery, actor, data, now).await?;
    if let Some(settle) = settle {
        crate::ledger::release(tx, task, settle, now).await?;
    }
    let change = by_hand(task, TaskState::Delivering, TaskEvent::Approve, actor, reason, None, now);
    let _ = change_state(tx, change).await?; // the row is locked and was delivering
    Ok(())
}

fn by_hand(
    task: TaskId,
    from: TaskState,
    event: TaskEvent,
    actor: Actor,
    reason: Option<&str>,
    ready_at: Option<Timestamp>,
    at: Timestamp,
) -> Change<'_> {
    Change { task, from, event, fence: None, actor, reason, expires_at: None, ready_at, at }
}

/// Everything a selection changes, or why it cannot be.
async fn pick(
    tx: &mut Tx,
    task: TaskId,
    bid: BidId,
    state: TaskState,
    now: Timestamp,
) -> Result<Decided<()>> {
    let Some(chosen) = crate::gallery::one(tx, task, bid).await? else { return Ok(Err(Refusal::NoSuchBid)) };
    match state {
        TaskState::Prototyping => {
            close_all_open(tx, (task, state), Outcome::Superseded, now).await?;
            let close =
                by_hand(task, state, TaskEvent::ClosePhase, Actor::Buyer, Some("early_selection"), None, now);
            let _ = change_state(tx, close).await?; // the row is locked and was prototyping
            crate::scores::present_round(tx, task, chosen.bid.round).await?;
        }
        TaskState::Review if chosen.bid.presented => {}
        TaskState::Review => return Ok(Err(Refusal::NotPresented)),
        other => return Ok(Err(Refusal::State(other))),
    }
    if state == TaskState::Prototyping && chosen.bid.status == BidStatus::Received {
        return Ok(Err(Refusal::NotPresented)); // not judged yet; the transaction is rolled back
    }
    let select = by_hand(task, TaskState::Review, TaskEvent::Select, Actor::Buyer, None, Some(now), now);
    let _ = change_state(tx, select).await?;
    sql!(
        tx,
        execute,
        "UPDATE bids SET status = 'not_selected' WHERE task_id = $1 AND id <> $2",
        task.uuid(),
        bid.uuid()
    )?;
    sql!(tx, execute, "UPDATE bids SET status = 'selected' WHERE id = $1", bid.uuid())?;
    Ok(Ok(()))
}

/// The delivery that waits for the buyer's answer, with the task's row locked.
async fn answerable(tx: &mut Tx, task: TaskId) -> Result<Decided<Delivery>> {
    let state = locks::task(tx, task).await?;
    if state != TaskState::Delivering {
        return Ok(Err(Refusal::State(state)));
    }
    let delivery = deliveries::latest(tx, task).await?;
    Ok(delivery.filter(|d| d.status == DeliveryStatus::Ready).ok_or(Refusal::NoDelivery))
}

async fn loaded(c: &mut Conn, task: TaskId) -> Result<Task> {
    crate::tasks::load(c, task).await?.ok_or_else(|| locks::gone(task))
}
