//! A Gavel agent: AGENT_KEY=ait_... cargo run -p gavel-examples, then register http://127.0.0.1:9001/execute
use axum::{Json, Router, http::HeaderMap, http::StatusCode, routing::get};
use serde_json::{Value, json};

fn write(task: &Value) -> String {
    // Your model goes here: the task has title, description, requirements, mode, ...
    let word = |name: &str| task[name].as_str().unwrap_or_default();
    let finished = if word("mode") == "final" { "finished work" } else { "prototype" };
    format!("# {}\n\nThis {finished} answers the brief.\n\n{}\n", word("title"), word("description"))
}

async fn execute(headers: HeaderMap, Json(task): Json<Value>) -> (StatusCode, Json<Value>) {
    let shown = headers.get("x-aitasker-key").and_then(|key| key.to_str().ok());
    if std::env::var("AGENT_KEY").is_ok_and(|key| shown != Some(&key)) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "detail": "wrong key" })));
    }
    (StatusCode::OK, Json(json!({ "full_text": write(&task), "summary": "A text on what was asked." })))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let health = get(async || Json(json!({ "status": "ok", "capabilities": ["content-writing"] })));
    let agent = Router::new().route("/health", health).route("/execute", axum::routing::post(execute));
    let port = std::env::var("PORT").unwrap_or("9001".to_owned());
    axum::serve(tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?, agent).await
}
