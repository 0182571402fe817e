//! Telling buyers by webhook: of which events, when a delivery is tried again, and what an answer leads to. Nothing here
//! asks anybody: what came back, the time and the chance are handed in.

use crate::event::{Event, EventKind};
use crate::lifecycle::{TaskState, words};
use crate::{AccountId, Chance, SubscriptionId, TaskId, Timestamp};
use chrono::{DateTime, TimeDelta};
use serde_json::Value;

/// What a buyer can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A bid was judged: it is in the gallery.
    BidReady,
    /// The winner's work is in and waits for the buyer's answer.
    DeliveryReady,
    /// The work was approved, by the buyer or by silence.
    DeliveryApproved,
    /// The buyer disputes the work. Nothing causes it yet; whoever names it is ready for when something does.
    DeliveryDisputed,
    /// The task was cancelled.
    Cancelled,
    /// The task ended without a result.
    Expired,
}

impl Topic {
    /// All.
    pub const ALL: [Topic; 6] = [
        Topic::BidReady,
        Topic::DeliveryReady,
        Topic::DeliveryApproved,
        Topic::DeliveryDisputed,
        Topic::Cancelled,
        Topic::Expired,
    ];

    /// The `type` on the wire, and the word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Topic::BidReady => "task.bid_ready",
            Topic::DeliveryReady => "task.delivery_ready",
            Topic::DeliveryApproved => "task.delivery_approved",
            Topic::DeliveryDisputed => "task.delivery_disputed",
            Topic::Cancelled => "task.cancelled",
            Topic::Expired => "task.expired",
        }
    }

    /// What an event of a task is to its buyer; most are nothing to be told of.
    pub fn of(event: &Event) -> Option<Topic> {
        match event.kind {
            EventKind::Scored => Some(Topic::BidReady),
            EventKind::Delivery => match event.data["status"].as_str()? {
                "ready" => Some(Topic::DeliveryReady),
                "approved" => Some(Topic::DeliveryApproved),
                "disputed" => Some(Topic::DeliveryDisputed),
                _ => None,
            },
            EventKind::State => match event.to? {
                TaskState::Cancelled => Some(Topic::Cancelled),
                TaskState::Expired => Some(Topic::Expired),
                TaskState::Open
                | TaskState::Matching
                | TaskState::Prototyping
                | TaskState::Review
                | TaskState::Accepted
                | TaskState::Delivering
                | TaskState::Completed => None,
            },
            EventKind::Invited | EventKind::Outcome => None,
        }
    }
}
words!(Topic, "event type");

/// An event with what its buyer is told beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// What happened.
    pub event: Event,
    /// What that is to the buyer.
    pub topic: Topic,
    /// Whether the task was posted with a test key.
    pub test: bool,
    /// The task's `metadata`, as the buyer gave it.
    pub metadata: Option<Value>,
}

/// Names an event, the same for every subscription and on every try: the `webhook-id`. It has no dot, which would let
/// id and timestamp be cut apart in two ways.
pub fn event_id(task: TaskId, seq: i64) -> String {
    format!("evt_{}_{seq}", task.uuid().simple())
}

/// A buyer's wish to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose it is.
    pub account: AccountId,
    /// Made with a test key: it hears of test tasks alone.
    pub test: bool,
    /// Where to.
    pub url: String,
    /// The host in it, whose load is bounded over all subscriptions.
    pub host: String,
    /// Of what; `None`: of everything, also of what there will be.
    pub topics: Option<Vec<Topic>>,
    /// The buyer's own words.
    pub description: Option<String>,
    /// Which secret signs.
    pub secret: SecretVersion,
    /// When it was made.
    pub created_at: Timestamp,
    /// How its endpoint is doing.
    pub endpoint: Endpoint,
    /// Since when nothing is sent any more, and why.
    pub disabled: Option<(Timestamp, String)>,
}

impl Subscription {
    /// Whether it wants to be told.
    pub fn wants(&self, topic: Topic) -> bool {
        self.topics.as_ref().is_none_or(|topics| topics.contains(&topic))
    }
}

