//! Time is read in one place and handed on as an argument, so that every decision can be repeated.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An absolute time in UTC, whole microseconds (what PostgreSQL keeps).
pub type Timestamp = DateTime<Utc>;

/// Where "now" comes from.
pub trait Clock: Send + Sync {
    /// The present time, cut to whole microseconds.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The machine's clock, whatever it is set to.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        whole_micros(Utc::now())
    }
}

/// Cuts a time to whole microseconds: both databases then give back what was stored.
pub fn whole_micros(at: Timestamp) -> Timestamp {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// How much time has passed since some moment, whatever the clocks on the wall are set to.
pub trait Stopwatch: Send + Sync {
    /// Since that moment.
    fn elapsed(&self) -> Duration;
}

impl Stopwatch for Instant {
    fn elapsed(&self) -> Duration {
        Instant::elapsed(self)
    }
}

/// A clock that never goes back. When the clock on the wall is set back, time goes on from where it was: deadlines are
/// not extended, and what is signed with the time of others still arrives in time. When it is set forward again, the
/// difference is taken back. Small corrections are followed.
pub struct SteadyClock {
    wall: Box<dyn Clock>,
    stopwatch: Box<dyn Stopwatch>,
    last: Mutex<Last>,
}

/// What was said last.
#[derive(Debug, Clone, Copy)]
struct Last {
    said: Timestamp,
    elapsed: Duration,
    /// How far the wall is behind.
    behind: TimeDelta,
}

/// A wall that falls behind by more than this was set back; less is a correction, which time waits out.
const STEP: TimeDelta = TimeDelta::seconds(1);

impl SteadyClock {
    /// Goes on from what `wall` shows now.
    pub fn new(wall: Box<dyn Clock>, stopwatch: Box<dyn Stopwatch>) -> Self {
        let last = Last { said: wall.now(), elapsed: stopwatch.elapsed(), behind: TimeDelta::zero() };
        Self { wall, stopwatch, last: Mutex::new(last) }
    }

    /// The machine's clock.
    pub fn of_the_machine() -> Self {
        Self::new(Box::new(SystemClock), Box::new(Instant::now()))
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        // Numbers stay whole whatever happened to the thread that held them.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = last.after(self.wall.now(), self.stopwatch.elapsed());
        last.said
    }
}

impl Last {
    fn after(self, wall: Timestamp, elapsed: Duration) -> Last {
        let passed = TimeDelta::from_std(elapsed.saturating_sub(self.elapsed)).unwrap_or(TimeDelta::zero());
        let steady = self.said + passed;
        let shown = wall + self.behind;
        let behind = if steady - shown > STEP {
            steady - wall // set back
        } else if shown - steady > STEP {
            (steady - wall).max(TimeDelta::zero()) // set forward: perhaps to what it was
        } else {
            self.behind
        };
        Last { said: whole_micros((wall + behind).max(self.said)), elapsed, behind }
    }
}

/// A clock that goes by another one, which is looked at every so often: between two looks a stopwatch tells the time,
/// so that this machine's own clock decides nothing. Under a [`SteadyClock`] it never goes back either.
pub struct FollowedClock {
    stopwatch: Box<dyn Stopwatch>,
    look: Mutex<(Timestamp, Duration)>,
}

/// A look that took longer says too little about when the other clock showed what it showed.
const LOOK_MAX: Duration = Duration::from_secs(1);

impl FollowedClock {
    /// Goes on from what the other clock showed, which was some time between `asked` and `answered`.
    pub fn new(stopwatch: Box<dyn Stopwatch>, look: Look) -> Self {
        Self { stopwatch, look: Mutex::new(look.middle()) }
    }

    /// What the stopwatch says now.
    pub fn elapsed(&self) -> Duration {
        self.stopwatch.elapsed()
    }

    /// Goes on from a further look. One that took long is left out: the stopwatch is better.
    pub fn follow(&self, look: Look) {
        if look.took() <= LOOK_MAX {
            *self.look.lock().unwrap_or_else(PoisonError::into_inner) = look.middle();
        }
    }
}

impl Clock for FollowedClock {
    fn now(&self) -> Timestamp {
        let (shown, then) = *self.look.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = TimeDelta::from_std(self.elapsed().saturating_sub(then)).unwrap_or(TimeDelta::zero());
        whole_micros(shown + passed)
    }
}

/// A look at another clock: what it showed, and between which times of our stopwatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// What it showed.
    pub shown: Timestamp,
    /// When we asked.
    pub asked: Duration,
    /// When we were answered.
    pub answered: Duration,
}

