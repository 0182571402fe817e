//! Time in a world: it passes as the runtime's paused time does, and stands still between two processes.

use chrono::TimeDelta;
use gavel_domain::clock::{SteadyClock, Stopwatch};
use gavel_domain::{Clock, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone)]
pub(crate) struct Time(Arc<Mutex<Hands>>);

struct Hands {
    /// When the present process began to run, in its own time.
    began: Option<Instant>,
    before: Duration,
    /// How far the clock on the wall is set forward, or back.
    set_by: TimeDelta,
    /// The farthest forward it ever was.
    peak: TimeDelta,
}

impl Time {
    pub(crate) fn new() -> Self {
        let hands =
            Hands { began: None, before: Duration::ZERO, set_by: TimeDelta::zero(), peak: TimeDelta::zero() };
        Self(Arc::new(Mutex::new(hands)))
    }

    pub(crate) fn begin(&self) {
        self.0.lock().unwrap().began = Some(Instant::now());
    }

    /// The process ends; the next one begins so much later. A clock that was set back is not noticed
    /// by a process that begins then; here it is set right again before.
    pub(crate) fn stand(&self, pause: Duration) {
        let mut hands = self.0.lock().unwrap();
        hands.before = hands.passed() + pause;
        hands.began = None;
        hands.set_by = hands.peak;
    }

    pub(crate) fn set_by(&self, by: TimeDelta) {
        let mut hands = self.0.lock().unwrap();
        hands.set_by += by;
        hands.peak = hands.peak.max(hands.set_by);
    }

    pub(crate) fn passed(&self) -> Duration {
        self.0.lock().unwrap().passed()
    }

    /// The clock that a process keeps.
    pub(crate) fn steady(&self) -> SteadyClock {
        SteadyClock::new(Box::new(self.clone()), Box::new(self.clone()))
    }
}

impl Hands {
    fn passed(&self) -> Duration {
        self.before + self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        let hands = self.0.lock().unwrap();
        let start = Timestamp::from_timestamp(1_767_225_600, 0).unwrap();
        start + TimeDelta::from_std(hands.passed()).unwrap() + hands.set_by
    }
}

impl Stopwatch for Time {
    fn elapsed(&self) -> Duration {
        self.passed()
    }
}
