//! What the desk answers, and what it has seen. Pure: the time is an argument.

use bytes::Bytes;
use chrono::{SecondsFormat, TimeDelta};
use gavel_contract::agent::answer::{self, Expectation};
use gavel_contract::signature::{Secret, TOLERANCE_SECONDS, verify_hex, verify_webhook};
use gavel_domain::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How long a worker holds an invitation before it has to be heard of.
const LEASE: Duration = Duration::from_secs(10);

/// Everything the desk knows.
#[derive(Debug, Default)]
pub struct Book {
    key: String,
    slots: BTreeMap<String, Slot>,
    offers: Vec<Offer>,
    /// What the next fetches are answered with, before anything is handed out.
    pub refuse_fetches: VecDeque<u16>,
    /// Fetches so far: the seconds each was ready to wait, and what it was answered.
    pub fetches: Vec<(Option<u64>, u16)>,
    /// Requests to paths the desk does not have.
    pub strays: Vec<String>,
}

/// Where the result of one call comes in.
#[derive(Debug, Clone)]
pub struct Slot {
    secret: String,
    expectation: Expectation,
    answers: VecDeque<u16>,
    /// Everything that came, in order.
    pub seen: Vec<Seen>,
}

/// One callback.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The exact bytes.
    pub body: Bytes,
    /// What it was answered.
    pub status: u16,
    /// Whether it was signed, and how old its timestamp was.
    pub signed: Signed,
    /// Why it would not be taken.
    pub problem: Option<String>,
}

/// What is to be said of a callback's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// By the trio or the pair, at a fresh time.
    Rightly,
    /// Rightly, but at another time.
    Stale(String),
    /// Not at all, or wrongly.
    Not(String),
}

/// Work that waits for a worker.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The invitation's name.
    pub id: String,
    envelope: Map<String, Value>,
    expectation: Expectation,
    time: Duration,
    hold: Duration,
    lease: u32,
    leased_until: Option<Timestamp>,
    deadline_at: Option<Timestamp>,
    /// What the first results are answered, whatever they are.
    pub refuse_results: VecDeque<u16>,
    over: bool,
    /// Everything that happened to it, in order.
    pub log: Vec<Event>,
}

/// One thing that happened to an offer.
#[derive(Debug, Clone)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// The lease that was named.
    pub lease: u32,
    /// What it was answered.
    pub status: u16,
    /// What came with it.
    pub body: Bytes,
    /// Why it was not taken.
    pub problem: Option<String>,
}

/// What a worker does with an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It fetched it.
    Fetch,
    /// It said that it is at work.
    Heartbeat,
    /// It posted a result.
    Result,
    /// It declined.
    Decline,
}

impl Book {
    /// Workers show this key.
    pub fn new(key: &str) -> Book {
        Book { key: key.to_owned(), ..Book::default() }
    }

    /// Awaits a callback.
    pub fn expect(&mut self, token: &str, slot: Slot) {
        self.slots.insert(token.to_owned(), slot);
    }

    /// What came in under this token.
    pub fn slot(&self, token: &str) -> Option<&Slot> {
        self.slots.get(token)
    }

    /// Takes a callback: what it is answered.
    pub fn callback(
        &mut self,
        token: &str,
        headers: Vec<(String, String)>,
        body: Bytes,
        now: Timestamp,
    ) -> u16 {
        let Some(slot) = self.slots.get_mut(token) else { return 404 };
        slot.take(headers, body, now)
    }

    /// Puts work on the desk.
    pub fn offer(&mut self, offer: Offer) {
        self.offers.push(offer);
    }

    /// What happened to an offer.
    pub fn offered(&self, id: &str) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.id == id)
    }

    /// Nobody waits for this work any more: it is not handed out again.
    pub fn withdraw(&mut self, id: &str) {
        self.offers.iter_mut().filter(|offer| offer.id == id).for_each(|offer| offer.over = true);
    }

    /// Whether a worker shows the right key.
    pub fn knows(&self, authorization: Option<&str>) -> bool {
        let shown = authorization.and_then(|value| value.strip_prefix("Bearer "));
        shown == Some(self.key.as_str())
    }

    /// Hands out what can be handed out: the answer to a fetch, or nothing yet.
    pub fn fetch(&mut self, now: Timestamp) -> Option<Vec<Value>> {
        let ready = self.offers.iter_mut().filter(|offer| offer.is_ready(now));
        let handed: Vec<Value> = ready.map(|offer| offer.hand_out(now)).collect();
        (!handed.is_empty()).then_some(handed)
    }

    /// A worker says something of an offer: the status, and the lease where it still holds.
    pub fn said(&mut self, id: &str, what: What, lease: u32, body: Bytes, now: Timestamp) -> (u16, Value) {
        let Some(offer) = self.offers.iter_mut().find(|offer| offer.id == id) else {
            return (404, json!({ "error": "not_found", "message": "there is no such invitation" }));
        };
        offer.said(what, lease, body, now)
    }
}

