//! The life of a task, one file per thing that happens. Every step gathers, decides, acts and records.

mod matching;
mod benchmark; // the one agent of a benchmark's task
mod plan;
mod reserve;
mod collect;
mod score;
mod review;
mod hold;
mod deliver;
mod give_up;

pub(crate) use give_up::run as give_up;

use crate::{Context, pump::Step, slots::Slot};
use gavel_domain::lifecycle::TaskState;
use gavel_store::Claimed;

/// Takes the step that a task's state calls for. Whoever has decided whom to ask goes on and asks.
pub(crate) async fn take(context: &Context, claimed: Claimed, slot: &mut Slot) -> Step {
    match claimed.task().state {
        TaskState::Open | TaskState::Matching => {
            match Box::pin(matching::run(context, claimed, slot.calls())).await? {
                Some((claimed, first)) => Box::pin(collect::run(context, claimed, slot, first)).await,
                None => Ok(()),
            }
        }
        TaskState::Prototyping => Box::pin(collect::resume(context, claimed, slot)).await,
        TaskState::Review => Box::pin(review::run(context, claimed)).await,
        TaskState::Accepted => Box::pin(hold::run(context, claimed)).await,
        TaskState::Delivering => Box::pin(deliver::run(context, claimed, slot)).await,
        // Nothing more can happen; the task is let go for good.
        TaskState::Completed | TaskState::Cancelled | TaskState::Expired => {
            Ok(Box::pin(context.store.release(claimed.lease(), None)).await?)
        }
    }
}
