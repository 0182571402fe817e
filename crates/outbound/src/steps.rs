//! How long each step of a send took. A step is begun and ended where it happens, which may be another task than the
//! send's own; it is read once, when the send is over. A step that was cut carries the time that was spent in it.

use gavel_domain::invitation::Timing;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use tokio::time::Instant;

/// What takes time, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Dns,
    Connect,
    Tls,
    FirstByte,
    Body,
}

/// How many steps there are.
const STEPS: usize = Step::Body as usize + 1;
/// A mark that was not set. Marks are microseconds since the start, plus one.
const UNSET: u32 = 0;

/// The steps of one send: no lock, no allocation of its own.
#[derive(Debug)]
pub(crate) struct Steps {
    started: Instant,
    began: [AtomicU32; STEPS],
    ended: [AtomicU32; STEPS],
    reused: AtomicBool,
}

impl Steps {
    /// The send begins.
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            began: Default::default(),
            ended: Default::default(),
            reused: AtomicBool::new(false),
        }
    }

    /// Does `work` as this step.
    pub(crate) async fn measure<T>(&self, step: Step, work: impl Future<Output = T>) -> T {
        self.begin(step);
        let done = work.await;
        self.end(step);
        done
    }

    pub(crate) fn begin(&self, step: Step) {
        self.began[step as usize].store(self.mark(), Relaxed);
    }

    pub(crate) fn end(&self, step: Step) {
        self.ended[step as usize].store(self.mark(), Relaxed);
    }

    /// The connection was opened by another send. What this one opened meanwhile is left for the next.
    pub(crate) fn reuse(&self) {
        self.reused.store(true, Relaxed);
    }

    /// What is known by now.
    pub(crate) fn timing(&self) -> Timing {
        self.timing_at(self.mark())
    }

    fn timing_at(&self, now: u32) -> Timing {
        let took = |step: Step| {
            let mark = |marks: &[AtomicU32; STEPS]| match marks[step as usize].load(Relaxed) {
                UNSET => None,
                mark => Some(mark),
            };
            let until = mark(&self.ended).unwrap_or(now);
            mark(&self.began).map(|began| until.saturating_sub(began))
        };
        let reused = self.reused.load(Relaxed);
        let opening = |step| if reused { None } else { took(step) };
        Timing {
            reused,
            dns: took(Step::Dns),
            connect: opening(Step::Connect),
            tls: opening(Step::Tls),
            first_byte: took(Step::FirstByte),
            body: took(Step::Body),
        }
    }

    /// The time as a mark; it stands still after 71 minutes.
    fn mark(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_micros()).unwrap_or(u32::MAX).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(marks: &[(Step, u32, u32)]) -> Steps {
        let steps = Steps::start();
        for &(step, began, ended) in marks {
            steps.began[step as usize].store(began, Relaxed);
            steps.ended[step as usize].store(ended, Relaxed);
        }
        steps
    }

    #[test]
    fn a_step_that_was_cut_carries_its_time_and_later_ones_are_absent() {
        let cut = steps(&[(Step::Dns, 1, 11), (Step::Connect, 12, 42), (Step::Tls, 42, UNSET)]);
        let expected = Timing { dns: Some(10), connect: Some(30), tls: Some(58), ..Timing::default() };
        assert_eq!(cut.timing_at(100), expected);
        assert_eq!(steps(&[]).timing_at(100), Timing::default());
    }

    #[test]
    fn nothing_was_connected_where_a_connection_was_used_again() {
        let steps = steps(&[(Step::Connect, 1, 0), (Step::FirstByte, 3, 8), (Step::Body, 8, 9)]);
        steps.reuse();
        let expected = Timing { reused: true, first_byte: Some(5), body: Some(1), ..Timing::default() };
        assert_eq!(steps.timing_at(100), expected);
    }
}
