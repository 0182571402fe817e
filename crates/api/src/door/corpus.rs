//! Sequences of callbacks with expected answers and effects, through the real server over loopback.

use crate::testing::Asked;
use crate::testing::World;
use chrono::TimeDelta;
use gavel_contract::signature::{Secret, hex_signature};
use gavel_domain::agent::ExecutionMode;
use gavel_domain::event::Actor;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::Outcome;
use gavel_domain::{Clock, TaskId};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Deserialize)]
struct Row {
    id: String,
    sequence: Vec<Step>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Step {
    at_s: i64,
    secret: String,
    msg_id: String,
    body: String,
    task: String,
    mode: String,
    signature: String,
    signed_at_s: Option<i64>,
    task_state: Option<String>,
    agent_state: Option<String>,
    current_attempt: Option<u32>,
    crash: Option<String>,
    our_clock_step_s: Option<i64>,
    content_type: Option<String>,
    method: Option<String>,
    #[serde(default = "once")]
    repeat: u32,
}

fn once() -> u32 {
    1
}

#[derive(Deserialize)]
struct Expected {
    http: Vec<Value>,
    bids: Option<usize>,
    #[serde(default)]
    bids_any_of: Vec<usize>,
    deliveries: Option<usize>,
    #[serde(default)]
    price_unchanged: bool,
    #[serde(default)]
    legit_still_accepted: bool,
    assignment: Option<String>,
}

const AGENT: &str = "later";
/// When the final call of rows about one is sent.
const FINAL_AT_S: i64 = 150;

/// One row: a world with an agent that was just asked, and another task and agent beside it.
struct Play {
    world: World,
    address: SocketAddr,
    _server: tokio_util::sync::DropGuard,
    asked: Asked,
    other_task: Asked,
    other_agent: Asked,
    /// Seconds since the call was sent, as time passes.
    passed: i64,
    finishing: Option<ExchangeKey>,
}

impl Play {
    async fn new() -> Play {
        let world = World::new().await;
        world.agent_asked_by(ExecutionMode::Async, "stranger").await;
        world.agent_asked_by(ExecutionMode::Async, AGENT).await;
        let other_agent = world.asked("stranger").await;
        let other_task = world.asked(AGENT).await;
        let asked = world.asked_beside(&[AGENT, "one"]).await;
        let (address, server) = world.listening().await;
        Play { world, address, _server: server, asked, other_task, other_agent, passed: 0, finishing: None }
    }

    fn pass(&mut self, until_s: i64) {
        self.world.clock.advance(TimeDelta::seconds(until_s - self.passed));
        self.passed = until_s;
    }

    /// The call that a step is about; rows about final mode are brought there first.
    async fn key(&mut self, step: &Step) -> ExchangeKey {
        if step.mode == "prototype" {
            return self.asked.key;
        }
        if self.finishing.is_none() {
            self.pass(10);
            let step = Step::plain("valid");
            let sent = self.send(self.asked.key, &step).await;
            assert_eq!(sent, Some(202), "the prototype");
            self.pass(FINAL_AT_S);
            self.finishing = Some(self.world.finishing(&self.asked).await);
        }
        self.finishing.unwrap()
    }

    async fn arrange(&mut self, step: &Step) {
        let (store, now) = (&self.world.state.store, self.world.state.now());
        match step.task_state.as_deref() {
            Some("cancelled") => {
                assert!(store.cancel(self.asked.task, Actor::Buyer, "x", now).await.unwrap().is_ok());
            }
            Some("accepted") => self.world.early_choice(&self.asked).await,
            Some(other) => panic!("a task that is {other} is not known here"),
            None => {}
        }
        if step.agent_state.is_some() {
            let path = format!("/api/v1/developers/agents/{}", self.asked.agent);
            let paused = self.world.patch(self.world.developer(), &path, &json!({ "paused": true })).await;
            assert_eq!(paused.status, 200);
        }
        if step.current_attempt == Some(2) {
            self.world.asked_again(&self.asked).await;
        }
        if let Some(seconds) = step.our_clock_step_s {
            self.world.clock.set_by(TimeDelta::seconds(seconds));
        }
    }

