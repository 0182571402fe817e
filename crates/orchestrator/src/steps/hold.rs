//! A winner is recorded: its price is held (at once with the built-in ledger) and its final call is prepared.

use crate::{Context, error::StepError, pump::Step};
use gavel_domain::DeliveryId;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::delivery::{Delivery, DeliveryStatus};
use gavel_domain::invitation::Mode;
use gavel_store::Claimed;

pub(crate) async fn run(context: &Context, claimed: Claimed) -> Step {
    let task = claimed.task();
    let winner = context.store.selected_bid(task.id).await?;
    let winner =
        winner.ok_or_else(|| StepError::Missing(format!("task {} is accepted but no bid won", task.id)))?;

    let now = context.clock.now();
    let delivery = Delivery {
        id: DeliveryId::new(now, &*context.chance),
        task: task.id,
        bid: winner.id,
        revision: 0,
        status: DeliveryStatus::Pending,
        notes: None,
        deadline_at: now
            + context.settings.timers.call_limit(ExecutionMode::Sync, Mode::Final, &task.brief.category),
        answer: None,
        ready_at: None,
    };

    let settle = context.hold(task.test);
    let _ = context.store.hold_and_deliver(claimed, &delivery, settle.as_ref(), now).await?;
    Ok(())
}
