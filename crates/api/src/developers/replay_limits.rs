//! How often a developer may have stored requests sent again: each holds a connection, and where it goes is up to them.

use chrono::TimeDelta;
use gavel_domain::{DeveloperId, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Replays of one developer under way at once: enough to compare a few, too few to be a load.
pub(crate) const AT_ONCE: usize = 4;
/// Replays of one developer in any hour: more than a person at work sends.
pub(crate) const PER_HOUR: usize = 60;
const HOUR: TimeDelta = TimeDelta::hours(1);
/// When to come back for one of the places: a replay is mostly over by then.
const PLACE_FREE_AFTER: TimeDelta = TimeDelta::seconds(5);

/// Every developer's replays of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replays(Arc<Mutex<HashMap<DeveloperId, Tally>>>);

/// A replay that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    replays: Replays,
    developer: DeveloperId,
}

/// No replay now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// Which limit, in words.
    pub(crate) why: &'static str,
    /// When there may be room.
    pub(crate) retry_after: TimeDelta,
}

/// One developer's replays.
#[derive(Debug, Default)]
struct Tally {
    under_way: usize,
    /// When those of the last hour were begun, oldest first.
    begun: VecDeque<Timestamp>,
}

impl Replays {
    /// Counts one more replay, if the limits leave room for it.
    pub(crate) fn begin(&self, developer: DeveloperId, now: Timestamp) -> Result<Turn, TooMany> {
        let mut tallies = self.tallies();
        // Whoever has sent nothing for an hour is forgotten: the map stays as small as the traffic.
        tallies.retain(|_, tally| tally.is_in_use(now));
        tallies.entry(developer).or_default().begin(now)?;
        Ok(Turn { replays: self.clone(), developer })
    }

    fn tallies(&self) -> MutexGuard<'_, HashMap<DeveloperId, Tally>> {
        // Counts stay whole whatever happened to the thread that held them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(tally) = self.replays.tallies().get_mut(&self.developer) {
            tally.under_way = tally.under_way.saturating_sub(1);
        }
    }
}

impl Tally {
    fn is_in_use(&mut self, now: Timestamp) -> bool {
        while self.begun.front().is_some_and(|begun| *begun + HOUR <= now) {
            self.begun.pop_front();
        }
        self.under_way > 0 || !self.begun.is_empty()
    }

    fn begin(&mut self, now: Timestamp) -> Result<(), TooMany> {
        if self.under_way >= AT_ONCE {
            let why = "Four replays are under way; wait until one of them is over.";
            return Err(TooMany { why, retry_after: PLACE_FREE_AFTER });
        }
        if self.begun.len() >= PER_HOUR {
            let oldest = self.begun.front().copied().unwrap_or(now);
            let why = "Sixty replays were sent within the last hour, and more are not.";
            return Err(TooMany { why, retry_after: oldest + HOUR - now });
        }
        self.under_way += 1;
        self.begun.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn developer(n: u128) -> DeveloperId {
        DeveloperId::from_uuid(Uuid::from_u128(n))
    }

    #[test]
    fn four_at_once_and_each_developer_for_itself() {
        let replays = Replays::default();
        let mut turns: Vec<Turn> =
            (0..AT_ONCE).map(|_| replays.begin(developer(1), at(0)).unwrap()).collect();
        let refused = replays.begin(developer(1), at(1)).unwrap_err();
        assert_eq!(refused.retry_after, PLACE_FREE_AFTER);
        assert!(replays.begin(developer(2), at(1)).is_ok());
        turns.pop();
        assert!(replays.begin(developer(1), at(1)).is_ok(), "one of them is over");
    }

    #[test]
    fn sixty_in_any_hour() {
        let replays = Replays::default();
        for n in 0..PER_HOUR {
            drop(replays.begin(developer(1), at(n as i64 * 10)).unwrap());
        }
        let refused = replays.begin(developer(1), at(600)).unwrap_err();
        assert_eq!(refused.retry_after, TimeDelta::seconds(3000));
        assert!(replays.begin(developer(1), at(3599)).is_err());
        assert!(replays.begin(developer(1), at(3600)).is_ok(), "the oldest is an hour ago");
        assert!(replays.begin(developer(1), at(3600)).is_err(), "the second is not");
    }

    #[test]
    fn who_sends_nothing_is_forgotten() {
        let replays = Replays::default();
        drop(replays.begin(developer(1), at(0)).unwrap());
        let held = replays.begin(developer(2), at(0)).unwrap();
        drop(replays.begin(developer(3), at(3600)).unwrap());
        let known: Vec<_> = replays.tallies().keys().copied().collect();
        assert!(!known.contains(&developer(1)) && known.contains(&developer(2)), "{known:?}");
        drop(held);
    }
}
