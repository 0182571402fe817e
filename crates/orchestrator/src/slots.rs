//! How many steps work side by side. A step that only waits gives its slot to others meanwhile, or a few agents that
//! let us wait would hold up everybody's tasks.

use futures::FutureExt;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Steps that may wait outside, for every one that works: each holds its task in memory and renews a lease. Further
/// ones wait in their slots.
const WAITING_PER_SLOT: usize = 8;

/// The slots of one process.
#[derive(Clone)]
pub(crate) struct Slots {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// One step's slot.
pub(crate) struct Slot {
    slots: Slots,
    held: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(crate) fn new(working: usize) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Slots { working: semaphore(working), waiting: semaphore(working.saturating_mul(WAITING_PER_SLOT)) }
    }

    /// Waits for a free slot.
    pub(crate) async fn next(&self) -> Slot {
        Slot { slots: self.clone(), held: self.permit().await }
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.working).acquire_owned().await.ok() // never closed
    }
}

impl Slot {
    /// Waits without the slot, as far as there is room outside, and comes back to one.
    pub(crate) async fn leave_while<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = pin!(waiting);
        if let Some(done) = waiting.as_mut().now_or_never() {
            return done;
        }
        let Ok(_room) = Arc::clone(&self.slots.waiting).try_acquire_owned() else { return waiting.await };
        self.held = None;
        let done = waiting.await;
        self.held = self.slots.permit().await;
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test]
    async fn who_waits_lets_others_work_and_comes_back() {
        let slots = Slots::new(1);
        let mut first = slots.next().await;
        assert!(slots.next().now_or_never().is_none());
        assert_eq!(first.leave_while(async { 7 }).await, 7, "what is there already is no wait");
        assert!(slots.next().now_or_never().is_none());

        let (tell, told) = tokio::sync::oneshot::channel();
        let mut wait = Box::pin(first.leave_while(told));
        assert!(wait.as_mut().now_or_never().is_none());
        let second = slots.next().now_or_never().expect("the slot is free");
        tell.send(()).unwrap();
        assert!(wait.as_mut().now_or_never().is_none(), "there is no slot to come back to");
        drop(second);
        assert_eq!(wait.as_mut().now_or_never(), Some(Ok(())));
        drop(wait);
        assert!(slots.next().now_or_never().is_none(), "it works again");
    }

    #[tokio::test]
    async fn those_who_wait_outside_are_bounded() {
        let slots = Slots::new(1);
        let mut outside = Vec::new();
        for _ in 0..WAITING_PER_SLOT {
            let mut slot = slots.next().await;
            let mut wait = Box::pin(async move { slot.leave_while(pending::<()>()).await });
            assert!(wait.as_mut().now_or_never().is_none());
            outside.push(wait);
        }
        let mut one_more = slots.next().await;
        let mut wait = Box::pin(one_more.leave_while(pending::<()>()));
        assert!(wait.as_mut().now_or_never().is_none());
        assert!(slots.next().now_or_never().is_none(), "it waits in its slot");
        outside.clear();
    }
}
