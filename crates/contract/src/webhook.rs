//! What a buyer's endpoint is sent: a small body that says what happened, and headers signed like those to agents.

use crate::signature::signed;
use chrono::SecondsFormat;
use gavel_domain::limits::WEBHOOK_METADATA_BYTES;
use gavel_domain::webhook::{News, event_id};
use gavel_domain::{TaskId, Timestamp, WebhookDeliveryId};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// The longest reason that is told: ours are words or a sentence.
const REASON_CHARS_MAX: usize = 300;

/// The body, written once per event: every try of every delivery sends these bytes.
pub fn body(news: &News) -> String {
    let (event, data) = (&news.event, &news.event.data);
    let text = |name: &str| data[name].as_str();
    let body = Body {
        id: event_id(event.task, event.seq),
        kind: news.topic.name(),
        created_at: event.at.to_rfc3339_opts(SecondsFormat::Micros, true),
        data: Data {
            task_id: event.task.to_string(),
            version: event.seq,
            test: news.test,
            status: event.to.map(|state| state.name()).or(text("status")),
            reason: event.reason.as_deref().map(|reason| reason.chars().take(REASON_CHARS_MAX).collect()),
            actor: event.actor.name(),
            bid_id: text("bid_id"),
            eval_score: data["eval_score"].as_f64(),
            revision: data["revision"].as_u64(),
            expires_at: text("expires_at"),
            metadata: news.metadata.as_ref().filter(|metadata| fits(metadata)),
        },
    };
    serde_json::to_string(&body).unwrap_or_default() // texts and numbers: always JSON
}

fn fits(metadata: &Value) -> bool {
    metadata.to_string().len() <= WEBHOOK_METADATA_BYTES
}

#[derive(Serialize)]
struct Body<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    created_at: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    task_id: String,
    version: i64,
    test: bool,
    /// Of the task where it ended, else of the delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    actor: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bid_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eval_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Value>,
}

/// Everything the headers of one try are made from.
#[derive(Clone, Copy)]
pub struct Sending<'a> {
    /// The subscription's `whsec_` secrets, the current one first.
    pub secrets: &'a [String],
    /// The task it is about.
    pub task: TaskId,
    /// The event: the same on every try, and for every subscription.
    pub event_id: &'a str,
    /// The delivery: the same on every try, and when it is sent again by hand.
    pub delivery: WebhookDeliveryId,
    /// When it leaves.
    pub now: Timestamp,
    /// What we call ourselves.
    pub user_agent: &'a str,
    /// The exact bytes that are sent.
    pub body: &'a [u8],
}

impl fmt::Debug for Sending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

