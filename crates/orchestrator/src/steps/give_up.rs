//! Nothing helped: the task ends as far as its life allows, and nobody is charged for it. What cannot be ended so is an
//! error, and its task is set aside at last.

use crate::{Context, error::StepError, pump::Step};
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::lifecycle::TaskState;
use gavel_store::recovery::PLATFORM_FAULT;
use gavel_store::{Claimed, Guarded};

pub(crate) async fn run(context: &Context, claimed: Claimed) -> Step {
    let (task, now) = (claimed.task().id, context.clock.now());
    tracing::error!(task.id = %task, state = %claimed.task().state, failures = claimed.failures(), "a task is given up");
    let _: Guarded<()> = match claimed.task().state {
        TaskState::Open | TaskState::Matching | TaskState::Prototyping | TaskState::Review => {
            context.store.give_up(claimed, now).await?
        }
        // The buyer may pick again.
        TaskState::Accepted => {
            let until = now + context.settings.timers.review_window;
            context.store.take_selection_back(claimed, until, now).await?
        }
        TaskState::Delivering => return delivery(context, claimed).await,
        TaskState::Completed | TaskState::Cancelled | TaskState::Expired => {
            return Ok(context.store.release(claimed.lease(), None).await?);
        }
    };
    Ok(())
}

/// The buyer gets the money back for work that never came. Work that is there belongs to somebody: whether it is paid is
/// the buyer's to say, or an operator's.
async fn delivery(context: &Context, claimed: Claimed) -> Step {
    let (task, now) = (claimed.task(), context.clock.now());
    let settle = context.settlement(task.test);
    let _: Guarded<()> = match context.store.latest_delivery(task.id).await? {
        None => context.store.lapse(claimed, PLATFORM_FAULT, settle.as_ref(), now).await?,
        Some(delivery) if delivery.status == DeliveryStatus::Pending => {
            context.store.give_delivery_up(claimed, &delivery, settle.as_ref(), now).await?
        }
        Some(delivery) => {
            let status = delivery.status.name();
            let why = format!("task {} cannot be given up: its delivery is {status}", task.id);
            return Err(StepError::Missing(why));
        }
    };
    Ok(())
}
