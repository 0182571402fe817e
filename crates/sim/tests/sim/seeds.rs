//! Many seeds, side by side.

use crate::life::live;
use crate::world::Mistake;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Seeds that run side by side.
const THREADS: usize = 2;

/// How often something happened.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// A life that went wrong, with its story.
pub(crate) struct Wrong {
    pub(crate) seed: u64,
    pub(crate) story: String,
}

/// Lives seeds until one goes wrong.
pub(crate) fn first_wrong(seeds: u64, mistake: Option<Mistake>) -> (Option<Wrong>, Counts) {
    let (next, stop) = (AtomicU64::new(0), AtomicU64::new(seeds));
    let lived = thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| scope.spawn(|| until_wrong(&next, &stop, mistake)));
        threads.map(|thread| thread.join().unwrap())
    });
    let (mut wrong, mut counts) = (Vec::new(), Counts::new());
    for (found, counted) in lived {
        wrong.extend(found);
        add(&mut counts, counted);
    }
    (wrong.into_iter().min_by_key(|wrong| wrong.seed), counts)
}

fn until_wrong(next: &AtomicU64, stop: &AtomicU64, mistake: Option<Mistake>) -> (Option<Wrong>, Counts) {
    let mut counts = Counts::new();
    loop {
        let seed = next.fetch_add(1, Ordering::SeqCst);
        if seed >= stop.load(Ordering::SeqCst) {
            return (None, counts);
        }
        let lived = live(seed, mistake);
        add(&mut counts, lived.counts);
        if !lived.wrong.is_empty() {
            stop.fetch_min(seed, Ordering::SeqCst);
            return (Some(Wrong { seed, story: story(seed, &lived.wrong, &lived.trace) }), counts);
        }
    }
}

fn add(counts: &mut Counts, more: Counts) {
    for (what, count) in more {
        *counts.entry(what).or_default() += count;
    }
}

pub(crate) fn story(seed: u64, wrong: &[String], trace: &[String]) -> String {
    format!(
        "seed {seed}: {}\n{}\nrepeat it: GAVEL_SIM_SEED={seed} cargo test -p gavel-sim lives_go_right -- --nocapture",
        wrong.join("; "),
        trace.join("\n")
    )
}
