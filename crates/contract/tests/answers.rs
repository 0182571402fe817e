//! The cases of what agents answer, each judged without a wire: verdict, code, reliability, further send, price,
//! message, file names, warnings.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop here, and says what it ran")]

mod support;

use gavel_contract::agent::answer::{Expectation, Reading, read};
use gavel_contract::agent::outcome::{Failure, Meaning, StatusLine, classify};
use gavel_domain::invitation::{Outcome, Probe, Reliability};
use gavel_domain::limits::ANSWER_BYTES;
use gavel_domain::{Currency, Money};
use gavel_testkit::corpora::rows;
use serde_json::Value;
use std::collections::BTreeMap;

#[test]
fn every_case_that_needs_no_wire() {
    let Some(rows) = rows::<Value>("reliability/agent_responses.jsonl") else { return };
    let (mut ran, mut skipped, mut wrong) = (0, BTreeMap::<&str, usize>::new(), Vec::new());
    for row in &rows {
        match judge(row) {
            Err(reason) => *skipped.entry(reason).or_default() += 1,
            Ok(verdict) => {
                ran += 1;
                let why = compare(row, &verdict).err();
                wrong.extend(why.map(|why| format!("{}: {why} ({})", row["id"], row["reason"])));
            }
        }
    }
    println!("agent responses: {ran} of {} ran; need a wire: {skipped:?}", rows.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(ran * 4 > rows.len() * 3, "most are pure");
}

enum Verdict {
    Accepted(Box<Reading>),
    Acknowledged,
    Failed(Meaning),
}

fn judge(row: &Value) -> Result<Verdict, &'static str> {
    let (context, response) = (&row["context"], &row["response"]);
    if let Some(failure) = transport(response)?.or_else(|| arrival(context, response)) {
        return Ok(Verdict::Failed(failure.meaning()));
    }
    let status = response["status"].as_u64().ok_or("literal bytes on a wire")?;
    let asynchronous = context["execution_mode"] == "async";
    match classify(u16::try_from(status).unwrap(), header(response, "content-encoding"), asynchronous) {
        StatusLine::Acknowledged => return Ok(Verdict::Acknowledged),
        StatusLine::Over(meaning) => return Ok(Verdict::Failed(meaning)),
        StatusLine::Answer => {}
    }
    let body = support::body(response)?;
    if body.len() > ANSWER_BYTES {
        return Ok(Verdict::Failed(Failure::TooLarge.meaning()));
    }
    Ok(match read(&body, &expectation(context)) {
        Ok(reading) => Verdict::Accepted(Box::new(reading)),
        Err(rejected) => Verdict::Failed(Meaning {
            outcome: Some(Outcome::InvalidResponse),
            code: rejected.code(),
            may_send_again: false,
        }),
    })
}

fn expectation(context: &Value) -> Expectation {
    let currency = Currency::new(context["currency"].as_str().unwrap()).unwrap();
    let budget = Money::parse_exact(context["budget"].as_str().unwrap(), &currency).unwrap();
    Expectation { mode: context["mode"].as_str().unwrap().parse().unwrap(), budget, currency }
}

/// What the network did, where it did not bring an answer.
fn transport(response: &Value) -> Result<Option<Failure>, &'static str> {
    let Some(name) = response["transport"].as_str() else { return Ok(None) };
    Ok(Some(match name {
        "tls_handshake_stall" => Failure::Connect,
        tls if tls.starts_with("tls_") => Failure::Tls,
        early if early.ends_with("_before_headers") => Failure::NoResponse,
        connect if connect.starts_with("connect_") || connect.starts_with("dns_") => Failure::Connect,
        _ => return Err("a transport only a wire has"),
    }))
}

