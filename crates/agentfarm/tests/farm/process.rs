//! The farm as a process of its own.

use crate::support::{brief, call};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

fn start(spec: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentfarm"));
    command.args(["--spec", spec]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[tokio::test]
async fn it_says_where_its_agents_are_and_what_happened_and_ends_with_its_input() {
    let file = std::env::temp_dir().join(format!("agentfarm-{}.json", std::process::id()));
    let row = json!({ "id": "r1", "response": { "status": 418, "body": "row" } });
    let refused = json!({ "id": "r2", "response": { "transport": "connect_refused" } });
    let specs = json!([
        { "slug": "bids", "behaviour": { "script": { "prototype": [{ "then": "bid" }] } } },
        { "slug": "rows", "behaviour": { "corpus": { "rows": [row, refused] } } },
        { "slug": "later", "behaviour": { "async": { "after_ms": 5, "report": { "error": "gave_up" } } } },
        { "slug": "worker", "behaviour": { "pull": { "base_url": "http://127.0.0.1:9/api/v1", "key": "k" } } },
    ]);
    std::fs::write(&file, specs.to_string()).unwrap();
    let mut child = start(file.to_str().unwrap());
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = move || serde_json::from_str::<Value>(&out.next().unwrap().unwrap()).unwrap();
    let addresses = line();
    std::fs::remove_file(&file).unwrap();
    let url = |value: &Value| value.as_str().unwrap().to_owned();
    let bids = url(&addresses["agents"][0]["url"]);
    assert_eq!(call(&bids, "", &brief("t1").to_string()).await.status(), 200);
    let rows = &addresses["agents"][1]["rows"];
    assert_eq!(call(&url(&rows["r1"]), "", "{}").await.status(), 418);
    assert!(url(&rows["r2"]).starts_with("http://127.0.0.1:"));
    assert_eq!(addresses["ca_pem"].is_string(), cfg!(feature = "tls"));
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "report").unwrap();
    let report = line();
    assert_eq!((&report["agents"][0]["calls"], &report["sends_by_task"]["t1"]), (&json!(1), &json!(1)));
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn it_says_what_is_wrong_with_its_file() {
    let output = start("/nowhere/spec.json").wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("/nowhere/spec.json"), "{said}");
    let output = Command::new(env!("CARGO_BIN_EXE_agentfarm")).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("usage: agentfarm --spec FILE"));
}