impl Slot {
    /// A slot for one call; the first callbacks are answered with `answers`, whatever they are.
    pub fn new(secret: String, expectation: Expectation, answers: Vec<u16>) -> Slot {
        Slot { secret, expectation, answers: answers.into(), seen: Vec::new() }
    }

    /// The callback that was taken.
    pub fn accepted(&self) -> Option<&Seen> {
        self.seen.iter().find(|seen| seen.status == 202)
    }

    /// The secret its callbacks are signed with.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    fn take(&mut self, headers: Vec<(String, String)>, body: Bytes, now: Timestamp) -> u16 {
        let signed = signed(&self.secret, &headers, &body, now.timestamp());
        let problem = answer::read(&body, &self.expectation).err().map(|e| format!("{}: {e}", e.code()));
        let status = match (self.answers.pop_front(), &signed, &problem) {
            (Some(scripted), _, _) => scripted,
            (None, Signed::Not(_) | Signed::Stale(_), _) => 401,
            (None, Signed::Rightly, _) if self.accepted().is_some() => 409,
            (None, Signed::Rightly, Some(_)) => 422,
            (None, Signed::Rightly, None) => 202,
        };
        self.seen.push(Seen { headers, body, status, signed, problem });
        status
    }
}

impl Seen {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        value_of(&self.headers, name)
    }

    /// Why it was not taken, behind a colon.
    pub fn why(&self) -> String {
        match (&self.signed, &self.problem) {
            (Signed::Not(why) | Signed::Stale(why), _) | (_, Some(why)) => format!(": {why}"),
            (Signed::Rightly, None) => String::new(),
        }
    }
}

fn value_of<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Either way of signing will do, each with its own timestamp.
fn signed(secret: &str, headers: &[(String, String)], body: &[u8], now: i64) -> Signed {
    let held: Vec<Secret> = Secret::parse(secret).into_iter().collect();
    let (trio_at, pair_at) =
        ["webhook-timestamp", "x-aitasker-timestamp"].map(|name| value_of(headers, name)).into();
    let at = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    // A signature that fits at its own time is right, whenever that was.
    let trio = at(trio_at).filter(|at| verify_webhook(&held, headers, body, *at).is_some());
    let pair = value_of(headers, "x-aitasker-signature")
        .filter(|signature| verify_hex(&[secret.as_bytes()], body, signature))
        .map(|_| at(pair_at));
    match (trio, pair) {
        (Some(at), _) | (None, Some(Some(at))) if (now - at).saturating_abs() <= TOLERANCE_SECONDS => {
            Signed::Rightly
        }
        (Some(at), _) | (None, Some(Some(at))) => {
            Signed::Stale(format!("its timestamp is {} s away", (now - at).saturating_abs()))
        }
        (None, Some(None)) => {
            Signed::Stale("X-AITasker-Timestamp is missing or no number of seconds".to_owned())
        }
        (None, None) => Signed::Not(unsigned(headers)),
    }
}

fn unsigned(headers: &[(String, String)]) -> String {
    let there: Vec<&str> = ["webhook-id", "webhook-timestamp", "webhook-signature", "x-aitasker-signature"]
        .into_iter()
        .filter(|name| value_of(headers, name).is_some())
        .collect();
    if there.is_empty() {
        "it carries no signature".to_owned()
    } else {
        format!("it carries {}, but no signature that fits its bytes under callback_secret", there.join(", "))
    }
}

impl Offer {
    /// Work nobody has fetched.
    pub fn fresh(id: &str, envelope: Map<String, Value>, expectation: Expectation, time: Duration) -> Offer {
        Offer {
            id: id.to_owned(),
            envelope,
            expectation,
            time,
            hold: LEASE,
            lease: 0,
            leased_until: None,
            deadline_at: None,
            refuse_results: VecDeque::new(),
            over: false,
            log: Vec::new(),
        }
    }

