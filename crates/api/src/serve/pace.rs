//! How long a client may take, as a decision: what was seen on the line goes in, with the time; out comes whether the
//! connection goes on.
//!
//! Nothing tells the watcher of a change, and yet it is never late: a deadline that does not exist yet lies at least
//! the shortest limit ahead, so a look that often finds each one in time.

use super::ServeLimits;
use std::time::Duration;
use tokio::time::Instant;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The head of a request is on its way.
    Head,
    /// A request is being answered. What it may take is the router's business.
    Busy,
    /// Everything was answered; the next request has not begun.
    Idle,
}

/// What has been seen of a connection.
#[derive(Debug)]
pub(super) struct Pace {
    limits: ServeLimits,
    phase: Phase,
    /// Since when the phase lasts; an idle line counts from the last byte that left.
    since: Instant,
    /// Since when nothing could be sent, while something waits to be.
    stalled: Option<Instant>,
    ends_at: Instant,
    leaving: bool,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing; look again at this time.
    Wait(Instant),
    /// The connection has lived its life: the present request is the last.
    Leave,
    /// Close it, for this reason.
    Close(&'static str),
}

impl Pace {
    pub(super) fn new(limits: ServeLimits, now: Instant) -> Pace {
        let ends_at = now + limits.lifetime;
        Pace { limits, phase: Phase::Head, since: now, stalled: None, ends_at, leaving: false }
    }

    /// Bytes arrived.
    pub(super) fn heard(&mut self, now: Instant) {
        if self.phase == Phase::Idle {
            (self.phase, self.since) = (Phase::Head, now);
        }
    }

    /// A head is whole: a request begins.
    pub(super) fn asked(&mut self, now: Instant) {
        (self.phase, self.since) = (Phase::Busy, now);
    }

    /// The answer is complete; some of it may still wait to be sent.
    pub(super) fn answered(&mut self, now: Instant) {
        (self.phase, self.since) = (Phase::Idle, now);
    }

    /// Bytes left.
    pub(super) fn sent(&mut self, now: Instant) {
        self.stalled = None;
        if self.phase == Phase::Idle {
            self.since = now;
        }
    }

    /// The client takes no more for now.
    pub(super) fn blocked(&mut self, now: Instant) {
        self.stalled.get_or_insert(now);
    }

    /// Whether at most a part of a head has come: nobody waits for an answer yet.
    pub(super) fn has_no_request(&self) -> bool {
        self.phase == Phase::Head
    }

    /// Judges the connection.
    pub(super) fn look(&mut self, now: Instant) -> Look {
        if let Some((_, why)) = self.deadlines().into_iter().flatten().find(|(at, _)| *at <= now) {
            return Look::Close(why);
        }
        // Who is sending a head would find the door shut in the middle of it; it is soon whole, or late.
        if !self.leaving && now >= self.ends_at && self.phase != Phase::Head {
            self.leaving = true;
            return Look::Leave;
        }
        Look::Wait(self.next_look(now))
    }