    /// The status of the answer, or `None` where a crash kept it.
    async fn send(&self, key: ExchangeKey, step: &Step) -> Option<u16> {
        if step.crash.as_deref() == Some("before_commit") {
            return None; // nothing reached the database: the same as nothing received
        }
        let vault = &self.world.state.vault;
        let secret_of = |key: ExchangeKey| {
            vault.callback_secret(key.invitation, key.mode, key.revision).expose().to_owned()
        };
        let secret = match step.secret.as_str() {
            "own" => secret_of(key),
            "other_task_same_agent" => secret_of(self.other_task.key),
            "other_agent" => secret_of(self.other_agent.key),
            "prototype_attempt" => secret_of(self.asked.key),
            other => format!("{other}_0123456789abcdefghijklmnopqrstuvwxyz"),
        };
        let body = self.body(step);
        let path = format!(
            "/api/v1/callbacks/{}",
            match step.task.as_str() {
                "unknown" => "unknown-token".to_owned(),
                _ => vault.callback_token(key.invitation, key.mode, key.revision),
            }
        );
        // The agent's clock shows the real time, whatever ours is set to.
        let real = self.world.clock.now().timestamp() - step.our_clock_step_s.unwrap_or(0);
        let time = real - step.at_s + step.signed_at_s.unwrap_or(step.at_s);
        let content_type = step.content_type.as_deref().unwrap_or("application/json");
        let mut head = format!(
            "{} {path} HTTP/1.1\r\nHost: gavel\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n",
            step.method.as_deref().unwrap_or("POST"),
            body.len()
        );
        head.push_str(&signature(step, &secret, time, &body));
        let status = exchange(self.address, head, body).await;
        (step.crash.is_none()).then_some(status)
    }

    fn body(&self, step: &Step) -> Vec<u8> {
        let mut answer = json!({
            "full_text": "A finished draft with more than fifty characters in it, which is what was asked for.",
            "summary": "A draft.",
            "bid_price_usd": 20,
        });
        match step.body.as_str() {
            "valid" => {}
            "short_text" => answer["full_text"] = json!("short"),
            "price_over_budget" => answer["bid_price_usd"] = json!(1_000_000),
            "error_json" => return br#"{"error":"model_overloaded","message":"try later"}"#.to_vec(),
            "4MiB+1" => return vec![b' '; 4 * 1024 * 1024 + 1],
            other => match other.strip_prefix("valid_price_").and_then(|price| price.parse::<u32>().ok()) {
                Some(price) => answer["bid_price_usd"] = json!(price),
                None => return other.as_bytes().to_vec(), // the body itself
            },
        }
        if step.task == "other" {
            answer["task_id"] = json!(self.other_task.task.to_string());
        }
        answer.to_string().into_bytes()
    }

    async fn bids(&self, task: TaskId) -> Vec<i64> {
        let gallery = self.world.state.store.gallery(task).await.unwrap();
        let of_agent = gallery.iter().filter(|bid| bid.bid.agent == self.asked.agent);
        of_agent.map(|bid| bid.bid.answer.price.minor()).collect()
    }

    async fn deliveries(&self) -> usize {
        let delivery = self.world.state.store.latest_delivery(self.asked.task).await.unwrap();
        usize::from(delivery.is_some_and(|delivery| delivery.answer.is_some()))
    }
}

impl Step {
    fn plain(body: &str) -> Step {
        Step {
            at_s: 10,
            secret: "own".to_owned(),
            msg_id: "m0".to_owned(),
            body: body.to_owned(),
            task: "own".to_owned(),
            mode: "prototype".to_owned(),
            signature: "ok".to_owned(),
            signed_at_s: None,
            task_state: None,
            agent_state: None,
            current_attempt: None,
            crash: None,
            our_clock_step_s: None,
            content_type: None,
            method: None,
            repeat: 1,
        }
    }
}

/// Odd messages carry the trio, even ones the pair with the id beside it.
fn signature(step: &Step, secret: &str, time: i64, body: &[u8]) -> String {
    if step.signature == "none" {
        return "\r\n".to_owned();
    }
    let signed: &[u8] = if step.signature == "ok" { body } else { b"another body" };
    let key = Secret::parse(secret)
        .unwrap_or_else(|_| Secret::parse(&format!("whsec_{}", "A".repeat(44))).unwrap());
    let trio = key.sign(&step.msg_id, time, signed);
    let pair = hex_signature(secret.as_bytes(), signed);
    if step.msg_id.ends_with(['1', '3', '5', '7', '9']) {
        return format!(
            "webhook-id: {}\r\nwebhook-timestamp: {time}\r\nwebhook-signature: {trio}\r\n\r\n",
            step.msg_id
        );
    }
    format!(
        "webhook-id: {}\r\nX-AITasker-Timestamp: {time}\r\nX-AITasker-Signature: {pair}\r\n\r\n",
        step.msg_id
    )
}

/// Sends a request over a connection of its own; a server that does not want all of it may say so before the end.
async fn exchange(address: SocketAddr, head: String, body: Vec<u8>) -> u16 {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let _ = socket.write_all(head.as_bytes()).await;
    let _ = socket.write_all(&body).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).unwrap_or_else(|| panic!("no answer but {text:?}"));
    status.parse().unwrap()
}

