//! Answers that several agents give.

use crate::record::Received;
use crate::wire::{Answer, pair};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Size of the constant bid's text.
const BID_TEXT_BYTES: usize = 4096;

/// Answered by the agent that has lost its mind: neither JSON nor UTF-8.
pub(crate) const GARBAGE: &[u8] = b"\x89<<< segfault at 0x0 {\"full_text\": \xff\xfe ...";

/// The constant bid, made once.
static BID: LazyLock<Bytes> = LazyLock::new(|| {
    let sentence = "The same honest answer, given to every caller, so that only the caller is measured. ";
    let text: String = sentence.chars().cycle().take(BID_TEXT_BYTES).collect();
    let bid = json!({ "full_text": text, "summary": "The constant answer of a benchmark agent." });
    Bytes::from(bid.to_string())
});

/// The constant bid's body.
pub(crate) fn bid_body() -> Bytes {
    BID.clone()
}

/// The constant bid.
pub(crate) fn bid() -> Answer {
    json_bytes(200, bid_body())
}

/// A refusal or failure in the protocol's words.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    json_answer(status, &json!({ "error": code, "message": message, "detail": message }))
}

/// This document.
pub(crate) fn json_answer(status: u16, body: &Value) -> Answer {
    json_bytes(status, body.to_string())
}

/// These bytes, called JSON.
pub(crate) fn json_bytes(status: u16, body: impl Into<Bytes>) -> Answer {
    Answer::Whole { status, headers: vec![pair("content-type", "application/json")], body: body.into() }
}

/// Every header that came, in every text of the answer: what must never be kept is in all of them.
pub(crate) fn echoed(status: u16, call: &Received) -> Answer {
    let all: String = call.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let key = call.header("x-aitasker-key").unwrap_or("no key came");
    if status != 200 {
        let echo = format!("your key is {key}");
        return json_answer(status, &json!({ "error": echo, "message": all, "detail": all }));
    }
    let text = format!("These are all the headers that came with the call, one in a line:\n\n{all}");
    let short = |what: &str| format!("{what} with the key {key}").chars().take(280).collect::<String>();
    let (summary, message) = (short("A call"), short("Thank you for a call"));
    json_answer(200, &json!({ "full_text": text, "summary": summary, "agent_message": message }))
}
