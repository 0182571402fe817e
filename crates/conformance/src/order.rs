//! One call in the making, and every way to spoil it. Pure: the time is an argument.

use crate::kit::Kit;
use bytes::Bytes;
use chrono::{SecondsFormat, TimeDelta};
use gavel_contract::agent::answer::Expectation;
use gavel_contract::agent::envelope::envelope;
use gavel_contract::signature::{Secret, hex_signature, webhook_id};
use gavel_domain::invitation::Mode;
use gavel_domain::task::Brief;
use gavel_domain::{Chance, InvitationId, Money, TaskId, Timestamp};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What Gavel calls itself, unless configured otherwise.
pub const USER_AGENT: &str = "AITasker/1.0 (Agent Executor)";

/// What an agent is asked, and how the call is sealed.
#[derive(Clone)]
pub struct Order {
    /// The task.
    pub task: TaskId,
    /// Names the call, with mode and revision.
    pub invitation: InvitationId,
    /// 0, then one per revision.
    pub revision: u32,
    /// What is wanted.
    pub brief: Brief,
    /// The most the buyer pays.
    pub budget: Money,
    /// Prototype or final.
    pub mode: Mode,
    /// What a revision is to change.
    pub notes: Option<String>,
    /// How long the agent has.
    pub time: Duration,
    /// Key and signatures.
    pub seal: Seal,
    /// What the bytes are.
    pub body: Body,
    /// Headers beside the usual ones, or in their place.
    pub headers: Vec<(&'static str, &'static str)>,
}

/// The bytes of a call.
#[derive(Clone)]
pub enum Body {
    /// The envelope.
    Envelope,
    /// The envelope with a key that no contract names.
    WithKey(&'static str, Value),
    /// Anything else.
    Raw(&'static str),
}

/// Key and signatures of a call.
#[derive(Clone)]
pub struct Seal {
    /// The key it shows.
    pub key: Option<String>,
    /// The signatures of the trio; `None` leaves the trio out.
    pub trio: Option<Vec<Mark>>,
    /// The secret of the hex pair; `None` leaves the pair out.
    pub pair: Option<String>,
    /// How old the timestamps are, in seconds; negative for the future.
    pub age: i64,
    /// What the signatures were made for.
    pub signed: Signed,
}

/// One entry of `webhook-signature`.
#[derive(Clone)]
pub enum Mark {
    /// Made with this secret.
    By(String),
    /// Of a kind the agent does not know.
    Unknown,
}

/// What the signatures were made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// What is sent.
    This,
    /// Another body.
    OtherBody,
    /// The same message under another `webhook-id` (the trio names it, the pair does not).
    OtherId,
    /// The same message ten minutes ago (the trio names the time, the pair does not).
    OtherTime,
}

impl Order {
    /// An ordinary brief for a task nobody has seen, rightly sealed.
    pub fn ordinary(kit: &Kit, now: Timestamp, chance: &dyn Chance) -> Order {
        let requirements = json!({ "word_count": 300, "tone": "friendly", "audience": "beginners" });
        Order {
            task: TaskId::new(now, chance),
            invitation: InvitationId::new(now, chance),
            revision: 0,
            brief: Brief {
                title: "A guide to brewing green tea at home".to_owned(),
                description:
                    "Write a guide for beginners about green tea: which tea to buy, how warm the water \
                              is to be, how long it draws, and three mistakes that make it bitter."
                        .to_owned(),
                category: kit.given.category.clone(),
                task_type: kit.given.task_type.clone(),
                requirements: requirements.as_object().cloned().unwrap_or_default(),
                user_first_name: Some("Ada".to_owned()),
                ..Brief::default()
            },
            budget: kit.given.budget,
            mode: Mode::Prototype,
            notes: None,
            time: kit.given.timeout,
            seal: Seal {
                key: Some(kit.key.clone()),
                trio: Some(vec![Mark::By(kit.secret.clone())]),
                pair: Some(kit.secret.clone()),
                age: 0,
                signed: Signed::This,
            },
            body: Body::Envelope,
            headers: Vec::new(),
        }
    }

    /// The final call of the same task.
    #[must_use]
    pub fn finished(&self) -> Order {
        Order { mode: Mode::Final, ..self.clone() }
    }

