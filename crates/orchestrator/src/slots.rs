//! How many steps work side by side. A step that only waits gives its slot to others meanwhile, or a few agents that
//! let us wait would hold up everybody's tasks.

use crate::calls::Calls;
use futures::FutureExt;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Steps that may wait outside, for every one that works: each holds its task in memory and renews a lease. Further
/// ones wait in their slots.
const WAITING_PER_SLOT: usize = 8;

/// The slots of one process.
#[derive(Clone)]
pub(crate) struct Slots {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    leaving: CancellationToken,
}

/// One step's slot, or its room outside.
pub(crate) struct Slot {
    slots: Slots,
    working: Option<OwnedSemaphorePermit>,
    waiting: Option<OwnedSemaphorePermit>,
    calls: Calls,
}

impl Slots {
    /// As many as may work side by side, until this process leaves.
    pub(crate) fn new(working: usize, leaving: CancellationToken) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        let waiting = semaphore(working.saturating_mul(WAITING_PER_SLOT));
        Slots { working: semaphore(working), waiting, leaving }
    }

    /// Waits for a free slot.
    pub(crate) async fn next(&self) -> Slot {
        self.slot(self.permit().await)
    }

    /// This slot, and others that are free now, up to `most` together.
    pub(crate) fn with_free(&self, slot: Slot, most: usize) -> Vec<Slot> {
        let mut slots = vec![slot];
        while slots.len() < most
            && let Ok(permit) = Arc::clone(&self.working).try_acquire_owned()
        {
            slots.push(self.slot(Some(permit)));
        }
        slots
    }

    fn slot(&self, working: Option<OwnedSemaphorePermit>) -> Slot {
        Slot { slots: self.clone(), working, waiting: None, calls: Calls::new(self.leaving.clone()) }
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.working).acquire_owned().await.ok() // never closed
    }
}

impl Slot {
    /// The calls that its step has under way.
    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Gives the slot up; `false`: there is no room outside, the step still has it. Whoever is outside may wait for
    /// anything. Whoever holds what others wait for must not wait for a slot, or they would wait for each other.
    pub(crate) fn step_outside(&mut self) -> bool {
        if self.waiting.is_none() {
            self.waiting = Arc::clone(&self.slots.waiting).try_acquire_owned().ok();
        }
        if self.waiting.is_some() {
            self.working = None;
        }
        self.waiting.is_some()
    }

    /// Waits for a slot, where the step has none.
    pub(crate) async fn come_back(&mut self) {
        if self.working.is_none() {
            self.working = self.slots.permit().await;
        }
        self.waiting = None;
    }

    /// Waits without the slot, as far as there is room outside, and comes back to one.
    pub(crate) async fn leave_while<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = pin!(waiting);
        if let Some(done) = waiting.as_mut().now_or_never() {
            self.come_back().await;
            return done;
        }
        self.step_outside();
        let done = waiting.await;
        self.come_back().await;
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test]
    async fn who_waits_lets_others_work_and_comes_back() {
        let slots = Slots::new(1, CancellationToken::new());
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
    async fn who_is_outside_stays_there_until_it_comes_back() {
        let slots = Slots::new(1, CancellationToken::new());
        let mut slot = slots.next().await;
        assert!(slot.step_outside() && slot.step_outside());
        let other = slots.next().now_or_never().expect("the slot is free");
        assert!(slot.come_back().now_or_never().is_none());
        drop(other);
        slot.come_back().await;
        slot.come_back().await;
        assert!(slots.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn those_who_wait_outside_are_bounded() {
        let slots = Slots::new(1, CancellationToken::new());
        let mut outside = Vec::new();
        for _ in 0..WAITING_PER_SLOT {
            let mut slot = slots.next().await;
            let mut wait = Box::pin(async move { slot.leave_while(pending::<()>()).await });
            assert!(wait.as_mut().now_or_never().is_none());
            outside.push(wait);
        }
        let mut one_more = slots.next().await;
        assert!(!one_more.step_outside());
        let mut wait = Box::pin(one_more.leave_while(pending::<()>()));
        assert!(wait.as_mut().now_or_never().is_none());
        assert!(slots.next().now_or_never().is_none(), "it waits in its slot");
        outside.clear();
    }
}