/// The headers of one try, in order.
pub fn headers(sending: &Sending<'_>) -> Vec<(String, String)> {
    let headers = [
        ("Content-Type", "application/json".to_owned()),
        ("Accept-Encoding", "identity".to_owned()),
        ("User-Agent", sending.user_agent.to_owned()),
        ("X-AITasker-Task-ID", sending.task.to_string()),
        ("X-AITasker-Delivery-Id", sending.delivery.to_string()),
    ];
    let signed = signed(sending.secrets, sending.event_id, sending.now, sending.body);
    headers.into_iter().chain(signed).map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{Secret, verify_hex, verify_webhook};
    use base64::{Engine, engine::general_purpose::STANDARD};
    use gavel_domain::event::{Actor, Event, EventKind};
    use gavel_domain::lifecycle::TaskState;
    use gavel_domain::webhook::Topic;
    use serde_json::json;

    const TASK: &str = "01890000-0000-7000-8000-000000000001";

    fn at(seconds: i64) -> Timestamp {
        chrono::DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn news(kind: EventKind, to: Option<TaskState>, data: Value) -> News {
        let event = Event {
            task: TASK.parse().unwrap(),
            seq: 9,
            kind,
            from: None,
            to,
            actor: Actor::Gavel,
            reason: to.map(|_| "no_valid_bids".to_owned()),
            data,
            at: at(0),
        };
        let topic = Topic::of(&event).unwrap();
        News { event, topic, test: false, metadata: Some(json!({ "order": 7 })) }
    }

    #[test]
    fn what_is_told_of_each_kind() {
        let scored = json!({ "bid_id": "b", "agent": "slug", "eval_score": 0.75, "judge": "embedded-1" });
        insta::assert_snapshot!(body(&news(EventKind::Scored, None, scored)), @r#"{"id":"evt_01890000000070008000000000000001_9","type":"task.bid_ready","created_at":"2026-09-21T14:13:20.000000Z","data":{"task_id":"01890000-0000-7000-8000-000000000001","version":9,"test":false,"actor":"gavel","bid_id":"b","eval_score":0.75,"metadata":{"order":7}}}"#);
        let ready = json!({ "status": "ready", "revision": 1, "expires_at": "2026-10-05T14:13:20Z" });
        insta::assert_snapshot!(body(&news(EventKind::Delivery, None, ready)), @r#"{"id":"evt_01890000000070008000000000000001_9","type":"task.delivery_ready","created_at":"2026-09-21T14:13:20.000000Z","data":{"task_id":"01890000-0000-7000-8000-000000000001","version":9,"test":false,"status":"ready","actor":"gavel","revision":1,"expires_at":"2026-10-05T14:13:20Z","metadata":{"order":7}}}"#);
        let expired = json!({ "expires_at": null });
        insta::assert_snapshot!(body(&news(EventKind::State, Some(TaskState::Expired), expired)), @r#"{"id":"evt_01890000000070008000000000000001_9","type":"task.expired","created_at":"2026-09-21T14:13:20.000000Z","data":{"task_id":"01890000-0000-7000-8000-000000000001","version":9,"test":false,"status":"expired","reason":"no_valid_bids","actor":"gavel","metadata":{"order":7}}}"#);
    }

    #[test]
    fn a_body_stays_small_whatever_the_buyer_gave() {
        let mut large = news(EventKind::State, Some(TaskState::Cancelled), Value::Null);
        large.event.reason = Some("é\u{1}".repeat(100_000));
        large.metadata = Some(json!("x".repeat(WEBHOOK_METADATA_BYTES - 2)));
        let text = body(&large);
        assert!(text.len() < 20_000 && text.contains("xxx"), "{}", text.len());
        large.metadata = Some(json!("x".repeat(WEBHOOK_METADATA_BYTES)));
        let text = body(&large);
        assert!(text.len() < 4_000 && !text.contains("metadata"), "{}", text.len());
    }

    #[test]
    fn both_schemes_verify_and_both_secrets_while_they_overlap() {
        let secrets = [[1; 32], [2; 32]].map(|key: [u8; 32]| format!("whsec_{}", STANDARD.encode(key)));
        let sent = |seconds| {
            headers(&Sending {
                secrets: &secrets,
                task: TASK.parse().unwrap(),
                event_id: "evt_1",
                delivery: TASK.parse().unwrap(),
                now: at(seconds),
                user_agent: "Gavel",
                body: b"{}",
            })
        };
        let find = |headers: &[(String, String)], name: &str| {
            headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()).unwrap()
        };
        let (first, later) = (sent(0), sent(400));
        for secret in &secrets {
            let held = [Secret::parse(secret).unwrap()];
            assert_eq!(verify_webhook(&held, &first, b"{}", at(0).timestamp()), Some("evt_1"));
            assert_eq!(verify_webhook(&held, &first, b"{}", at(400).timestamp()), None, "too old");
            assert_eq!(verify_webhook(&held, &later, b"{}", at(400).timestamp()), Some("evt_1"));
        }
        let hex = find(&first, "X-AITasker-Signature");
        assert!(verify_hex(&[secrets[0].as_bytes()], b"{}", &hex), "the pair carries the current secret's");
        assert_eq!(find(&later, "X-AITasker-Delivery-Id"), TASK);
        let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
        insta::assert_snapshot!(names.join(", "), @"Content-Type, Accept-Encoding, User-Agent, X-AITasker-Task-ID, X-AITasker-Delivery-Id, X-AITasker-Signature, X-AITasker-Timestamp, webhook-id, webhook-timestamp, webhook-signature");
    }
}