    /// As it is: the offer of ordinary cases.
    pub fn new(self) -> Offer {
        self
    }

    /// The first results are answered with these, whatever they are.
    #[must_use]
    pub fn refusing(mut self, answers: &[u16]) -> Offer {
        self.refuse_results = answers.iter().copied().collect();
        self
    }

    /// It is held for so long before the worker has to be heard of.
    #[must_use]
    pub fn held_for(mut self, hold: Duration) -> Offer {
        self.hold = hold;
        self
    }

    /// How a worker ended it: 200 with the result, 422 with the reason of a decline.
    pub fn ended(&self) -> Option<(u16, Bytes)> {
        self.log.iter().find_map(|event| match (event.what, event.status) {
            (What::Result, 202) => Some((200, event.body.clone())),
            (What::Decline, 202) => Some((422, event.body.clone())),
            _ => None,
        })
    }

    /// Events of one kind.
    pub fn all(&self, what: What) -> impl Iterator<Item = &Event> {
        self.log.iter().filter(move |event| event.what == what)
    }

    fn is_ready(&self, now: Timestamp) -> bool {
        let lapsed = self.leased_until.is_none_or(|until| until <= now);
        !self.over && lapsed && self.deadline_at.is_none_or(|deadline| now < deadline)
    }

    fn hand_out(&mut self, now: Timestamp) -> Value {
        self.lease += 1;
        self.leased_until = Some(after(now, self.hold));
        let deadline = *self.deadline_at.get_or_insert(after(now, self.time));
        self.note(now, What::Fetch, self.lease, 200, Bytes::new(), None);
        json!({
            "id": self.id, "agent": "agent-under-test", "lease": self.lease,
            "lease_expires_at": text(after(now, self.hold)), "deadline_at": text(deadline), "envelope": self.envelope,
        })
    }

    fn said(&mut self, what: What, lease: u32, body: Bytes, now: Timestamp) -> (u16, Value) {
        let held = lease == self.lease && self.leased_until.is_some_and(|until| now <= until);
        let problem = match what {
            What::Result => {
                answer::read(&body, &self.expectation).err().map(|e| format!("{}: {e}", e.code()))
            }
            What::Fetch | What::Heartbeat | What::Decline => None,
        };
        let scripted = if what == What::Result { self.refuse_results.pop_front() } else { None };
        let status = match scripted {
            Some(status) => status,
            None if self.over => 410,
            None if !held => 409,
            None if problem.is_some() => 422,
            None if what == What::Heartbeat => 200,
            None => 202,
        };
        self.note(now, what, lease, status, body, problem.clone());
        self.follow(status, what, now);
        (status, self.reply(status, problem))
    }

    /// What an answer changes.
    fn follow(&mut self, status: u16, what: What, now: Timestamp) {
        match status {
            200 if what == What::Heartbeat => self.leased_until = Some(after(now, self.hold)),
            202 | 410 => self.over = true,
            409 => self.leased_until = None, // whoever asks next gets it
            _ => {}
        }
    }

    fn reply(&self, status: u16, problem: Option<String>) -> Value {
        let until = self.leased_until.map(text);
        match status {
            200 => {
                json!({ "lease": self.lease, "lease_expires_at": until, "deadline_at": self.deadline_at.map(text) })
            }
            202 => json!({ "status": "accepted" }),
            409 => json!({ "error": "lease_lost", "message": "the lease has ended; fetch again" }),
            410 => json!({ "error": "over", "message": "the invitation is over" }),
            422 => json!({ "error": "invalid_response", "message": problem }),
            _ => json!({ "error": "unavailable", "message": "not now" }),
        }
    }

    fn note(
        &mut self,
        at: Timestamp,
        what: What,
        lease: u32,
        status: u16,
        body: Bytes,
        problem: Option<String>,
    ) {
        self.log.push(Event { at, what, lease, status, body, problem });
    }
}

impl Event {
    /// In words.
    pub fn told(&self) -> String {
        let what = match self.what {
            What::Fetch => "it was fetched",
            What::Heartbeat => "a heartbeat",
            What::Result => "a result",
            What::Decline => "a decline",
        };
        let why = self.problem.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        if self.what == What::Fetch {
            what.to_owned()
        } else {
            format!("{what}, answered {}{why}", self.status)
        }
    }
}

fn after(now: Timestamp, time: Duration) -> Timestamp {
    now + TimeDelta::from_std(time).unwrap_or_default()
}

fn text(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
