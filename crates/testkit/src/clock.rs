//! A clock that moves only when told to.

use chrono::{DateTime, TimeDelta};
use gavel_domain::clock::{SteadyClock, Stopwatch};
use gavel_domain::{Clock, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<Hands>);

#[derive(Debug, Clone, Copy)]
struct Hands {
    wall: Timestamp,
    elapsed: TimeDelta,
}

impl ManualClock {
    /// Stands at a fixed time: 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::at(DateTime::from_timestamp(1_767_225_600, 0).expect("a valid time"))
    }

    /// Stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(Hands { wall: now, elapsed: TimeDelta::zero() }))
    }

    /// Moves forward: so much time passes.
    pub fn advance(&self, by: TimeDelta) {
        let mut hands = self.0.lock().expect("no panic while held");
        hands.wall += by;
        hands.elapsed += by;
    }

    /// Sets the clock on the wall forward or back; no time passes.
    pub fn set_by(&self, by: TimeDelta) {
        self.0.lock().expect("no panic while held").wall += by;
    }

    /// The clock that a server keeps that hangs under this one.
    pub fn steady(self: &Arc<Self>) -> SteadyClock {
        SteadyClock::new(Box::new(Shared(Arc::clone(self))), Box::new(Shared(Arc::clone(self))))
    }
}

struct Shared(Arc<ManualClock>);

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Stopwatch for Shared {
    fn elapsed(&self) -> Duration {
        self.0.0.lock().expect("no panic while held").elapsed.to_std().unwrap_or_default()
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().expect("no panic while held").wall
    }
}
