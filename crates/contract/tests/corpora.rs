//! The cases of strangers' answers, messages and signatures.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop here, and says what it ran")]

use base64::{Engine, engine::general_purpose::STANDARD};
use gavel_contract::agent::answer::{Expectation, read};
use gavel_contract::agent::{message, outcome};
use gavel_contract::signature::*;
use gavel_domain::invitation::{Mode, Outcome, Probe, Reliability};
use gavel_domain::{Currency, Money};
use gavel_testkit::corpora::rows;
use serde_json::Value;
use std::collections::BTreeMap;

#[test]
fn agent_messages() {
    let Some(rows) = rows::<Value>("reliability/agent_message_sanitise.jsonl") else { return };
    for row in &rows {
        assert_eq!(
            message::sanitise(row["input"].as_str().unwrap()).as_deref(),
            row["expected"].as_str(),
            "{row}"
        );
    }
    println!("agent messages: {}", rows.len());
}

#[test]
fn agent_responses() {
    let Some(rows) = rows::<Value>("reliability/agent_responses.jsonl") else { return };
    let mut ran: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in &rows {
        let Some(got) = judge(row) else {
            *ran.entry("need a wire or a clock").or_default() += 1;
            continue;
        };
        *ran.entry("pure").or_default() += 1;
        if let Err(why) = compare(row, &got) {
            wrong.push(format!("{why}\n   {}", row.to_string().chars().take(600).collect::<String>()));
        }
    }
    println!("agent responses: {ran:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What became of a row.
struct Got {
    outcome: Outcome,
    code: String,
    reading: Option<gavel_contract::agent::answer::Reading>,
}

fn judge(row: &Value) -> Option<Got> {
    let (context, response) = (&row["context"], &row["response"]);
    let timed = ["phase_deadline_ms", "task_state_at_arrival", "duplicate_of", "attempt_fence"];
    let on_time = response.get("elapsed_ms").is_none_or(|ms| ms.as_u64() <= context["timeout_ms"].as_u64());
    if context["execution_mode"] != "sync" || timed.iter().any(|key| context.get(key).is_some()) || !on_time {
        return None;
    }
    let status = u16::try_from(response.get("status")?.as_u64()?).unwrap();
    if status != 200 {
        let (outcome, code) = outcome::of_status(status);
        return Some(Got { outcome, code: code.to_owned(), reading: None });
    }
    let headers = response["headers"].as_array().cloned().unwrap_or_default();
    let on_the_wire = ["content-encoding", "content-length"];
    if headers.iter().any(|pair| on_the_wire.contains(&pair[0].as_str().unwrap().to_lowercase().as_str())) {
        return None;
    }
    let body = body(response)?;
    if body.len() > gavel_domain::limits::ANSWER_BYTES {
        return None;
    }
    let currency = Currency::new(context["currency"].as_str().unwrap()).unwrap();
    let budget = Money::parse_exact(context["budget"].as_str().unwrap(), &currency).unwrap();
    let mode: Mode = context["mode"].as_str().unwrap().parse().unwrap();
    Some(match read(&body, &Expectation { mode, budget, currency }) {
        Ok(reading) => Got { outcome: Outcome::Valid, code: "ok".to_owned(), reading: Some(reading) },
        Err(rejected) => {
            Got { outcome: Outcome::InvalidResponse, code: rejected.code().to_owned(), reading: None }
        }
    })
}

fn body(response: &Value) -> Option<Vec<u8>> {
    if let Some(text) = response["body"].as_str() {
        return Some(text.as_bytes().to_vec());
    }
    if let Some(encoded) = response["body_b64"].as_str() {
        return Some(STANDARD.decode(encoded).unwrap());
    }
    let spec = response.get("body_gen")?;
    let text = |key: &str| spec[key].as_str().unwrap();
    let count = |key: &str| usize::try_from(spec[key].as_u64().unwrap()).unwrap();
    Some(match text("gen") {
        "nest" => {
            let depth = count("depth");
            [text("before"), &text("open").repeat(depth), &text("close").repeat(depth), text("after")]
                .concat()
                .into()
        }
        "field_repeat" => {
            let mut base = spec["base"].clone();
            base[text("field")] = Value::String(text("unit").repeat(count("count")));
            base.to_string().into()
        }
        "artifact_repeat" => {
            let mut base = spec["base"].clone();
            let mut artifact = spec
                .get("artifact")
                .cloned()
                .unwrap_or_else(|| serde_json::json!({ "type": "markdown", "filename": "a.md" }));
            artifact["content"] = Value::String(text("unit").repeat(count("count")));
            base["artifacts"] = Value::Array(vec![artifact]);
            base.to_string().into()
        }
        "pad_json" => {
            let mut json = spec["base"].to_string();
            let missing = count("total_bytes") - json.len();
            json.push_str(&" ".repeat(missing));
            json.into()
        }
        "bytes" => hex::decode(text("hex")).unwrap(),
        _ => return None,
    })
}

fn compare(row: &Value, got: &Got) -> Result<(), String> {
    let expected = &row["expected"];
    let codes: Vec<&str> = match expected.get("code_any_of") {
        Some(any) => any.as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect(),
        None => vec![expected["code"].as_str().unwrap()],
    };
    let either = expected.get("any_of").is_some();
    let right = codes.contains(&got.code.as_str()) || (either && got.code == "ok");
    if !right {
        return Err(format!("code {} instead of {codes:?}", got.code));
    }
    let probe = match row["context"]["health_before"].as_str() {
        Some("passing") => Probe::Passing,
        Some("failing") => Probe::Failing,
        _ => Probe::Unknown,
    };
    let reliability = match got.outcome.reliability(probe) {
        Reliability::Success => "success",
        Reliability::Counted => "counted",
        Reliability::None => "none",
    };
    if !either && Some(reliability) != expected["reliability"].as_str() {
        return Err(format!("reliability {reliability}"));
    }
    let Some(reading) = &got.reading else { return Ok(()) };
    let answer = &reading.answer;
    if let Some(cents) = expected.get("bid_price_cents") {
        check("price", answer.price.minor(), cents.as_i64().unwrap())?;
    }
    if let Some(message) = expected.get("agent_message") {
        check("message", answer.message.as_deref(), message.as_str())?;
    }
    if let Some(summary) = expected.get("summary") {
        check("summary", Some(answer.summary.as_str()), summary.as_str())?;
    }
    if let Some(names) = expected.get("download_names") {
        let got: Vec<&str> = answer.artifacts.iter().map(|a| a.filename.as_str()).collect();
        check("names", serde_json::json!(got), names.clone())?;
    }
    for warning in expected["warnings"].as_array().into_iter().flatten() {
        let code = warning.as_str().unwrap();
        if !reading.warnings.iter().any(|w| w.starts_with(code)) {
            return Err(format!("no warning {code}: {:?}", reading.warnings));
        }
    }
    Ok(())
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, got: T, expected: T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got:?} instead of {expected:?}")) }
}

#[test]
fn signatures() {
    let Some(rows) = rows::<Value>("reliability/signature_vectors.jsonl") else { return };
    for row in &rows {
        let got = match (row["scheme"].as_str().unwrap(), row["kind"].as_str().unwrap()) {
            (scheme, "sign") => sign(row, scheme),
            (_, "secret") => accepted(Secret::parse(row["secret"].as_str().unwrap()).is_ok()),
            (scheme, "verify") => verify(row, scheme),
            other => panic!("unknown {other:?}"),
        };
        assert_eq!(Some(got.as_str()), row["expected"].as_str(), "{row}");
    }
    println!("signatures: {}", rows.len());
}

fn accepted(yes: bool) -> String {
    if yes { "accept" } else { "reject" }.to_owned()
}

fn sign(row: &Value, scheme: &str) -> String {
    let (secret, body) = (row["secret"].as_str().unwrap(), text_body(row));
    match scheme {
        "standard-webhooks" => {
            let (id, time) = (row["msg_id"].as_str().unwrap(), row["timestamp"].as_i64().unwrap());
            Secret::parse(secret).unwrap().sign(id, time, &body)
        }
        "hmac-sha256-hex" => format!("sha256={}", hex_signature(secret.as_bytes(), &body)),
        _ => timestamped_hex(secret.as_bytes(), row["timestamp"].as_i64().unwrap(), &body),
    }
}

fn text_body(row: &Value) -> Vec<u8> {
    match (row["body"].as_str(), row["body_b64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(encoded)) => STANDARD.decode(encoded).unwrap(),
        (None, None) => hex::decode(row["body_hex"].as_str().unwrap()).unwrap(),
    }
}

fn verify(row: &Value, scheme: &str) -> String {
    let secrets: Vec<&str> = row["secrets"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    let keys: Vec<&[u8]> = secrets.iter().map(|s| s.as_bytes()).collect();
    let headers: Vec<(String, String)> = serde_json::from_value(row["headers"].clone()).unwrap();
    let value = |name: &str| headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
    let (body, now) = (text_body(row), row["now"].as_i64().unwrap_or(0));
    match scheme {
        "standard-webhooks" => {
            let parsed: Vec<Secret> = secrets.iter().filter_map(|s| Secret::parse(s).ok()).collect();
            let id = verify_webhook(&parsed, &headers, &body, now);
            let seen = row["already_seen"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|s| s.as_str() == id && id.is_some());
            if seen { "duplicate".to_owned() } else { accepted(id.is_some()) }
        }
        "hmac-sha256-hex" => {
            let claimed = value("x-signature-256").strip_prefix("sha256=");
            accepted(claimed.is_some_and(|claimed| verify_hex(&keys, &body, claimed)))
        }
        _ => accepted(verify_timestamped_hex(&keys, &body, value("x-signature"), now)),
    }
}