    fn deadlines(&self) -> [Option<(Instant, &'static str)>; 3] {
        let stalled = self.stalled.map(|since| (since + self.limits.stall, "it reads nothing"));
        let phase = match self.phase {
            Phase::Head => Some((self.since + self.limits.header_timeout, "its head is late")),
            Phase::Idle if stalled.is_none() => Some((self.since + self.limits.idle, "it asks nothing")),
            Phase::Idle | Phase::Busy => None,
        };
        let last = self.leaving.then(|| (self.ends_at + self.limits.farewell, "its last request is late"));
        [stalled, phase, last]
    }

    fn next_look(&self, now: Instant) -> Instant {
        let known = self.deadlines().into_iter().flatten().map(|(at, _)| at);
        let known = known.chain([self.ends_at].into_iter().filter(|at| *at > now));
        known.fold(now + self.shortest(), Instant::min)
    }

    fn shortest(&self) -> Duration {
        self.limits.header_timeout.min(self.limits.idle).min(self.limits.stall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ServeLimits = ServeLimits {
        connections: 1,
        connections_per_address: 1,
        count_loopback: true,
        header_timeout: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        stall: Duration::from_secs(30),
        lifetime: Duration::from_secs(600),
        farewell: Duration::from_secs(190),
        drain: Duration::from_secs(10),
    };

    /// A connection, and its seconds as times.
    fn opened() -> (Pace, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        (Pace::new(LIMITS, start), move |seconds| start + Duration::from_secs(seconds))
    }

    #[test]
    fn the_first_head_counts_from_the_connection_however_it_dribbles() {
        let (mut pace, at) = opened();
        for second in 0..10 {
            pace.heard(at(second));
            assert_eq!(pace.look(at(second)), Look::Wait(at(10)));
        }
        assert_eq!(pace.look(at(10)), Look::Close("its head is late"));
    }

    #[test]
    fn between_requests_a_line_may_rest_longer_and_the_next_head_has_its_own_limit() {
        let (mut pace, at) = opened();
        pace.asked(at(1));
        pace.answered(at(2));
        assert_eq!(pace.look(at(61)), Look::Wait(at(62)));
        pace.heard(at(61));
        pace.heard(at(65));
        assert_eq!(pace.look(at(70)), Look::Wait(at(71)));
        assert_eq!(pace.look(at(71)), Look::Close("its head is late"));
        pace.asked(at(70));
        pace.answered(at(71));
        assert_eq!(pace.look(at(131)), Look::Close("it asks nothing"));
    }

    #[test]
    fn a_long_answer_is_not_rest_while_it_is_read() {
        let (mut pace, at) = opened();
        pace.asked(at(1));
        pace.blocked(at(2));
        pace.answered(at(3)); // its last part waits for the reader
        for second in (22..200).step_by(20) {
            pace.sent(at(second));
            pace.blocked(at(second));
            assert_ne!(pace.look(at(second + 19)), Look::Close("it asks nothing"));
        }
        pace.sent(at(200));
        assert_eq!(pace.look(at(260)), Look::Close("it asks nothing"));
    }

    #[test]
    fn who_reads_nothing_is_let_go_in_any_phase() {
        let (mut pace, at) = opened();
        pace.asked(at(1));
        pace.blocked(at(5));
        pace.blocked(at(20)); // still the same
        assert!(matches!(pace.look(at(34)), Look::Wait(_)));
        assert_eq!(pace.look(at(35)), Look::Close("it reads nothing"));
        pace.sent(at(34));
        assert!(matches!(pace.look(at(300)), Look::Wait(_)), "an answer may take its time");
    }

    #[test]
    fn after_its_life_a_connection_leaves_once_and_its_last_request_has_a_limit() {
        let (mut pace, at) = opened();
        pace.asked(at(1));
        assert_eq!(pace.look(at(595)), Look::Wait(at(600)));
        assert_eq!(pace.look(at(600)), Look::Leave);
        assert_eq!(pace.look(at(601)), Look::Wait(at(611)));
        assert_eq!(pace.look(at(785)), Look::Wait(at(790)));
        assert_eq!(pace.look(at(790)), Look::Close("its last request is late"));
    }

    #[test]
    fn a_head_under_way_is_not_cut_by_the_end_of_life() {
        let (mut pace, at) = opened();
        pace.asked(at(1));
        pace.answered(at(590));
        pace.heard(at(598));
        assert_eq!(pace.look(at(601)), Look::Wait(at(608)));
        pace.asked(at(602));
        assert_eq!(pace.look(at(602)), Look::Leave);
    }

    #[test]
    fn no_deadline_is_found_late() {
        let (mut pace, at) = opened();
        pace.asked(at(0));
        let Look::Wait(again) = pace.look(at(100)) else { panic!("nothing is due") };
        pace.answered(at(101)); // all that may happen in between has a deadline after the next look
        pace.heard(at(101));
        assert!(again <= at(111));
    }
}
