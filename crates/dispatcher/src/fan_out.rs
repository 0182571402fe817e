//! Many agents called at once, each under its own absolute deadline.
//!
//! Every call ends in exactly one [`Settled`], whatever the agent, the network or our own code does: a hanging agent
//! delays nobody, a panic is one call's `platform_fault`. Deadlines are wall-clock times that were stored before; each
//! is turned into a time of this process once, when its call starts. Dropping the stream gives all open calls up.

use crate::call::{Begun, Call, Journal, Sendable, Settled, Stop};
use crate::lanes::{Lanes, Place};
use crate::reply::{self, Ended, Said};
use crate::request;
use crate::retry::pause_before_resend;
use crate::transport::Transport;
use futures::{FutureExt, Stream, stream};
use gavel_domain::invitation::{AttemptResult, Trace};
use gavel_domain::limits::SENDS_MAX;
use gavel_domain::{AttemptId, Clock, Timestamp};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::error;

/// What a call is made with.
#[derive(Clone)]
pub struct Dispatcher {
    /// The network.
    pub transport: Arc<dyn Transport>,
    /// Where sends are written down.
    pub journal: Arc<dyn Journal>,
    /// The calls under way; one for the whole process.
    pub lanes: Lanes,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Dispatcher {
    /// Makes all calls at once and yields each as it settles. Each call runs as a task of its own: whoever takes the
    /// results may be slow without moving anybody's deadline. A call that is not begun waits for its turn.
    pub fn fan_out(
        &self,
        calls: Vec<(Call, Option<Begun>)>,
    ) -> impl Stream<Item = Settled> + Send + Unpin + use<> {
        let mut open = JoinSet::new();
        for (call, begun) in calls {
            let this = self.clone();
            open.spawn(async move { this.exchange(&call, begun).await });
        }
        // Dropping the stream drops the set, which aborts what is still open.
        Box::pin(stream::unfold(open, |mut open| async move {
            loop {
                // An error here is the end of the runtime: `exchange` has caught every panic.
                if let Ok(settled) = open.join_next().await? {
                    return Some((settled, open));
                }
            }
        }))
    }

    /// Makes one call, as soon as it is its turn.
    pub async fn exchange(&self, call: &Call, begun: Option<Begun>) -> Settled {
        let deadline = self.instant_of(call.deadline_at);
        if call.sends_so_far >= SENDS_MAX {
            return unsent(call, Ended::sends_used_up());
        }
        if Instant::now() >= deadline {
            return unsent(call, Ended::away_at_deadline(call.deadline_is_own_limit));
        }
        if let Some(begun) = begun {
            return self.send(call, begun, deadline).await;
        }
        match timeout_at(deadline, self.turn(call)).await {
            Ok(Ok((place, Sendable { attempt, url, credentials }))) => {
                // Its own limit began before its turn did: a deadline that passes now is not the agent's fault.
                let call = Call { deadline_is_own_limit: false, url, credentials, ..call.clone() };
                self.send(&call, Begun { attempt, place }, deadline).await
            }
            Ok(Err(stop)) => unsent(call, Ended::not_sent(stop.to_string())),
            Err(_elapsed) => unsent(call, Ended::never_its_turn(call.deadline_is_own_limit)),
        }
    }

    /// Waits until the call may be sent, and writes its row.
    async fn turn(&self, call: &Call) -> Result<(Place, Sendable), Stop> {
        loop {
            let place = self.lanes.place(&call.ask).await;
            if let Some(sendable) = self.journal.begin(call, call.sends_so_far + 1).await? {
                return Ok((place, sendable));
            }
            drop(place); // others need not wait behind an agent that is busy elsewhere
            sleep(BUSY_ELSEWHERE).await;
        }
    }

    /// One send, and one more where the first brought no byte back. The place is held until the end.
    async fn send(&self, call: &Call, begun: Begun, deadline: Instant) -> Settled {
        let (Begun { mut attempt, place: _place }, mut call) = (begun, call.clone());
        let mut sends_made = call.sends_so_far;
        loop {
            sends_made += 1;
            let settled = self.send_once(&call, attempt, deadline).await;
            let time_left = deadline.saturating_duration_since(Instant::now());
            let Some(pause) = pause_before_resend(settled.said.may_send_again(), sends_made, time_left)
            else {
                return settled;
            };
            sleep(pause).await;
            match self.next_attempt(&call, &settled, sends_made + 1, deadline).await {
                Ok(next) => {
                    attempt = next.attempt;
                    call = Call { url: next.url, credentials: next.credentials, ..call };
                }
                Err(stop) => return stopped(settled, &stop),
            }
        }
    }

    /// One send, signed at this moment. The deadline holds even if the transport forgets it, and a panic on the way
    /// is ours, not the agent's.
    async fn send_once(&self, call: &Call, attempt: AttemptId, deadline: Instant) -> Settled {
        let (until, too_late) = self.limit(call, deadline);
        let request = request::build(call, self.clock.now(), until);
        let mut trace = request::trace(&request);
        let sending = AssertUnwindSafe(self.transport.send(request)).catch_unwind();
        let said = match timeout_at(until, sending).await {
            Ok(Ok(sent)) => {
                reply::note(&sent, call, &mut trace);
                AssertUnwindSafe(async { reply::read(sent, call, too_late) }).catch_unwind().await
            }
            Ok(Err(panic)) => Err(panic),
            Err(_elapsed) => Ok(Said::Ended(Box::new(too_late))),
        };
        let said = said.unwrap_or_else(|_panic| {
            error!(exchange = %call.key, "a call was ended by a panic of ours");
            Said::Ended(Box::new(Ended::panicked()))
        });
        let result = self.result(&said, trace);
        Settled { key: call.key, last_send: Some((attempt, result)), said }
    }

    /// How long one send may take, and how the call ends when that passes.
    fn limit(&self, call: &Call, deadline: Instant) -> (Instant, Ended) {
        match call.acknowledge_within {
            Some(within) if Instant::now() + within < deadline => {
                (Instant::now() + within, Ended::not_acknowledged(within))
            }
            _ => (deadline, Ended::out_of_time(call.deadline_is_own_limit)),
        }
    }

    /// Completes the row of the lost send and opens the next one's. Without both rows nothing is sent.
    async fn next_attempt(
        &self,
        call: &Call,
        lost: &Settled,
        number: u32,
        deadline: Instant,
    ) -> Result<Sendable, Stop> {
        let writing = async {
            if let Some((attempt, result)) = &lost.last_send {
                self.journal.end(*attempt, result).await;
            }
            self.journal.begin(call, number).await
        };
        match timeout_at(deadline, AssertUnwindSafe(writing).catch_unwind()).await {
            Ok(Ok(Ok(Some(next)))) => Ok(next),
            Ok(Ok(Ok(None))) => Err(Stop("the agent takes fewer calls now".to_owned())),
            Ok(Ok(Err(stop))) => Err(stop),
            Ok(Err(_panic)) => Err(Stop("writing it down failed".to_owned())),
            Err(_elapsed) => Err(Stop("the deadline passed while it was being written down".to_owned())),
        }
    }

    fn result(&self, said: &Said, trace: Trace) -> AttemptResult {
        let result = AttemptResult {
            ended_at: self.clock.now(),
            status: None,
            code: ACKNOWLEDGED.to_owned(),
            warnings: Vec::new(),
            error_body: None,
            trace: Some(trace),
        };
        match said {
            Said::Acknowledged { status } => AttemptResult { status: Some(*status), ..result },
            Said::Ended(ended) => AttemptResult {
                status: ended.status,
                code: ended.code.clone(),
                warnings: ended.warnings.clone(),
                error_body: ended.error_body.clone(),
                ..result
            },
        }
    }

    /// The one place where a stored time becomes a time of this process.
    fn instant_of(&self, at: Timestamp) -> Instant {
        let left = (at - self.clock.now()).to_std().unwrap_or(Duration::ZERO);
        // A deadline centuries away (a mistaken setting) must not overflow; no call lives that long.
        Instant::now() + left.min(CALL_TIME_MAX)
    }
}

/// Longer than any call may be configured to take.
const CALL_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long before an agent that was busy elsewhere is asked for again. Whoever frees the place may be another process.
const BUSY_ELSEWHERE: Duration = Duration::from_millis(500);

/// The code of a send that an asynchronous agent acknowledged.
const ACKNOWLEDGED: &str = "acknowledged";

fn unsent(call: &Call, ended: Ended) -> Settled {
    Settled { key: call.key, last_send: None, said: Said::Ended(Box::new(ended)) }
}

/// The failure before stands; the log says why there was no second send.
fn stopped(mut settled: Settled, stop: &Stop) -> Settled {
    if let Said::Ended(ended) = &mut settled.said {
        ended.warnings.push(stop.to_string());
    }
    if let Some((_, result)) = &mut settled.last_send {
        result.warnings.push(stop.to_string());
    }
    settled
}
