//! What a process does beside its work where others share its database: it keeps its time by the database's clock, so
//! that no machine's own clock decides anything, it notices when the database goes away, and it exchanges hints.

use crate::loops::Loops;
use gavel_domain::clock::{FollowedClock, SteadyClock, SystemClock};
use gavel_domain::{Chance, Clock};
use gavel_store::{Result, Store};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// The time as this process takes it.
pub(crate) struct Time {
    pub(crate) clock: Arc<dyn Clock>,
    /// The database's clock; `None` on SQLite, whose clock is this machine's.
    followed: Option<Arc<FollowedClock>>,
}

impl Time {
    /// Looks at the database's clock, where it has one.
    pub(crate) async fn of(store: &Store) -> Result<Time> {
        let stopwatch = Instant::now();
        let Some(look) = store.look(&stopwatch).await? else {
            return Ok(Time { clock: Arc::new(SteadyClock::of_the_machine()), followed: None });
        };
        let followed = Arc::new(FollowedClock::new(Box::new(stopwatch), look));
        let steady = SteadyClock::new(Box::new(Arc::clone(&followed)), Box::new(stopwatch));
        Ok(Time { clock: Arc::new(steady), followed: Some(followed) })
    }
}

/// Starts it, until `stop`; on SQLite there is nothing of it.
pub(crate) fn start(
    store: &Store,
    time: &Time,
    chance: &Arc<dyn Chance>,
    owner: String,
    stop: &CancellationToken,
) -> Loops {
    let mut loops = Loops::default();
    if let Some(followed) = time.followed.clone() {
        let (store, chance, stop) = (store.clone(), Arc::clone(chance), stop.clone());
        loops.add("the watch over the database", async move {
            stop.run_until_cancelled(store.keep_pulse(&SystemClock, &followed, &*chance)).await;
        });
    }
    if time.followed.is_some() {
        let (store, chance, stop) = (store.clone(), Arc::clone(chance), stop.clone());
        loops.add("the exchange of hints", async move {
            store.share_hints(&owner, &*chance, stop.cancelled()).await;
        });
    }
    loops
}
