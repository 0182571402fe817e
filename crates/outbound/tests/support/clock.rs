//! Time that stands still while sockets work.

use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::advance;

/// The stopped clock of a runtime that was started paused. Such a clock jumps to the next timer whenever nobody has
/// anything to do, also while bytes are under way between two sockets; a job on a blocking thread keeps it from that.
pub(crate) struct Clock {
    _release: oneshot::Sender<()>,
}

impl Clock {
    /// Of a single-threaded runtime.
    pub(crate) fn stopped() -> Clock {
        let (release, released) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _ = released.blocking_recv();
        });
        Clock { _release: release }
    }

    /// Lets this much time pass at once.
    pub(crate) async fn pass(&self, time: Duration) {
        advance(time).await;
    }
}