/// Secrets are derived from the subscription and a number, which is all that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretVersion {
    /// The newest: 1, then one more with each rotation.
    pub newest: u32,
    /// Until then it is pending, and the one before it is current.
    pub promotes_at: Option<Timestamp>,
}

impl SecretVersion {
    /// Of a new subscription.
    pub const FIRST: SecretVersion = SecretVersion { newest: 1, promotes_at: None };

    /// The versions to sign with at `now`, the current one first.
    pub fn live(self, now: Timestamp) -> Vec<u32> {
        match self.overlaps_until(now) {
            Some(_) => vec![self.newest - 1, self.newest],
            None => vec![self.newest],
        }
    }

    /// When the overlap that is under way at `now` ends.
    pub fn overlaps_until(self, now: Timestamp) -> Option<Timestamp> {
        self.promotes_at.filter(|at| now < *at && self.newest > 1)
    }

    /// With a new pending one. `Err`: one is pending already, until then.
    pub fn rotated(self, promotes_at: Timestamp, now: Timestamp) -> Result<Self, Timestamp> {
        match self.overlaps_until(now) {
            Some(until) => Err(until),
            None => Ok(Self { newest: self.newest.saturating_add(1), promotes_at: Some(promotes_at) }),
        }
    }
}

/// Seconds from one try of a delivery to the next; before the first there is no wait. 75 hours and 35 minutes in all: an
/// endpoint that is down over a weekend misses nothing.
pub const SCHEDULE: [i64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Waits are spread by a fifth either way: what failed together does not come back together.
const JITTER_MILLI: i64 = 200;
/// An endpoint that says when to come back is believed within these, in seconds.
const RETRY_AFTER: std::ops::RangeInclusive<i64> = 1..=3_600;
/// How long an endpoint that is overwhelmed and does not say for how long is left alone at most.
const QUIET_MAX: TimeDelta = TimeDelta::seconds(60);
/// An endpoint that nobody asked anything for longer than the longest wait has not been failing all the while.
const UNWATCHED_AFTER: TimeDelta = TimeDelta::hours(36);

/// How an endpoint is doing, as far as its last answers tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Failures since its last success.
    pub fails: u32,
    /// When the first of them was.
    pub failing_since: Option<Timestamp>,
    /// When the last of them was.
    pub failed_at: Option<Timestamp>,
    /// Until when it is left alone, because it asked for that.
    pub quiet_until: Option<Timestamp>,
    /// When it last took something.
    pub delivered_at: Option<Timestamp>,
}

/// What may be expected of an endpoint: those of which less may be expected never take the places of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its last try went well.
    Proven,
    /// It was never tried.
    New,
    /// Its last try failed.
    Failing,
}

impl Standing {
    /// All, the best first.
    pub const ALL: [Standing; 3] = [Standing::Proven, Standing::New, Standing::Failing];
}

impl Endpoint {
    /// What may be expected of it.
    pub fn standing(&self) -> Standing {
        match (self.fails, self.delivered_at) {
            (0, Some(_)) => Standing::Proven,
            (0, None) => Standing::New,
            (1.., _) => Standing::Failing,
        }
    }
}

/// What came of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// An answer.
    Answer {
        /// Its status: the whole verdict.
        status: u16,
        /// Its `Retry-After`.
        retry_after: Option<String>,
    },
    /// No answer.
    Nothing,
    /// Nothing left, and the fault was ours.
    NotSent,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It was taken.
    Delivered,
    /// It is tried again.
    Again {
        /// Then.
        at: Timestamp,
    },
    /// It is not tried any more.
    Exhausted,
}

/// What one try leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// For the delivery.
    pub next: Next,
    /// For its endpoint.
    pub endpoint: Endpoint,
    /// Why nothing more is sent to this subscription.
    pub disabled: Option<String>,
}

/// When a subscription is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Nothing but failures for so long.
    pub disable_after: TimeDelta,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { disable_after: TimeDelta::days(5) }
    }
}

