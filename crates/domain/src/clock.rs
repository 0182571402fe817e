//! Time is read in one place and handed on as an argument, so that every decision can be repeated.

use chrono::{DateTime, Utc};

/// An absolute time in UTC, whole microseconds (what PostgreSQL keeps).
pub type Timestamp = DateTime<Utc>;

/// Where "now" comes from.
pub trait Clock: Send + Sync {
    /// The present time, cut to whole microseconds.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
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
