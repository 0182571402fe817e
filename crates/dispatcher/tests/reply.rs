//! What one answer or failure means, and what is kept of it for the developer's log.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use bytes::Bytes;
use gavel_dispatcher::Call;
use gavel_dispatcher::reply::{self, Ended, Said};
use gavel_dispatcher::transport::{FailureKind, Reply, SendFailure};
use gavel_domain::invitation::Outcome;
use gavel_domain::limits::ERROR_BODY_BYTES;
use support::{KEY, call, good, status};

fn read(sent: Result<Reply, SendFailure>, call: &Call) -> Ended {
    match reply::read(sent, call, Ended::out_of_time(call.deadline_is_own_limit)) {
        Said::Ended(ended) => *ended,
        Said::Acknowledged { status } => panic!("{status} was taken for an acknowledgement"),
    }
}

#[test]
fn a_status_decides_before_the_body_is_looked_at() {
    let check = |code: u16, outcome: Outcome| {
        // Even a perfect body does not help.
        for body in [good().body, status(code).body, Bytes::new()] {
            let ended = read(Ok(Reply { status: code, body, ..Reply::default() }), &call(0, 120));
            assert_eq!((ended.outcome, ended.status, ended.retry), (outcome, Some(code), false), "{code}");
            assert!(ended.answer.is_none());
        }
    };
    check(201, Outcome::AgentError);
    check(204, Outcome::AgentError);
    check(302, Outcome::AgentError);
    check(400, Outcome::AgentError);
    check(401, Outcome::AgentError);
    check(408, Outcome::Timeout);
    check(422, Outcome::Declined);
    check(429, Outcome::RateLimited);
    check(500, Outcome::ServerError);
    check(502, Outcome::ServerError);
    check(503, Outcome::Unavailable);
}

#[test]
fn an_encoded_answer_is_refused_and_an_encoded_error_is_still_its_status() {
    let encoded = |status| Reply { status, content_encoding: Some("gzip".to_owned()), ..Reply::default() };
    let ended = read(Ok(encoded(200)), &call(0, 120));
    assert_eq!((ended.outcome, ended.code.as_str()), (Outcome::InvalidResponse, "encoding_refused"));
    assert_eq!(read(Ok(encoded(503)), &call(0, 120)).outcome, Outcome::Unavailable);
}

#[test]
fn what_is_kept_of_an_error_is_short_clean_and_storable() {
    let kept = |body: Vec<u8>| {
        let reply = Reply { status: 500, body: body.into(), ..Reply::default() };
        read(Ok(reply), &call(0, 120)).error_body
    };
    assert_eq!(kept(Vec::new()), None);
    assert_eq!(kept(b"plain".to_vec()).unwrap(), "plain");
    assert_eq!(kept(b"a\0b\xff".to_vec()).unwrap(), "a\u{FFFD}b\u{FFFD}");
    assert_eq!(kept(format!("your key is {KEY}").into_bytes()).unwrap(), "your key is [hidden]");
    // Each broken byte becomes three, and the cut may fall inside a letter or a key.
    let long = |unit: &[u8]| kept(unit.repeat(ERROR_BODY_BYTES)).unwrap();
    for unit in [&b"x"[..], &b"\xff"[..], "\u{e9}".as_bytes(), KEY.as_bytes()] {
        let text = long(unit);
        assert!(text.len() <= ERROR_BODY_BYTES && !text.contains(&KEY[..8]), "{unit:?}: {}", text.len());
    }
}

#[test]
fn a_failure_keeps_its_sentence_without_secrets() {
    let failure = SendFailure::new(FailureKind::Connect, format!("could not connect with {KEY}"));
    let ended = read(Err(failure), &call(0, 120));
    assert_eq!(ended.warnings, ["could not connect with [hidden]"]);
    assert!(ended.retry && ended.status.is_none());
}

#[test]
fn the_networks_own_timeout_blames_whoever_the_deadline_belongs_to() {
    let timeout = || Err(SendFailure::new(FailureKind::Timeout, "the deadline passed"));
    let mut call = call(0, 120);
    assert_eq!(read(timeout(), &call).outcome, Outcome::Timeout);
    call.deadline_is_own_limit = false;
    assert_eq!(read(timeout(), &call).outcome, Outcome::Late);
}

#[test]
fn retry_after_is_told_and_never_obeyed() {
    let reply = Reply { retry_after: Some("7".to_owned()), ..status(429) };
    let ended = read(Ok(reply), &call(0, 120));
    assert!(!ended.retry && ended.warnings[0].contains("Retry-After 7"), "{:?}", ended.warnings);
    let endless = Reply { retry_after: Some("7".repeat(100_000)), ..status(429) };
    assert!(read(Ok(endless), &call(0, 120)).warnings[0].len() < 300);
}
