//! Rows of what agents answered, each played as one call under paused time: outcome, code, price, number of sends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod support;

use bytes::Bytes;
use chrono::TimeDelta;
use gavel_contract::agent::answer::Expectation;
use gavel_dispatcher::transport::{FailureKind, Reply};
use gavel_dispatcher::{Call, Settled};
use gavel_domain::invitation::{Outcome, Probe, Reliability};
use gavel_domain::{Currency, Money};
use serde::Deserialize;
use std::time::Duration;
use support::{KEY, Mood, Step, bench, call, ended, epoch};

#[derive(Deserialize)]
struct Row {
    id: String,
    context: Context,
    response: Response,
    expected: Expected,
}

#[derive(Deserialize)]
struct Context {
    mode: String,
    execution_mode: String,
    currency: String,
    budget: String,
    timeout_ms: i64,
    health_before: String,
    phase_deadline_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Response {
    status: Option<u16>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    transport: Option<String>,
    #[serde(default)]
    elapsed_ms: u64,
}

#[derive(Deserialize)]
struct Expected {
    code: String,
    #[serde(default)]
    code_any_of: Vec<String>,
    /// Either verdict is right where there is one; a crash is not.
    #[serde(default)]
    any_of: Vec<String>,
    reliability: String,
    retry: bool,
    bid_price_cents: Option<i64>,
    agent_message: Option<String>,
    download_names: Option<Vec<String>>,
}

/// What the network does in this row, or `None` where the row is about something a script cannot play: bytes on a
/// wire, callbacks, or what the store makes of a late answer.
fn step(row: &Row) -> Option<Step> {
    let stored_elsewhere =
        ["task_closed", "duplicate", "stale_attempt"].contains(&row.expected.code.as_str());
    if row.context.execution_mode != "sync" || stored_elsewhere {
        return None;
    }
    if let Some(transport) = &row.response.transport {
        return kind(transport).map(|kind| Step::Fail(Duration::ZERO, kind));
    }
    let named = |wanted: &str| {
        let found = row.response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.clone())
    };
    let reply = Reply {
        status: row.response.status?,
        content_encoding: named("content-encoding"),
        retry_after: named("retry-after"),
        body: Bytes::from(row.response.body.clone()?.replace("{{X-AITasker-Key}}", KEY)),
        ..Reply::default()
    };
    Some(Step::Answer(Duration::from_millis(row.response.elapsed_ms), reply))
}

fn kind(transport: &str) -> Option<FailureKind> {
    match transport {
        "dns_nxdomain" | "connect_refused" | "connect_timeout" | "tls_handshake_stall" => {
            Some(FailureKind::Connect)
        }
        "reset_before_headers" | "close_before_headers" => Some(FailureKind::NoResponse),
        name if name.starts_with("tls_") => Some(FailureKind::Tls),
        _ => None,
    }
}

fn planned(row: &Row) -> Call {
    let (own, phase) = (row.context.timeout_ms, row.context.phase_deadline_ms);
    let mut call = call(0, 0);
    call.deadline_at = epoch() + TimeDelta::milliseconds(phase.map_or(own, |phase| phase.min(own)));
    call.deadline_is_own_limit = phase.is_none_or(|phase| own <= phase);
    call.key.mode = row.context.mode.parse().unwrap();
    let cents = row.context.budget.replace('.', "").parse().unwrap();
    let currency = Currency::new(&row.context.currency).unwrap();
    call.expectation = Expectation { mode: call.key.mode, budget: Money::from_minor(cents), currency };
    call
}

fn hold(row: &Row, settled: &Settled, sends: usize) {
    let (id, ended) = (&row.id, ended(settled));
    assert_ne!(ended.outcome, Outcome::PlatformFault, "{id}: {}", ended.code);
    if !row.expected.any_of.is_empty() {
        return;
    }
    let codes = std::iter::once(&row.expected.code).chain(&row.expected.code_any_of);
    assert!(codes.clone().any(|code| *code == ended.code), "{id}: {} {:?}", ended.code, ended.warnings);
    let probe = match row.context.health_before.as_str() {
        "passing" => Probe::Passing,
        "failing" => Probe::Failing,
        _ => Probe::Unknown,
    };
    let reliability = match ended.outcome.reliability(probe) {
        Reliability::Success => "success",
        Reliability::Counted => "counted",
        Reliability::None => "none",
    };
    assert_eq!(reliability, row.expected.reliability, "{id}: {:?}", ended.outcome);
    assert_eq!(sends, if row.expected.retry { 2 } else { 1 }, "{id}: sends");
    let answer = ended.answer.as_ref();
    if let Some(cents) = row.expected.bid_price_cents {
        assert_eq!(answer.map(|answer| answer.price.minor()), Some(cents), "{id}: price");
    }
    if row.expected.agent_message.is_some() {
        assert_eq!(
            answer.and_then(|answer| answer.message.clone()),
            row.expected.agent_message,
            "{id}: message"
        );
    }
    if let Some(names) = &row.expected.download_names {
        let seen: Vec<_> = answer.iter().flat_map(|answer| &answer.artifacts).map(|a| &a.filename).collect();
        assert_eq!(seen, names.iter().collect::<Vec<_>>(), "{id}: file names");
    }
    assert!(!format!("{ended:?}").contains(KEY), "{id}: the key is stored");
}

#[tokio::test(start_paused = true)]
async fn every_row_ends_as_it_should() {
    let Some(rows) = gavel_testkit::corpora::rows::<Row>("reliability/agent_responses.jsonl") else { return };
    let mut ran = 0;
    for row in &rows {
        let Some(step) = step(row) else { continue };
        // A second send, where one is made, meets the same.
        let bench = bench(&[&[step.clone(), step]], Mood::Willing);
        let (call, begun) = bench.begun(planned(row));
        let settled = bench.dispatcher.exchange(&call, begun).await;
        hold(row, &settled, bench.network.sent().len());
        ran += 1;
    }
    println!("agent_responses: {ran} of {} rows played as calls", rows.len());
    assert!(ran > rows.len() / 2, "most rows can be played");
}
