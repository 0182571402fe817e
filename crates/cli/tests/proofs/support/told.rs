//! What clients were told, in the order they heard it: the promises that are held against what is there.

use serde_json::Value;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Something that was acknowledged, or seen, about a task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// Since the run began.
    pub(crate) at: Duration,
    pub(crate) task: String,
    pub(crate) fact: Fact,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    /// 201 under this `Idempotency-Key`.
    Posted { key: String },
    /// The gallery shows this bid.
    Bid { id: String, agent: String },
    /// An agent's deadline as the gallery shows it.
    Deadline { agent: String, at: String },
    /// 200 to a selection of this bid.
    Selected { bid: String },
    /// 200 to a cancellation.
    Cancelled,
    /// The delivery is ready.
    Delivered,
    /// 200 to an approval.
    Approved,
    /// An event, as it was told while it happened.
    Event { seq: i64, document: Value },
}

impl Fact {
    pub(crate) fn is_selection(&self) -> bool {
        matches!(self, Fact::Selected { .. })
    }

    pub(crate) fn is_approval(&self) -> bool {
        *self == Fact::Approved
    }
}

/// The facts of a run, and how its requests fared.
pub(crate) struct History {
    began: Instant,
    told: Mutex<Vec<Told>>,
    faults: Mutex<Vec<String>>,
    cut: AtomicU64,
    put_off: AtomicU64,
}

impl History {
    pub(crate) fn new() -> History {
        History {
            began: Instant::now(),
            told: Mutex::default(),
            faults: Mutex::default(),
            cut: AtomicU64::new(0),
            put_off: AtomicU64::new(0),
        }
    }

    pub(crate) fn tell(&self, task: &str, fact: Fact) {
        let told = Told { at: self.began.elapsed(), task: task.to_owned(), fact };
        self.told.lock().unwrap().push(told);
    }

    /// Something that must never be seen.
    pub(crate) fn fault(&self, sentence: String) {
        self.faults.lock().unwrap().push(sentence);
    }

    /// A request without an answer: nobody knows whether it was carried out.
    pub(crate) fn cut(&self) {
        self.cut.fetch_add(1, Relaxed);
    }

    /// A 503 with `Retry-After`.
    pub(crate) fn put_off(&self) {
        self.put_off.fetch_add(1, Relaxed);
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, which: impl Fn(&Fact) -> bool) -> usize {
        self.told.lock().unwrap().iter().filter(|told| which(&told.fact)).count()
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.cut.load(Relaxed)
    }

    pub(crate) fn put_offs(&self) -> u64 {
        self.put_off.load(Relaxed)
    }
}
