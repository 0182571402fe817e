//! A clock that moves only when told to.

use chrono::{DateTime, TimeDelta};
use gavel_domain::{Clock, Timestamp};
use std::sync::Mutex;

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Stands at a fixed time: 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::at(DateTime::from_timestamp(1_767_225_600, 0).expect("a valid time"))
    }

    /// Stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves forward.
    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().expect("no panic while held") += by;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic while held")
    }
}
