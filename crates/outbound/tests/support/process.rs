//! What this process holds open, as the kernel counts it.

use std::fs;
use std::time::{Duration, Instant};

/// Descriptors and memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    /// Open descriptors.
    pub(crate) descriptors: usize,
    /// Resident memory in KiB.
    pub(crate) resident: usize,
    /// The most resident memory this process ever had, in KiB.
    pub(crate) peak: usize,
}

impl Held {
    /// At this moment, or `None` where the kernel does not tell.
    pub(crate) fn now() -> Option<Held> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let kib = |name: &str| -> Option<usize> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().ok()
        };
        let descriptors = fs::read_dir("/proc/self/fd").ok()?.count();
        Some(Held { descriptors, resident: kib("VmRSS")?, peak: kib("VmHWM")? })
    }

    /// Waits until no more descriptors are open than at `base`.
    pub(crate) async fn back_at(base: Held) -> Held {
        let began = Instant::now();
        loop {
            let held = Held::now().unwrap();
            if held.descriptors <= base.descriptors {
                return held;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{held:?} are open still, at first {base:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