impl Look {
    /// How long the look took.
    pub fn took(&self) -> Duration {
        self.answered.saturating_sub(self.asked)
    }

    /// How far a clock that shows `wall` right after the look is ahead of the other; `None` when the look took too long
    /// to tell.
    pub fn ahead(&self, wall: Timestamp) -> Option<TimeDelta> {
        let since = TimeDelta::from_std(self.took() / 2).unwrap_or(TimeDelta::zero());
        (self.took() <= LOOK_MAX).then(|| wall - (self.shown + since))
    }

    /// The likeliest moment at which it was shown.
    fn middle(self) -> (Timestamp, Duration) {
        (self.shown, self.asked + self.took() / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        DateTime::from_timestamp_millis(1_790_000_000_000 + millis).unwrap()
    }

    #[test]
    fn time_goes_on_whatever_the_wall_is_set_to() {
        let mut last = Last { said: at(0), elapsed: Duration::ZERO, behind: TimeDelta::zero() };
        let mut check = |elapsed: u64, wall: i64, expected: i64| {
            last = last.after(at(wall), Duration::from_millis(elapsed));
            assert_eq!(last.said, at(expected), "after {elapsed} ms the wall shows {wall}");
        };
        check(10_000, 10_000, 10_000);
        check(20_000, 19_900, 19_900); // a small correction is followed
        check(20_050, 19_890, 19_900); // but time does not go back for it
        check(21_000, 20_900, 20_900);
        check(22_000, 21_900 - 3_600_000, 21_900); // set back by an hour
        check(23_000, 22_900 - 3_600_000, 22_900);
        check(24_000, 23_900, 23_900); // and forward again
        check(25_000, 24_900, 24_900);
        check(26_000, 25_900 + 3_600_000, 25_900 + 3_600_000); // set forward: that is what time it is
        check(27_000, 26_900 + 3_600_000, 26_900 + 3_600_000);
    }

    #[test]
    fn another_clock_is_followed_from_look_to_look() {
        struct Given(Arc<Mutex<u64>>);
        impl Stopwatch for Given {
            fn elapsed(&self) -> Duration {
                Duration::from_millis(*self.0.lock().unwrap())
            }
        }
        let look = |shown, asked, answered| {
            let millis = Duration::from_millis;
            Look { shown: at(shown), asked: millis(asked), answered: millis(answered) }
        };
        let elapsed = Arc::new(Mutex::new(100));
        let clock = FollowedClock::new(Box::new(Given(Arc::clone(&elapsed))), look(5_000, 0, 100));
        let check = |now: u64, expected: i64| {
            *elapsed.lock().unwrap() = now;
            assert_eq!(clock.now(), at(expected), "at {now}");
        };
        check(100, 5_050); // it was shown half-way
        check(2_100, 7_050);
        clock.follow(look(7_200, 2_100, 2_100));
        check(2_200, 7_300);
        clock.follow(look(99_000, 2_200, 3_300));
        check(3_300, 8_400); // that look took too long

        assert_eq!(look(5_000, 0, 100).ahead(at(5_000)), Some(TimeDelta::milliseconds(-50)));
        assert_eq!(look(5_000, 0, 100).ahead(at(65_050)), Some(TimeDelta::seconds(60)));
        assert_eq!(look(5_000, 0, 1_100).ahead(at(65_000)), None);
    }

    #[test]
    fn the_machines_clock_is_followed() {
        let steady = SteadyClock::of_the_machine();
        let before = SystemClock.now();
        let said = steady.now();
        assert!(said >= before - STEP && said <= SystemClock.now() + STEP);
        assert!(steady.now() >= said);
    }
}