/// What had happened by the time the answer arrived, where it is too late.
fn arrival(context: &Value, response: &Value) -> Option<Failure> {
    let elapsed = response["elapsed_ms"].as_u64().unwrap_or(0);
    let own = context["timeout_ms"].as_u64().unwrap();
    let phase = context["phase_deadline_ms"].as_u64().unwrap_or(u64::MAX);
    let text = |key: &str| context[key].as_str();
    if text("attempt_fence") == Some("stale") {
        return Some(Failure::StaleAttempt);
    }
    if text("duplicate_of").is_some_and(|earlier| earlier.contains("success")) {
        return Some(Failure::Duplicate);
    }
    match text("task_state_at_arrival") {
        Some("cancelled") => Some(Failure::TaskCancelled),
        Some(state) if state != "prototyping" => Some(Failure::TaskDecided),
        _ => (elapsed > own.min(phase)).then(|| Failure::at_deadline(own <= phase)),
    }
}

fn header<'r>(response: &'r Value, name: &str) -> Option<&'r str> {
    let pairs = response["headers"].as_array()?;
    let pair = pairs.iter().find(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name))?;
    pair[1].as_str()
}

fn compare(row: &Value, verdict: &Verdict) -> Result<(), String> {
    let expected = &row["expected"];
    let (name, code, again) = match verdict {
        Verdict::Accepted(_) => ("accepted", "ok", false),
        Verdict::Acknowledged => ("acknowledged", "ack", false),
        Verdict::Failed(meaning) => ("failed", meaning.code, meaning.may_send_again),
    };
    check("further send", again, expected["retry"].as_bool().unwrap())?;
    if let Some(either) = expected.get("any_of") {
        return listed("verdict", name, either.as_array().unwrap());
    }
    check("verdict", Some(name), expected["verdict"].as_str())?;
    let codes = expected.get("code_any_of").unwrap_or(&expected["code"]);
    listed("code", code, codes.as_array().unwrap_or(&vec![codes.clone()]))?;
    check("reliability", Some(reliability(row, verdict)), expected["reliability"].as_str())?;
    match verdict {
        Verdict::Accepted(reading) => compare_reading(expected, reading),
        Verdict::Acknowledged | Verdict::Failed(_) => Ok(()),
    }
}

fn reliability(row: &Value, verdict: &Verdict) -> &'static str {
    let probe = match row["context"]["health_before"].as_str() {
        Some("passing") => Probe::Passing,
        Some("failing") => Probe::Failing,
        _ => Probe::Unknown,
    };
    let outcome = match verdict {
        Verdict::Accepted(_) => Some(Outcome::Valid),
        Verdict::Acknowledged => None,
        Verdict::Failed(meaning) => meaning.outcome,
    };
    match outcome.map(|outcome| outcome.reliability(probe)) {
        Some(Reliability::Success) => "success",
        Some(Reliability::Counted) => "counted",
        Some(Reliability::None) | None => "none",
    }
}

fn compare_reading(expected: &Value, reading: &Reading) -> Result<(), String> {
    let answer = &reading.answer;
    if let Some(cents) = expected.get("bid_price_cents") {
        check("price", Some(answer.price.minor()), cents.as_i64())?;
    }
    if let Some(message) = expected.get("agent_message") {
        check("message", answer.message.as_deref(), message.as_str())?;
    }
    if let Some(summary) = expected.get("summary") {
        check("summary", Some(answer.summary.as_str()), summary.as_str())?;
    }
    if let Some(most) = expected["summary_max_chars"].as_u64() {
        check("summary within its length", answer.summary.chars().count() as u64 <= most, true)?;
    }
    if let Some(names) = expected["download_names"].as_array() {
        let got: Vec<&str> = answer.artifacts.iter().map(|a| a.filename.as_str()).collect();
        check("names", got, names.iter().map(|n| n.as_str().unwrap()).collect())?;
    }
    let codes: Vec<&str> = reading.warnings.iter().filter_map(|w| w.split(':').next()).collect();
    let warned = expected["warnings"].as_array().into_iter().flatten();
    warned.map(|w| w.as_str().unwrap()).try_for_each(|warning| match codes.contains(&warning) {
        true => Ok(()),
        false => Err(format!("no warning {warning}: {:?}", reading.warnings)),
    })
}

fn listed(what: &str, got: &str, right: &[Value]) -> Result<(), String> {
    if right.iter().any(|r| r == got) { Ok(()) } else { Err(format!("{what}: {got} is none of {right:?}")) }
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, got: T, expected: T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got:?} instead of {expected:?}")) }
}
