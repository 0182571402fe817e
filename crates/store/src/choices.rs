//! What the buyer decides: select, cancel, revise, approve. Each is part of one transaction, guarded by the state.
//! What is refused has written nothing.

use crate::db::{Tx, sql};
use crate::deed::Hint;
use crate::events::{Change, change_state, tell};
use crate::faults::{Planted, planted};
use crate::invitations::close_all_open;
use crate::ledger::Settlement;
use crate::{Deed, Error, Result, deliveries, gallery::GalleryBid, locks, standings};
use gavel_domain::bid::BidStatus;
use gavel_domain::delivery::{Delivery, DeliveryStatus};
use gavel_domain::event::{Actor, EventKind};
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::{TaskEvent, TaskState};
use gavel_domain::task::Task;
use gavel_domain::{BidId, DeliveryId, TaskId, Timestamp};
use gavel_triage::Rules;
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

/// The changes a buyer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The id of the delivery they lead to.
    pub id: DeliveryId,
    /// What to change.
    pub notes: String,
    /// When the winner's call ends at the latest, unless it begins later.
    pub deadline_at: Timestamp,
}

impl Deed {
    /// The buyer picks a bid; exactly one selection wins whatever races. While agents still work this closes the
    /// phase first: both changes, and the end of the other invitations, are one transaction.
    pub async fn select(
        &mut self,
        task: TaskId,
        bid: BidId,
        now: Timestamp,
    ) -> Result<Decided<(Task, GalleryBid)>> {
        let state = locks::task(&mut self.tx, task).await?;
        if let Err(refusal) = pick(&mut self.tx, task, bid, state, self.store.rules(), now).await? {
            return Ok(Err(refusal));
        }
        let chosen = crate::gallery::one(&mut self.tx, task, bid).await?;
        let chosen = chosen.ok_or_else(|| Error::Inconsistent {
            table: "bids",
            column: "id",
            problem: format!("bid {bid} was selected and is gone"),
        })?;
        Ok(Ok((self.decided(task).await?, chosen)))
    }

    /// The buyer ends the task; allowed until a winner is chosen.
    pub async fn cancel(
        &mut self,
        task: TaskId,
        actor: Actor,
        reason: &str,
        now: Timestamp,
    ) -> Result<Decided<Task>> {
        let from = locks::task(&mut self.tx, task).await?;
        if from.after(TaskEvent::Cancel).is_err() {
            return Ok(Err(Refusal::State(from)));
        }
        close_all_open(&mut self.tx, (task, from), Outcome::Cancelled, now).await?;
        let change = by_hand(task, from, TaskEvent::Cancel, actor, Some(reason), None, now);
        let _ = change_state(&mut self.tx, change).await?; // the row is locked
        Ok(Ok(self.decided(task).await?))
    }

    /// The buyer wants changes: the winner is called again in final mode with the notes.
    pub async fn request_revision(
        &mut self,
        task: TaskId,
        wish: Revision,
        revisions_max: u32,
        now: Timestamp,
    ) -> Result<Decided<(Task, Delivery)>> {
        let tx = &mut self.tx;
        let current = match answerable(tx, task).await? {
            Ok(delivery) => delivery,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if current.revision >= revisions_max {
            return Ok(Err(Refusal::NoRevisionsLeft(revisions_max)));
        }
        deliveries::set_status(tx, current.id, DeliveryStatus::RevisionRequested).await?;
        let next = next(&current, wish);
        deliveries::insert(tx, &next).await?;
        let data = json!({ "status": "revision_requested", "revision": next.revision });
        let guard = (task, TaskState::Delivering, None);
        let _ = tell(tx, guard, EventKind::Delivery, Actor::Buyer, data, now).await?;
        sql!(
            tx,
            execute,
            "UPDATE tasks SET ready_at = $2, expires_at = NULL, lease_owner = NULL, lease_until = NULL,
                 fence = fence + 1, failures = 0, dead_at = NULL, dead_reason = NULL WHERE id = $1",
            task.uuid(),
            now
        )?;
        Ok(Ok((self.decided(task).await?, next)))
    }

    /// The buyer accepts the work: the task completes and the held funds are released, in one transaction.
    pub async fn approve(
        &mut self,
        task: TaskId,
        settle: Option<&Settlement>,
        now: Timestamp,
    ) -> Result<Decided<Task>> {
        let delivery = match answerable(&mut self.tx, task).await? {
            Ok(delivery) => delivery,
            Err(refusal) => return Ok(Err(refusal)),
        };
        approve(&mut self.tx, task, &delivery, Actor::Buyer, None, settle, now).await?;
        Ok(Ok(self.decided(task).await?))
    }

    /// The task as it is now, and everybody who works on it is told.
    async fn decided(&mut self, task: TaskId) -> Result<Task> {
        self.then(Hint::Decided(task));
        crate::tasks::load(&mut self.tx, task).await?.ok_or_else(|| locks::gone(task))
    }
}

/// The delivery that follows one that was not what the buyer wanted.
fn next(current: &Delivery, wish: Revision) -> Delivery {
    Delivery {
        id: wish.id,
        task: current.task,
        bid: current.bid,
        revision: current.revision + 1,
        status: DeliveryStatus::Pending,
        notes: Some(wish.notes),
        deadline_at: wish.deadline_at,
        answer: None,
        ready_at: None,
    }
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
        #[cfg(feature = "faults")]
        crate::faults::pay_twice(tx, task, settle, now).await?;
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
    let (fence, keeps_claim, expires_at) = (None, false, None);
    Change { task, from, event, fence, keeps_claim, actor, reason, expires_at, ready_at, at }
}

/// Everything a selection changes, or why it cannot be.
async fn pick(
    tx: &mut Tx,
    task: TaskId,
    bid: BidId,
    state: TaskState,
    rules: &Rules,
    now: Timestamp,
) -> Result<Decided<()>> {
    let Some(chosen) = crate::gallery::one(tx, task, bid).await? else { return Ok(Err(Refusal::NoSuchBid)) };
    match state {
        // Not judged yet; nothing has been written so far.
        TaskState::Prototyping if chosen.bid.status == BidStatus::Received => {
            return Ok(Err(Refusal::NotPresented));
        }
        TaskState::Prototyping => {
            close_all_open(tx, (task, state), Outcome::Superseded, now).await?;
            let close =
                by_hand(task, state, TaskEvent::ClosePhase, Actor::Buyer, Some("early_selection"), None, now);
            let _ = change_state(tx, close).await?; // the row is locked and was prototyping
            crate::scores::present_round(tx, task, chosen.bid.round).await?;
        }
        TaskState::Review if chosen.bid.presented => {}
        TaskState::Review => return Ok(Err(Refusal::NotPresented)),
        TaskState::Accepted | TaskState::Delivering if planted(Planted::SecondWinner) => {}
        other => return Ok(Err(Refusal::State(other))),
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
    standings::after_choice(tx, (task, chosen.bid.round), bid, rules).await?;
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
