//! A Gavel agent: AGENT_KEY=ait_... AGENT_SECRET=whsec_... cargo run -p gavel-examples, at 127.0.0.1:9001/execute
use axum::{Json, Router, body::Bytes, http::HeaderMap, http::StatusCode, routing::get, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use std::{collections::BTreeMap, env::var, sync::Mutex, time::SystemTime};

const TYPES: [&str; 3] = ["blog-post", "press-release", "newsletter-content"]; // of content-writing
static ANSWERS: Mutex<BTreeMap<String, Value>> = Mutex::new(BTreeMap::new()); // by webhook-id: see execute

/// Your model goes here; be done by the header gavel-deadline.
fn write(task: &Value) -> Value {
    let word = |path: &str| task.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (title, notes, brief) = (word("/title"), word("/requirements/revision_notes"), word("/description"));
    let text = format!("# {title}\n\n{notes}\n\nThis {} answers the brief:\n\n{brief}\n", word("/mode"));
    json!({ "full_text": text, "summary": format!("On {title}").chars().take(299).collect::<String>() })
}

/// Whether the key is ours and any of the signatures is by any of our secrets (old and new, while they change), now.
fn is_ours(headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mac = |key: &[u8]| Hmac::<sha2::Sha256>::new_from_slice(key).expect("a key may have any length");
    let tag = |text: &str| mac(b"compared in constant time").chain_update(text).finalize();
    let strange = var("AGENT_KEY").is_ok_and(|key| tag(header("x-aitasker-key")) != tag(&key));
    let Ok(secrets) = var("AGENT_SECRET") else { return !strange };
    let sent = header("webhook-timestamp").parse().unwrap_or(0);
    let age = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs()).abs_diff(sent);
    let fits = |secret: &str, theirs: &str| {
        let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap_or_default();
        let signed = mac(&key).chain_update(format!("{}.{sent}.", header("webhook-id"))).chain_update(body);
        signed.verify_slice(&STANDARD.decode(theirs.trim_start_matches("v1,")).unwrap_or_default()).is_ok()
    };
    let mut theirs = header("webhook-signature").split(' ');
    !strange && age <= 300 && theirs.any(|theirs| secrets.split(' ').any(|secret| fits(secret, theirs)))
}

async fn execute(headers: HeaderMap, body: Bytes) -> (StatusCode, Json<Value>) {
    let error = |status, code, message| (status, Json(json!({ "error": code, "message": message })));
    let task: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !is_ours(&headers, &body) {
        return error(StatusCode::UNAUTHORIZED, "unauthorized", "wrong key or signature");
    } else if !task["title"].is_string() {
        return error(StatusCode::BAD_REQUEST, "invalid_request", "this is no task");
    } else if task["category"] != "content-writing" || !TYPES.iter().any(|kind| task["task_type"] == *kind) {
        return error(StatusCode::UNPROCESSABLE_ENTITY, "unsupported_task_type", "not what this agent does");
    }
    // A call that comes twice is worked on once, a revision anew. (A service forgets after a while.)
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let mut answers = ANSWERS.lock().expect("nobody panics while it is held");
    (StatusCode::OK, Json(answers.entry(id).or_insert_with(|| write(&task)).clone()))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let health = async || Json(json!({ "status": "ok", "capabilities": ["content-writing"] }));
    let routes = Router::new().route("/health", get(health)).route("/execute", post(execute));
    let address = format!("127.0.0.1:{}", var("PORT").unwrap_or("9001".to_owned()));
    axum::serve(tokio::net::TcpListener::bind(address).await?, routes).await
}
