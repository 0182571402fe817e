//! What a farm was sent, and what its agents sent on their own, kept within bounds.

use bytes::Bytes;
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Requests remembered per agent, and exchanges: the newest. More than any test looks at.
pub const RECEIVED_MAX: usize = 20_000;
/// Bytes remembered over a whole farm, bodies and headers; what is older makes room.
pub const RECEIVED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Tasks, and messages, counted one by one; further ones are only counted together.
pub const TALLIES_MAX: usize = 200_000;

/// One request as the agent saw it: a call, a health probe, or anything else that was sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// When its body had been read, since the farm was started.
    pub at: Duration,
    /// The method; `PULL` for an invitation that a worker fetched.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Who sent it. For a fetched invitation: who was asked.
    pub peer: SocketAddr,
    /// Names in lower case, as they came over the wire, repetitions included.
    pub headers: Vec<(String, String)>,
    /// The exact bytes.
    pub body: Bytes,
}

impl Received {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it asked for work, and not for health or for something that is not served.
    pub fn is_call(&self) -> bool {
        self.method == "PULL" || (self.method == "POST" && self.path.ends_with("/execute"))
    }

    /// The task it is about: the header's, else the body's.
    pub fn task_id(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Named {
            task_id: String,
        }
        let in_header = self.header("x-aitasker-task-id").map(str::to_owned);
        in_header.or_else(|| Some(serde_json::from_slice::<Named>(&self.body).ok()?.task_id))
    }

    fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.body.len() + headers + self.path.len()
    }
}

/// What an agent asked for on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A result sent to the `callback_url`.
    Callback,
    /// A worker asking for invitations.
    Fetch,
    /// A worker saying that it is still at it.
    Heartbeat,
    /// A worker's result.
    Result,
    /// A worker declining.
    Decline,
}

/// One exchange that an agent began, and what it got back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// When it was over, since the farm was started.
    pub at: Duration,
    /// What for.
    pub step: Step,
    /// Where to.
    pub url: String,
    /// The `webhook-id` of a callback, the id of an invitation.
    pub message: String,
    /// The status that came back, or why none came.
    pub answer: Result<u16, String>,
    /// The body that came back, its first 4 KiB.
    pub body: Bytes,
}

impl Exchange {
    /// In a report.
    pub(crate) fn told(&self) -> serde_json::Value {
        let (status, error) = (self.answer.as_ref().ok(), self.answer.as_ref().err());
        serde_json::json!({ "at_ms": self.at.as_millis() as u64, "step": self.step, "url": self.url,
                            "message": self.message, "status": status, "error": error })
    }
}

/// The newest of a kind.
#[derive(Debug)]
pub(crate) struct Log<T>(Mutex<VecDeque<T>>);

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Log<T> {
    pub(crate) fn entries(&self) -> Vec<T> {
        held(&self.0).iter().cloned().collect()
    }

    pub(crate) fn push(&self, entry: T) {
        let mut log = held(&self.0);
        if log.len() == RECEIVED_MAX {
            log.pop_front();
        }
        log.push_back(entry);
    }
}

impl Log<Received> {
    pub(crate) fn calls(&self) -> Vec<Received> {
        held(&self.0).iter().filter(|received| received.is_call()).cloned().collect()
    }

    /// Adds one and lets go of older ones of this log while the farm holds too many bytes.
    pub(crate) fn push_within(&self, received: Received, farm: &AtomicUsize, bytes_max: usize) {
        let mut log = held(&self.0);
        farm.fetch_add(received.bytes(), Relaxed);
        log.push_back(received);
        while log.len() > RECEIVED_MAX || (farm.load(Relaxed) > bytes_max && log.len() > 1) {
            let Some(oldest) = log.pop_front() else { return };
            farm.fetch_sub(oldest.bytes(), Relaxed);
        }
    }
}

/// How many there are now, and the most there ever were.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    now: AtomicUsize,
    max: AtomicUsize,
}

impl Gauge {
    pub(crate) fn up(&self) {
        let now = self.now.fetch_add(1, Relaxed) + 1;
        self.max.fetch_max(now, Relaxed);
    }

    pub(crate) fn down(&self) {
        self.now.fetch_sub(1, Relaxed);
    }

    pub(crate) fn now(&self) -> usize {
        self.now.load(Relaxed)
    }

    pub(crate) fn max(&self) -> usize {
        self.max.load(Relaxed)
    }
}

/// How often each name was seen.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<HashMap<String, u32>>);

impl Tally {
    pub(crate) fn count(&self, name: &str) {
        let mut counts = held(&self.0);
        if let Some(count) = counts.get_mut(name) {
            *count += 1;
        } else if counts.len() < TALLIES_MAX {
            counts.insert(name.to_owned(), 1);
        }
    }

    pub(crate) fn of(&self, name: &str) -> u32 {
        held(&self.0).get(name).copied().unwrap_or_default()
    }

    pub(crate) fn all(&self) -> HashMap<String, u32> {
        held(&self.0).clone()
    }
}

/// A list is whole whatever happened to the thread that held it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(body: &'static [u8]) -> Received {
        let headers = vec![("X-A".to_owned(), "1".to_owned())];
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let (method, path) = ("POST".to_owned(), "/execute".to_owned());
        Received { at: Duration::ZERO, method, path, peer, headers, body: Bytes::from_static(body) }
    }

    #[test]
    fn a_farm_forgets_the_oldest_when_it_holds_too_many_bytes() {
        let (log, farm) = (Log::default(), AtomicUsize::new(0));
        let each = received(b"0123456789").bytes();
        for body in [b"0000000000", b"1111111111", b"2222222222"] {
            log.push_within(received(body), &farm, 2 * each);
        }
        let kept: Vec<_> = log.entries().into_iter().map(|entry| entry.body[0]).collect();
        assert_eq!((kept, farm.load(Relaxed)), (vec![b'1', b'2'], 2 * each));
        log.push_within(received(b"a body larger than all that may be kept, kept as the newest"), &farm, 1);
        assert_eq!(log.entries().len(), 1);
    }

    #[test]
    fn a_task_is_named_by_the_header_or_the_body() {
        let mut call = received(br#"{"task_id": "in the body", "mode": "final"}"#);
        assert_eq!(call.task_id().as_deref(), Some("in the body"));
        call.headers.push(("x-aitasker-task-id".to_owned(), "in the header".to_owned()));
        assert_eq!(call.task_id().as_deref(), Some("in the header"));
        assert_eq!(received(b"{").task_id(), None);
    }

    #[test]
    fn a_tally_counts_a_bounded_number_of_names() {
        let tally = Tally::default();
        (0..=TALLIES_MAX).for_each(|name| tally.count(&name.to_string()));
        tally.count("0");
        assert_eq!((tally.of("0"), tally.of(&TALLIES_MAX.to_string())), (2, 0));
        assert_eq!(tally.all().len(), TALLIES_MAX);
    }
}
