//! Requests to end, heard from the moment on at which this is made: what is made after it can be thrown away.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asks this process to end.
pub(super) struct Ending(Vec<Signal>);

impl Ending {
    /// Ctrl-C, SIGTERM, and a terminal that closes.
    pub(super) fn new() -> io::Result<Ending> {
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        if hears_hangup(&status) {
            kinds.push(SignalKind::hangup());
        }
        Ok(Ending(kinds.into_iter().map(signal).collect::<io::Result<_>>()?))
    }

    /// Resolves when one of them has.
    pub(super) async fn asked(&mut self) {
        poll_fn(|cx| {
            let asked = self.0.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
            if asked { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Whether a terminal that closes ends us: `nohup` says that it shall not. Where the system does not tell it is left to
/// end us its own way.
fn hears_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_told_not_to_care_does_not() {
        let check = |status: &str, hears| assert_eq!(hears_hangup(status), hears, "{status:?}");
        check("Name:\tgavel\nSigIgn:\t0000000000001000\nSigCgt:\t1", true);
        check("SigIgn:\t0000000000000001\n", false);
        check("SigIgn:\t0000000000001001\n", false);
        check("", false);
        check("SigIgn:\tnothing\n", false);
    }
}
