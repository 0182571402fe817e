//! The cases of messages and signatures; those of answers are in `answers.rs`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop here, and says what it ran")]

use base64::{Engine, engine::general_purpose::STANDARD};
use gavel_contract::agent::message;
use gavel_contract::signature::*;
use gavel_testkit::corpora::rows;
use serde_json::Value;

#[test]
fn agent_messages() {
    let Some(rows) = rows::<Value>("reliability/agent_message_sanitise.jsonl") else { return };
    for row in &rows {
        let got = message::sanitise(row["input"].as_str().unwrap());
        assert_eq!(got.as_deref(), row["expected"].as_str(), "{row}");
        assert_eq!(got.as_deref().and_then(message::sanitise), got, "a second time: {row}");
    }
    println!("agent messages: {}", rows.len());
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
    let mut headers: Vec<(String, String)> = serde_json::from_value(row["headers"].clone()).unwrap();
    if let Some(count) = row.get("expand_to").and_then(Value::as_u64) {
        repeat_signatures(&mut headers, usize::try_from(count).unwrap());
    }
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

/// Makes a header of so many signatures of the few that stand in the row.
fn repeat_signatures(headers: &mut [(String, String)], count: usize) {
    for (_, value) in headers.iter_mut().filter(|(name, _)| name == "webhook-signature") {
        *value = value.split(' ').cycle().take(count).collect::<Vec<_>>().join(" ");
    }
}
