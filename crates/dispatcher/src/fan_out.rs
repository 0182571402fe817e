//! Many agents called at once, each under its own absolute deadline.
//!
//! Every call ends in exactly one [`Settled`], whatever the agent, the network or our own code does: a hanging agent
//! delays nobody, a panic is one call's `platform_fault`. Deadlines are wall-clock times that were stored before; each
//! is turned into a time of this process once, when its call starts. Dropping the stream gives all open calls up.

use crate::call::{Call, Journal, Settled, Stop};
use crate::lanes::{Lanes, Place};
use crate::reply::{self, Ended};
use crate::request;
use crate::retry::pause_before_resend;
use crate::transport::Transport;
use futures::{FutureExt, Stream, stream};
use gavel_domain::invitation::AttemptResult;
use gavel_domain::limits::SENDS_MAX;
use gavel_domain::{AttemptId, Clock, Timestamp};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
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
    /// How many calls each agent has under way; one for the whole process.
    pub lanes: Arc<Lanes>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Dispatcher {
    /// Makes all calls at once and yields each as it ends. Each call runs as a task of its own: whoever takes the
    /// results may be slow without moving anybody's deadline.
    pub fn fan_out(&self, calls: Vec<Call>) -> impl Stream<Item = Settled> + Send + Unpin + use<> {
        let mut open = JoinSet::new();
        for call in calls {
            let this = self.clone();
            open.spawn(async move { this.exchange(&call).await });
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

    /// Makes one call, once the agent has a place for it.
    pub async fn exchange(&self, call: &Call) -> Settled {
        let deadline = self.instant_of(call.deadline_at);
        let mut place = pin!(self.lanes.place(call.agent, call.max_concurrency));
        if let Some(_place) = place.as_mut().now_or_never() {
            return self.send(call, deadline).await;
        }
        match timeout_at(deadline, place).await {
            // Its own limit began before its turn did: a deadline that passes now is not the agent's fault.
            Ok(_place) => self.send(&Call { deadline_is_own_limit: false, ..call.clone() }, deadline).await,
            Err(_elapsed) => {
                let ended = Ended::never_its_turn(call.deadline_is_own_limit);
                self.settled(call, call.first_attempt, ended)
            }
        }
    }

    /// Makes a call for which the caller has waited: it holds the agent's place until the call is over.
    pub async fn exchange_in(&self, _place: Place, call: &Call) -> Settled {
        self.send(call, self.instant_of(call.deadline_at)).await
    }

    /// One send, and one more where the first brought no byte back.
    async fn send(&self, call: &Call, deadline: Instant) -> Settled {
        let mut attempt = call.first_attempt;
        let mut sends_made = call.sends_so_far;
        loop {
            let ended = if sends_made >= SENDS_MAX {
                Ended::sends_used_up()
            } else if Instant::now() >= deadline && sends_made == call.sends_so_far {
                Ended::away_at_deadline(call.deadline_is_own_limit)
            } else if Instant::now() >= deadline {
                Ended::out_of_time(call.deadline_is_own_limit)
            } else {
                sends_made += 1;
                self.send_once(call, deadline).await
            };
            let settled = self.settled(call, attempt, ended);
            let time_left = deadline.saturating_duration_since(Instant::now());
            let Some(pause) = pause_before_resend(settled.ended.retry, sends_made, time_left) else {
                return settled;
            };
            sleep(pause).await;
            match self.next_attempt(call, &settled, sends_made + 1, deadline).await {
                Ok(next) => attempt = next,
                Err(stop) => return stopped(settled, stop),
            }
        }
    }

    /// One send, signed at this moment. The deadline holds even if the transport forgets it, and a panic on the way
    /// is ours, not the agent's.
    async fn send_once(&self, call: &Call, deadline: Instant) -> Ended {
        let sending = async {
            let request = request::build(call, self.clock.now(), deadline);
            reply::read(self.transport.send(request).await, call)
        };
        match timeout_at(deadline, AssertUnwindSafe(sending).catch_unwind()).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(_panic)) => {
                error!(invitation.id = %call.invitation, "a call was ended by a panic of ours");
                Ended::panicked()
            }
            Err(_elapsed) => Ended::out_of_time(call.deadline_is_own_limit),
        }
    }

    /// Completes the row of the lost send and opens the next one's. Without both rows nothing is sent.
    async fn next_attempt(
        &self,
        call: &Call,
        lost: &Settled,
        number: u32,
        deadline: Instant,
    ) -> Result<AttemptId, Stop> {
        let writing = async {
            self.journal.end(lost.attempt, &lost.result).await;
            self.journal.begin(call, number).await
        };
        match timeout_at(deadline, AssertUnwindSafe(writing).catch_unwind()).await {
            Ok(Ok(written)) => written,
            Ok(Err(_panic)) => Err(Stop("writing it down failed".to_owned())),
            Err(_elapsed) => Err(Stop("the deadline passed while it was being written down".to_owned())),
        }
    }

    fn settled(&self, call: &Call, attempt: AttemptId, ended: Ended) -> Settled {
        let result = AttemptResult {
            ended_at: self.clock.now(),
            status: ended.status,
            code: ended.code.clone(),
            warnings: ended.warnings.clone(),
            error_body: ended.error_body.clone(),
            trace: None,
        };
        Settled { invitation: call.invitation, attempt, result, ended }
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

/// The failure before stands; the log says why there was no second send.
fn stopped(mut settled: Settled, stop: Stop) -> Settled {
    settled.ended.warnings.push(stop.to_string());
    settled.result.warnings.push(stop.to_string());
    settled
}