/// Whether the answers to one step are as expected: a status, `no answer`, `A then B`, or `A or B`.
fn fits(expected: &Value, seen: &[Option<u16>]) -> bool {
    if let Some(status) = expected.as_u64() {
        return seen.iter().all(|seen| seen.map(u64::from) == Some(status));
    }
    let text = expected.as_str().unwrap_or_default();
    if text == "no answer" {
        return seen.iter().all(Option::is_none);
    }
    let named: Vec<u16> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let known = seen.iter().all(|seen| seen.is_some_and(|status| named.contains(&status)));
    let in_turn = seen.first().copied().flatten() == named.first().copied()
        && seen.last().copied().flatten() == named.get(1).copied();
    known && (!text.contains("then") || in_turn)
}

async fn play(row: &Row) {
    let mut play = Play::new().await;
    let id = &row.id;
    let before = play.world.state.store.dispatch(play.asked.key).await.unwrap().unwrap().exchange.unwrap();
    for (step, expected) in row.sequence.iter().zip(&row.expected.http) {
        let key = play.key(step).await;
        play.pass(step.at_s);
        play.arrange(step).await;
        let mut seen = Vec::new();
        for _ in 0..step.repeat {
            seen.push(play.send(key, step).await);
        }
        assert!(
            fits(expected, &seen),
            "{id}: {expected} was expected, {:?} came",
            &seen[..seen.len().min(5)]
        );
    }
    if row.expected.legit_still_accepted {
        assert_eq!(play.send(play.asked.key, &Step::plain("valid")).await, Some(202), "{id}: the real agent");
    }
    let bids = play.bids(play.asked.task).await;
    let legit = usize::from(row.expected.legit_still_accepted);
    if let Some(expected) = row.expected.bids {
        assert_eq!(bids.len(), expected + legit, "{id}: bids");
    }
    if !row.expected.bids_any_of.is_empty() {
        assert!(row.expected.bids_any_of.contains(&bids.len()), "{id}: {} bids", bids.len());
    }
    if row.expected.price_unchanged {
        assert_eq!(bids, [2_000], "{id}: the first price stands");
    }
    if let Some(expected) = row.expected.deliveries {
        assert_eq!(play.deliveries().await, expected, "{id}: deliveries");
    }
    assert!(play.bids(play.other_task.task).await.is_empty(), "{id}: the other task is as it was");
    let after = play.world.state.store.dispatch(play.asked.key).await.unwrap().unwrap();
    assert_eq!(after.exchange.unwrap().deadline_at, before.deadline_at, "{id}: no deadline moves");
    if row.expected.assignment.as_deref() == Some("failed") {
        let outcome = after.invitation.ended.map(|ended| ended.outcome);
        assert!(outcome.is_some_and(|outcome| outcome != Outcome::Valid), "{id}: {outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sequence_is_answered_as_it_should_be() {
    let Some(rows) = gavel_testkit::corpora::rows::<Row>("reliability/callback_cases.jsonl") else { return };
    for row in &rows {
        assert_eq!(row.sequence.len(), row.expected.http.len(), "{}", row.id);
        play(row).await;
    }
    assert!(rows.len() >= 20, "{} rows", rows.len());
}
