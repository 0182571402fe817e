//! The winner finishes the work, then the buyer answers. What is pending is sent; what is ready waits; silence ends
//! the wait by policy.

use crate::call::Letter;
use crate::journal::StepJournal;
use crate::{Context, error::StepError, pump::Step};
use gavel_dispatcher::Settled;
use gavel_domain::Timestamp;
use gavel_domain::bid::Bid;
use gavel_domain::delivery::{Delivery, DeliveryStatus};
use gavel_domain::invitation::{Mode, Outcome};
use gavel_domain::limits::SENDS_MAX;
use gavel_domain::policy::Silence;
use gavel_store::invitations::Dispatch;
use gavel_store::{Claimed, Guarded};

pub(crate) async fn run(context: &Context, claimed: Claimed) -> Step {
    let task = claimed.task().id;
    let delivery = context.store.latest_delivery(task).await?;
    let delivery = delivery
        .ok_or_else(|| StepError::Missing(format!("task {task} is delivering but has no delivery")))?;
    match delivery.status {
        DeliveryStatus::Pending => finish(context, claimed, delivery).await,
        DeliveryStatus::Ready => await_answer(context, claimed, delivery).await,
        // Frozen, or about to be followed by the next row: nothing for the loop to do.
        DeliveryStatus::Disputed
        | DeliveryStatus::RevisionRequested
        | DeliveryStatus::Approved
        | DeliveryStatus::Failed => Ok(context.store.release(claimed.lease(), None).await?),
    }
}

/// Makes the final call and records what came of it.
async fn finish(context: &Context, claimed: Claimed, delivery: Delivery) -> Step {
    let Some((winner, dispatch)) = winner(context, &claimed, &delivery).await? else {
        return fail(context, claimed, &delivery, Outcome::PlatformFault).await;
    };
    // Before the limit runs and before a send is written down: whoever waits has not been asked.
    let place = context.lanes.place(dispatch.invitation.agent, dispatch.max_concurrency).await;
    let now = context.clock.now();
    let delivery =
        Delivery { deadline_at: deadline(context, &claimed, &delivery, &dispatch, now), ..delivery };
    if dispatch.sends >= SENDS_MAX || delivery.deadline_at <= now {
        return fail(context, claimed, &delivery, Outcome::PlatformFault).await; // we were away too long
    }

    let task = claimed.task().clone();
    let notes = delivery.notes.as_deref();
    let letter = Letter::finishing(context, &task, delivery.revision, winner.answer.price, notes);
    let attempt = letter.attempt(context, &dispatch, now);
    let call = letter.call(context, &dispatch, attempt.id, (delivery.deadline_at, true))?;
    if let Guarded::Lost = context.store.begin_final_call(&claimed, &delivery, &attempt).await? {
        return Ok(());
    }
    let settled = StepJournal::dispatcher(context, &claimed).exchange_in(place, &call).await;

    record(context, claimed, &delivery, settled).await
}

async fn winner(
    context: &Context,
    claimed: &Claimed,
    delivery: &Delivery,
) -> Result<Option<(Bid, Dispatch)>, StepError> {
    let Some(bid) = context.store.selected_bid(claimed.task().id).await? else { return Ok(None) };
    let dispatch = context.store.final_dispatch(bid.invitation, delivery.revision).await?;
    Ok(dispatch.map(|dispatch| (bid, dispatch)))
}

/// The call's limit runs from its first send; a restart does not move it.
fn deadline(
    context: &Context,
    claimed: &Claimed,
    delivery: &Delivery,
    dispatch: &Dispatch,
    now: Timestamp,
) -> Timestamp {
    if dispatch.sends > 0 {
        return delivery.deadline_at;
    }
    now + context.settings.timers.call_limit(Mode::Final, &claimed.task().brief.category)
}

async fn record(context: &Context, claimed: Claimed, delivery: &Delivery, settled: Settled) -> Step {
    let Some(answer) = &settled.ended.answer else {
        context.store.end_attempt(settled.attempt, &settled.result).await?;
        return fail(context, claimed, delivery, settled.ended.outcome).await;
    };
    let now = context.clock.now();
    let until = now + context.settings.timers.answer_window;
    let last_send = (settled.attempt, &settled.result);
    let _: Guarded<()> =
        context.store.delivery_ready(claimed, delivery, answer, last_send, until, now).await?;
    Ok(())
}

async fn fail(context: &Context, claimed: Claimed, delivery: &Delivery, outcome: Outcome) -> Step {
    let settle = context.settlement(claimed.task().test);
    let now = context.clock.now();
    let _: Guarded<()> =
        context.store.delivery_failed(claimed, delivery, outcome, settle.as_ref(), now).await?;
    Ok(())
}

async fn await_answer(context: &Context, claimed: Claimed, delivery: Delivery) -> Step {
    let now = context.clock.now();
    if let Some(until) = claimed.task().expires_at.filter(|until| *until > now) {
        return Ok(context.store.release(claimed.lease(), Some(until)).await?);
    }
    let settle = context.settlement(claimed.task().test);
    let _: Guarded<()> = match context.settings.timers.on_silence {
        Silence::Approve => {
            context.store.approve_by_silence(claimed, &delivery, settle.as_ref(), now).await?
        }
        Silence::Expire => context.store.lapse(claimed, "answer_window_lapsed", settle.as_ref(), now).await?,
    };
    Ok(())
}
