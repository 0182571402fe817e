//! Whoever guesses signatures is slowed down. Only those who fail are counted, by their address: an agent that signs
//! well is never turned away, however many others try in its name.

use chrono::TimeDelta;
use gavel_domain::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Failures of one address within [`WINDOW`] that are answered as such: more than an honest mistake in a loop of
/// retries makes before somebody looks.
pub(crate) const FAILURES_MAX: u32 = 60;
/// How long failures are counted together.
const WINDOW: TimeDelta = TimeDelta::seconds(60);
/// Addresses remembered; beyond it those whose window is over are forgotten, and then all.
const ADDRESSES_MAX: usize = 10_000;

/// Failed signatures by address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failures(Arc<Mutex<HashMap<IpAddr, Count>>>);

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    since: Timestamp,
}

impl Failures {
    /// Counts one more failure of an address. `Err`: it had its share; how long until the next is heard.
    pub(crate) fn count(&self, address: IpAddr, now: Timestamp) -> Result<(), TimeDelta> {
        // Counts stay whole whatever happened to the thread that held them.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= ADDRESSES_MAX && !counts.contains_key(&address) {
            counts.retain(|_, count| count.is_running(now));
            if counts.len() >= ADDRESSES_MAX {
                counts.clear();
            }
        }
        let fresh = Count { failures: 0, since: now };
        let count = counts.entry(address).or_insert(fresh);
        if !count.is_running(now) {
            *count = fresh;
        }
        count.failures = count.failures.saturating_add(1);
        if count.failures <= FAILURES_MAX { Ok(()) } else { Err(WINDOW - (now - count.since)) }
    }
}

impl Count {
    fn is_running(self, now: Timestamp) -> bool {
        now - self.since < WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn who_fails_too_often_waits_and_others_do_not() {
        let failures = Failures::default();
        let at = |seconds: i64| Timestamp::from_timestamp(1_790_000_000 + seconds, 0).unwrap();
        let (one, other) =
            (IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::from(Ipv4Addr::new(192, 0, 2, 2)));
        for _ in 0..FAILURES_MAX {
            assert_eq!(failures.count(one, at(0)), Ok(()));
        }
        assert_eq!(failures.count(one, at(20)), Err(TimeDelta::seconds(40)));
        assert_eq!(failures.count(other, at(20)), Ok(()));
        assert_eq!(failures.count(one, at(60)), Ok(()), "a new window");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let failures = Failures::default();
        let now = Timestamp::from_timestamp(1_790_000_000, 0).unwrap();
        for n in 0..2 * ADDRESSES_MAX as u32 {
            let _ = failures.count(IpAddr::from(Ipv4Addr::from(n)), now);
        }
        assert!(failures.0.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
