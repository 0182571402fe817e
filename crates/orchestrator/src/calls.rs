//! The calls to agents that one step has under way. A process that leaves lets them end: to send them again would cost
//! their agents one of the two sends they have.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The calls of one step: counted from before a send is written down until what came of it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    under_way: Arc<watch::Sender<usize>>,
    leaving: CancellationToken,
}

impl Calls {
    /// None yet.
    pub(crate) fn new(leaving: CancellationToken) -> Self {
        Calls { under_way: Arc::default(), leaving }
    }

    /// So many are about to be written down.
    pub(crate) fn begin(&self, calls: usize) {
        self.under_way.send_modify(|under_way| *under_way += calls);
    }

    /// So many are over, or were not begun after all.
    pub(crate) fn end(&self, calls: usize) {
        self.under_way.send_modify(|under_way| *under_way = under_way.saturating_sub(calls));
    }

    /// One more is about to be written down; it counts until the answer is dropped, or for good once it is kept. A
    /// process that leaves begins none: then this waits for ever, and whoever takes the step over sends it.
    pub(crate) async fn begin_one(&self) -> BeginsOne<'_> {
        self.begin(1); // counted first, or the step could be let go between the question and the answer
        if self.leaving.is_cancelled() {
            self.end(1);
            std::future::pending::<()>().await;
        }
        BeginsOne(self)
    }

    /// Resolves when the step is to be let go: this process leaves, and no call is under way, or `drain` has passed.
    pub(crate) async fn let_go(&self, drain: Duration) {
        self.leaving.cancelled().await;
        let mut under_way = self.under_way.subscribe();
        let _ = tokio::time::timeout(drain, under_way.wait_for(|under_way| *under_way == 0)).await;
    }

    /// Resolves when this process leaves.
    pub(crate) async fn leaving(&self) {
        self.leaving.cancelled().await;
    }
}

/// A call that is about to begin.
#[derive(Debug)]
pub(crate) struct BeginsOne<'a>(&'a Calls);

impl BeginsOne<'_> {
    /// It has begun: it counts until it is ended.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for BeginsOne<'_> {
    fn drop(&mut self) {
        self.0.end(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const DRAIN: Duration = Duration::from_secs(20);

    #[tokio::test(start_paused = true)]
    async fn a_step_without_calls_is_let_go_at_once_and_begins_none() {
        let leaving = CancellationToken::new();
        let calls = Calls::new(leaving.clone());
        calls.begin(2);
        calls.end(2);
        assert!(calls.let_go(DRAIN).now_or_never().is_none(), "nobody leaves");
        drop(calls.begin_one().now_or_never().expect("nobody leaves"));
        leaving.cancel();
        assert!(calls.let_go(DRAIN).now_or_never().is_some());
        assert!(calls.begin_one().now_or_never().is_none());
        assert!(calls.let_go(DRAIN).now_or_never().is_some(), "one that was not begun is not waited for");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_under_way_are_waited_for_and_no_longer_than_is_allowed() {
        let leaving = CancellationToken::new();
        let calls = Calls::new(leaving.clone());
        calls.begin(2);
        leaving.cancel();
        let mut let_go = Box::pin(calls.let_go(DRAIN));
        calls.end(1);
        assert!(let_go.as_mut().now_or_never().is_none());
        calls.end(1);
        assert!(let_go.as_mut().now_or_never().is_some());

        let calls = Calls::new(CancellationToken::new());
        calls.begin_one().await.keep();
        calls.leaving.cancel();
        let since = tokio::time::Instant::now();
        calls.let_go(DRAIN).await;
        assert_eq!(since.elapsed(), DRAIN);
    }
}
