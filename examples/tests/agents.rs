//! Both agents answer a call, and refuse one that shows a wrong key.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

struct Agent {
    process: Child,
    port: u16,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_rust_agent() {
    answers(&Agent::start(Command::new(env!("CARGO_BIN_EXE_agent")), 20_000));
}

#[test]
fn the_python_agent() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: no python3 here");
        return;
    }
    let mut python = Command::new("python3");
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/agent.py"));
    answers(&Agent::start(python, 26_000));
}

fn answers(agent: &Agent) {
    let health = agent.call("GET /health", "", "");
    assert_eq!((health.0, &health.1["status"]), (200, &json!("ok")));
    let call = json!({ "mode": "prototype", "title": "A guide to tea", "description": "Twenty characters or more of it." });
    let (status, bid) = agent.call("POST /execute", "ait_mine", &call.to_string());
    let text = bid["full_text"].as_str().unwrap();
    assert!(status == 200 && text.starts_with("# A guide to tea\n") && text.len() >= 50, "{status} {text}");
    assert!(!bid["summary"].as_str().unwrap().is_empty());
    assert_eq!(agent.call("POST /execute", "ait_other", &call.to_string()).0, 401);
}

impl Agent {
    /// On a free port behind `from`: below those that the system gives to whoever connects, or a caller that comes
    /// too early may be connected with itself.
    fn start(mut command: Command, from: u16) -> Self {
        let offset = u16::try_from(std::process::id() % 5_000).unwrap();
        let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = (from + offset..from + 6_000).find(free).unwrap();
        let process = command.env("PORT", port.to_string()).env("AGENT_KEY", "ait_mine").spawn().unwrap();
        Agent { process, port }
    }

    /// The status and the body of an answer; a server that is still starting is waited for.
    fn call(&self, what: &str, key: &str, body: &str) -> (u16, Value) {
        let started = Instant::now();
        let answer = loop {
            match self.exchange(what, key, body) {
                Ok(answer) => break answer,
                Err(error) => assert!(started.elapsed() < Duration::from_secs(30), "no answer: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split_whitespace().nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    fn exchange(&self, what: &str, key: &str, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let head = format!("{what} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-aitasker-key: {key}\r\n");
        let length = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{length}{body}").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}