impl Rules {
    /// What the `tries`-th try of a delivery, which ended at `now`, leads to.
    pub fn judge(
        &self,
        before: &Endpoint,
        tries: u32,
        came: &Came,
        now: Timestamp,
        chance: &dyn Chance,
    ) -> Verdict {
        match came {
            Came::Answer { status: 200..=299, .. } => Verdict {
                next: Next::Delivered,
                endpoint: Endpoint { delivered_at: Some(now), ..Endpoint::default() },
                disabled: None,
            },
            Came::Answer { status: 410, .. } => Verdict {
                next: Next::Exhausted,
                endpoint: failing(before, now),
                disabled: Some("the endpoint answered 410 Gone".to_owned()),
            },
            Came::NotSent => {
                let wait = wait_after(tries, chance);
                Verdict { next: again(wait, None, now), endpoint: before.clone(), disabled: None }
            }
            Came::Answer { .. } | Came::Nothing => {
                let wait = wait_after(tries, chance);
                let mut endpoint = failing(before, now);
                endpoint.quiet_until = quiet_for(came, wait, now).map(|quiet| now + quiet);
                let next = again(wait, endpoint.quiet_until, now);
                Verdict { next, disabled: self.given_up(&endpoint, now), endpoint }
            }
        }
    }

    fn given_up(&self, endpoint: &Endpoint, now: Timestamp) -> Option<String> {
        let since = endpoint.failing_since.filter(|since| now - *since >= self.disable_after)?;
        Some(format!("the endpoint has taken nothing since {}", since.format("%Y-%m-%dT%H:%M:%SZ")))
    }
}

/// How long to wait after the `tries`-th try. `None`: it was the last.
pub fn wait_after(tries: u32, chance: &dyn Chance) -> Option<TimeDelta> {
    let seconds = *SCHEDULE.get(usize::try_from(tries).ok()?)?;
    let mut luck = [0; 2];
    chance.fill(&mut luck);
    let spread = (seconds * 2 * JITTER_MILLI * i64::from(u16::from_be_bytes(luck))) >> u16::BITS;
    Some(TimeDelta::milliseconds(seconds * (1000 - JITTER_MILLI) + spread))
}

fn again(wait: Option<TimeDelta>, quiet_until: Option<Timestamp>, now: Timestamp) -> Next {
    match wait {
        Some(wait) => Next::Again { at: quiet_until.map_or(now + wait, |quiet| quiet.max(now + wait)) },
        None => Next::Exhausted,
    }
}

fn failing(before: &Endpoint, now: Timestamp) -> Endpoint {
    let watched = before.failed_at.is_some_and(|at| now - at <= UNWATCHED_AFTER);
    Endpoint {
        fails: before.fails.saturating_add(1),
        failing_since: before.failing_since.filter(|_| watched).or(Some(now)),
        failed_at: Some(now),
        quiet_until: None,
        delivered_at: before.delivered_at,
    }
}

/// How long an endpoint that is overwhelmed is left alone: as long as it asks for, within bounds, or as long as the
/// delivery waits that it refused.
fn quiet_for(came: &Came, wait: Option<TimeDelta>, now: Timestamp) -> Option<TimeDelta> {
    let Came::Answer { status: 429 | 502 | 503 | 504, retry_after } = came else { return None };
    let asked = retry_after.as_deref().and_then(|text| seconds_until(text, now));
    let asked =
        asked.map(|seconds| TimeDelta::seconds(seconds.clamp(*RETRY_AFTER.start(), *RETRY_AFTER.end())));
    Some(asked.unwrap_or_else(|| wait.unwrap_or(QUIET_MAX).min(QUIET_MAX)))
}

/// `Retry-After`: seconds, or a date.
fn seconds_until(text: &str, now: Timestamp) -> Option<i64> {
    let text = text.trim();
    text.parse::<u32>().map(i64::from).ok().or_else(|| {
        let date = DateTime::parse_from_rfc2822(text).ok()?;
        Some((date.to_utc() - now).num_seconds())
    })
}

#[cfg(test)]
mod tests;
