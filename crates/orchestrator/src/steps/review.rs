//! The gallery waits for the buyer; all that can happen here is that the window ends.

use crate::{Context, pump::Step};
use gavel_store::Claimed;

pub(crate) async fn run(context: &Context, claimed: Claimed) -> Step {
    let now = context.clock.now();
    match claimed.task().expires_at {
        Some(until) if until > now => Ok(context.store.release(claimed.lease(), Some(until)).await?),
        _ => {
            let _ = context.store.lapse(claimed, "review_window_lapsed", None, now).await?;
            Ok(())
        }
    }
}
