//! An agent that keeps the contract, and how to spoil it.

use crate::{KEY, NEXT, SECRET, wire};
use bytes::Bytes;
use gavel_contract::signature::{Secret, verify_webhook};
use gavel_domain::Clock;
use gavel_domain::clock::SystemClock;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What came, and what the agent remembers of others.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// The body, or null.
    pub(crate) task: Value,
    /// Which POST it is, from 1; for others, how many there were.
    pub(crate) count: usize,
    /// Its webhook-id came before.
    pub(crate) again: bool,
}

/// What is answered.
pub(crate) struct Out {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) after: Duration,
    /// Close the connection instead.
    pub(crate) close: bool,
}

/// How the right answer is spoilt.
pub(crate) type Twist = fn(&Call, Out) -> Out;
/// How the right callback is spoilt.
pub(crate) type BackTwist = fn(&mut Back);

/// A running agent.
pub(crate) struct Agent {
    pub(crate) url: String,
    server: JoinHandle<()>,
}

struct Rules {
    twist: Twist,
    back: BackTwist,
    seen: Mutex<(usize, BTreeSet<String>)>,
}

impl Agent {
    pub(crate) async fn start(twist: Twist) -> Agent {
        Agent::with_callbacks(twist, |_| {}).await
    }

    pub(crate) async fn with_callbacks(twist: Twist, back: BackTwist) -> Agent {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/execute", listener.local_addr().unwrap());
        let rules = Arc::new(Rules { twist, back, seen: Mutex::default() });
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let rules = Arc::clone(&rules);
                let service = service_fn(move |request| serve(Arc::clone(&rules), request));
                let http = hyper::server::conn::http1::Builder::new();
                connections.spawn(async move {
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Agent { url, server }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(rules: Arc<Rules>, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> =
        head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut call = Call {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        task: serde_json::from_slice(&body).unwrap_or_default(),
        headers,
        body,
        count: 0,
        again: false,
    };
    remember(&rules, &mut call);
    let right = right(&call);
    let begun = right.status == 202;
    let out = (rules.twist)(&call, right);
    tokio::time::sleep(out.after).await;
    if out.close {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    if begun {
        tokio::spawn(call_back(Back::of(&call), rules.back));
    }
    let mut answer = Response::builder().status(out.status);
    for (name, value) in &out.headers {
        answer = answer.header(name, value);
    }
    answer.body(Full::new(out.body)).map_err(io::Error::other)
}

fn remember(rules: &Rules, call: &mut Call) {
    let mut seen = rules.seen.lock().unwrap();
    if call.method == "POST" {
        seen.0 += 1;
        call.again = !seen.1.insert(call.header("webhook-id").to_owned());
    }
    call.count = seen.0;
}

/// What the contract asks for.
fn right(call: &Call) -> Out {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/health") => Out::json(200, &json!({ "status": "ok", "capabilities": ["content-writing"] })),
        ("GET", _) => Out::error(405),
        _ if call.header("x-aitasker-key") != KEY || !is_signed(call, &[SECRET, NEXT]) => Out::error(401),
        _ if !call.task["title"].is_string() => Out::error(400),
        _ if call.task["category"] != "content-writing" || call.task["task_type"] != "blog-post" => {
            Out::error(422)
        }
        _ if call.task["callback_url"].is_string() => Out::json(202, &json!({ "status": "accepted" })),
        _ => Out::json(200, &work(&call.task)),
    }
}

pub(crate) fn is_signed(call: &Call, secrets: &[&str]) -> bool {
    let held: Vec<Secret> = secrets.iter().map(|secret| Secret::parse(secret).unwrap()).collect();
    verify_webhook(&held, &call.headers, &call.body, SystemClock.now().timestamp()).is_some()
}

/// The answer to a task: always the same for the same task, mode and notes.
pub(crate) fn work(task: &Value) -> Value {
    let notes = task["requirements"]["revision_notes"].as_str().unwrap_or_default();
    let text = format!("{} of {}, with room for what is asked. {notes}", task["mode"], task["title"]);
    json!({ "full_text": format!("{text}{}", ".".repeat(40)), "summary": "A text.", "bid_price_usd": 2.5 })
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    pub(crate) fn is_health(&self) -> bool {
        self.method == "GET" && self.path == "/health"
    }

    pub(crate) fn is_post(&self) -> bool {
        self.method == "POST"
    }
}

impl Out {
    pub(crate) fn json(status: u16, body: &Value) -> Out {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = Bytes::from(body.to_string());
        Out { status, headers, body, after: Duration::ZERO, close: false }
    }

    pub(crate) fn error(status: u16) -> Out {
        Out::json(status, &json!({ "error": "refused", "message": "it is refused" }))
    }

    /// The same answer with one field of its object set.
    pub(crate) fn set(self, key: &str, value: Value) -> Out {
        let mut object: Value = serde_json::from_slice(&self.body).unwrap();
        object[key] = value;
        Out { body: Bytes::from(object.to_string()), ..self }
    }

    pub(crate) fn late(self, by: Duration) -> Out {
        Out { after: by, ..self }
    }
}

/// A callback in the making.
pub(crate) struct Back {
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) age: i64,
    pub(crate) sign: bool,
    /// Another id on every send.
    pub(crate) new_id: bool,
    /// Whether to send again after this answer.
    pub(crate) again: fn(u16) -> bool,
    /// Sends at most.
    pub(crate) sends: usize,
}

impl Back {
    fn of(call: &Call) -> Back {
        Back {
            url: call.task["callback_url"].as_str().unwrap_or_default().to_owned(),
            body: work(&call.task).to_string(),
            id: call.header("webhook-id").to_owned(),
            secret: call.task["callback_secret"].as_str().unwrap_or_default().to_owned(),
            age: 0,
            sign: true,
            new_id: false,
            again: |status| status >= 500,
            sends: 5,
        }
    }
}

async fn call_back(mut back: Back, twist: BackTwist) {
    twist(&mut back);
    for send in 0..back.sends {
        let id = if back.new_id { format!("{}_{send}", back.id) } else { back.id.clone() };
        let at = SystemClock.now().timestamp() - back.age;
        let signature = Secret::parse(&back.secret).unwrap().sign(&id, at, back.body.as_bytes());
        let trio =
            [("webhook-id", id), ("webhook-timestamp", at.to_string()), ("webhook-signature", signature)];
        let trio = trio.map(|(name, value)| (name.to_owned(), value));
        let headers = if back.sign { trio.as_slice() } else { &[] };
        let status =
            wire::call("POST", &back.url, headers, &back.body).await.map_or(503, |(status, _)| status);
        if !(back.again)(status) {
            return;
        }
    }
}