    /// The next revision of it.
    #[must_use]
    pub fn revised(&self, notes: &str) -> Order {
        Order {
            mode: Mode::Final,
            revision: self.revision + 1,
            notes: Some(notes.to_owned()),
            ..self.clone()
        }
    }

    /// The same on every send of this call.
    pub fn webhook_id(&self) -> String {
        webhook_id(self.invitation, self.mode, self.revision)
    }

    /// What its answer is held against.
    pub fn expectation(&self, kit: &Kit) -> Expectation {
        Expectation { mode: self.mode, budget: self.budget, currency: kit.given.currency.clone() }
    }

    /// The twelve keys, and those of the transport.
    pub fn envelope(&self, kit: &Kit, more: Map<String, Value>) -> Map<String, Value> {
        let currency = &kit.given.currency;
        let bytes = envelope(self.task, &self.brief, self.budget, currency, self.mode, self.notes.as_deref());
        let mut body: Map<String, Value> = serde_json::from_slice(&bytes).unwrap_or_default();
        body.extend(more);
        if let Body::WithKey(key, value) = &self.body {
            body.insert((*key).to_owned(), value.clone());
        }
        body
    }

    /// The bytes that are sent.
    pub fn bytes(&self, kit: &Kit, more: Map<String, Value>) -> Bytes {
        match &self.body {
            Body::Raw(text) => Bytes::from_static(text.as_bytes()),
            Body::Envelope | Body::WithKey(..) => {
                Bytes::from(Value::Object(self.envelope(kit, more)).to_string())
            }
        }
    }

    /// The headers of a send of `body` at `now`.
    pub fn sealed(&self, body: &[u8], now: Timestamp) -> Vec<(String, String)> {
        let (id, time) = (self.webhook_id(), now.timestamp() - self.seal.age);
        let deadline = now + TimeDelta::from_std(self.time).unwrap_or_default();
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("Accept-Encoding", "identity".to_owned()),
            ("User-Agent", USER_AGENT.to_owned()),
            ("X-AITasker-Task-ID", self.task.to_string()),
            ("Gavel-Deadline", deadline.to_rfc3339_opts(SecondsFormat::Millis, true)),
        ];
        headers.extend(self.seal.key.clone().map(|key| ("X-AITasker-Key", key)));
        if let Some(secret) = &self.seal.pair {
            let signature = hex_signature(secret.as_bytes(), self.seal.body_signed(body));
            headers.push(("X-AITasker-Signature", signature));
            headers.push(("X-AITasker-Timestamp", time.to_string()));
        }
        if let Some(marks) = &self.seal.trio {
            headers.push(("webhook-signature", self.seal.marks(marks, &id, time, body)));
            headers.push(("webhook-id", id));
            headers.push(("webhook-timestamp", time.to_string()));
        }
        headers.retain(|(name, _)| !self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
        headers.extend(self.headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// How far the timestamps of a spoilt call are from now: twice what is tolerated.
pub const FAR_SECONDS: i64 = 2 * gavel_contract::signature::TOLERANCE_SECONDS;

impl Seal {
    /// Signs both ways with this secret.
    pub fn by(&mut self, secret: &str) {
        self.trio = Some(vec![Mark::By(secret.to_owned())]);
        self.pair = Some(secret.to_owned());
    }

    fn body_signed<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        if self.signed == Signed::OtherBody { b"{\"title\":\"Another body\"}" } else { body }
    }

    fn marks(&self, marks: &[Mark], id: &str, time: i64, body: &[u8]) -> String {
        let id = if self.signed == Signed::OtherId { "inv_of_another_call" } else { id };
        let time = if self.signed == Signed::OtherTime { time - FAR_SECONDS } else { time };
        let mark = |mark: &Mark| match mark {
            // What is no secret was refused before; an empty signature would fit nothing.
            Mark::By(secret) => Secret::parse(secret)
                .map(|secret| secret.sign(id, time, self.body_signed(body)))
                .unwrap_or_default(),
            Mark::Unknown => {
                "v1a,bm90IGEgc2lnbmF0dXJlIG9mIHlvdXJzLCBpdCBpcyBvZiBhbm90aGVyIGtpbmQ=".to_owned()
            }
        };
        marks.iter().map(mark).collect::<Vec<_>>().join(" ")
    }
}
