//! One agent's server. What no HTTP library would say is written past it, on a second handle of the connection.

use crate::agent::{Agent, Errand, UnderWay};
use crate::answers::{self, GARBAGE, refusal};
use crate::asynchronous;
use crate::chance;
use crate::door::{Handshake, handshake};
use crate::line::Line;
use crate::record::Received;
use crate::script::{Reply, Script};
use crate::spec::{AgentSpec, Behaviour, Health};
use crate::wire::{Answer, End, Wire, pause};
use crate::writers;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::http::request;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Open connections per door; more wait in the system's queue. Above the 10,000 calls in flight of a restart test.
const CONNECTIONS_MAX: usize = 12_000;
/// A call is an envelope of some KiB; nobody fills our memory with more.
pub(crate) const CALL_BYTES_MAX: usize = 1024 * 1024;
/// The slowest of all log-normal delays.
const SLOW_MS_MAX: f64 = 600_000.0;

/// Serves until it is dropped; its connections go with it.
pub(crate) async fn accept(listener: TcpListener, handshake: Handshake, agent: Arc<Agent>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, handshake.clone(), Arc::clone(&agent)));
                }
                // Out of descriptors: those in use come back.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Runs what agents do after they answered, until it is dropped.
pub(crate) async fn run_errands(mut waiting: UnboundedReceiver<Errand>) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            Some(errand) = waiting.recv() => { running.spawn(errand); }
            Some(_) = running.join_next() => {}
            else => return,
        }
    }
}

/// A connection ends with an error when the caller leaves or an agent closes it: both are wanted.
async fn connection(stream: TcpStream, peer: SocketAddr, before_http: Handshake, agent: Arc<Agent>) {
    let _open = agent.connected();
    let _ = stream.set_nodelay(true);
    let Some(line) = handshake(stream, &before_http).await else { return };
    let service = service_fn(|call| respond(&agent, &line, peer, call));
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(line.clone()), service)
        .await;
}

/// An error closes the connection without a byte from hyper.
async fn respond(
    agent: &Arc<Agent>,
    line: &Line,
    peer: SocketAddr,
    call: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = call.into_parts();
    let Ok(body) = Limited::new(body, CALL_BYTES_MAX).collect().await else {
        return deliver(refusal(413, "too_large", "a call has at most 1 MiB"), line).await;
    };
    let body = body.to_bytes();
    let _under_way;
    let answer = match (&head.method, place(head.uri.path())) {
        (&Method::GET, (row, "/health")) => {
            agent.note_probe();
            let probe = received(agent, peer, &head, body);
            keep(agent, probe.clone());
            health(agent, row, &probe).await
        }
        (&Method::POST, (row, "/execute")) => {
            let under_way = Arc::new(agent.begin());
            _under_way = Arc::clone(&under_way);
            execute(agent, row, under_way, peer, &head, body).await
        }
        _ => {
            keep(agent, received(agent, peer, &head, body));
            refusal(404, "not_found", "POST /execute and GET /health are served here")
        }
    };
    deliver(answer, line).await
}

async fn deliver(answer: Answer, line: &Line) -> io::Result<Response<Full<Bytes>>> {
    match answer {
        Answer::Wire(wire) => {
            wire.play(line).await?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Answer::Whole { status, headers, body } => {
            let mut answer = Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            answer.body(Full::new(body)).map_err(io::Error::other)
        }
    }
}

/// The row of a corpus that a path names, and the rest of the path.
fn place(path: &str) -> (Option<&str>, &str) {
    let named = path.strip_prefix("/rows/").and_then(|rest| rest.split_at_checked(rest.find('/')?));
    named.map_or((None, path), |(row, rest)| (Some(row), rest))
}

fn received(agent: &Agent, peer: SocketAddr, head: &request::Parts, body: Bytes) -> Received {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (method, headers) = (head.method.to_string(), headers_of(&head.headers));
    Received { at: agent.at(), method, path, peer, headers, body }
}

fn keep(agent: &Agent, received: Received) {
    if agent.keeps_record() {
        agent.keep(received);
    }
}

async fn health(agent: &Agent, row: Option<&str>, probe: &Received) -> Answer {
    let spec = agent.spec();
    if !spec.health.is_empty() {
        let turn = agent.cursors[3].fetch_add(1, Relaxed) % spec.health.len();
        return condition(spec, spec.health[turn]);
    }
    match (&spec.behaviour, row) {
        (Behaviour::Script(Script { health, .. }), _) if !health.is_empty() => {
            reply(next(agent, 2, health), probe).await
        }
        (Behaviour::Corpus(_), Some(row)) => {
            agent.rows.get(row).map_or_else(no_such_row, |row| condition(spec, row.health))
        }
        _ => condition(spec, Health::Ok),
    }
}

fn condition(spec: &AgentSpec, health: Health) -> Answer {
    match health {
        Health::Hang => Answer::Wire(Wire::silent(End::Hold)),
        Health::Fail => refusal(503, "unhealthy", "this agent does not work at the moment"),
        Health::Ok => {
            let AgentSpec { slug, capabilities, .. } = spec;
            let version = env!("CARGO_PKG_VERSION");
            let body =
                json!({ "status": "ok", "agent": slug, "version": version, "capabilities": capabilities });
            answers::json_answer(200, &body)
        }
    }
}

async fn execute(
    agent: &Arc<Agent>,
    row: Option<&str>,
    under_way: Arc<UnderWay>,
    peer: SocketAddr,
    head: &request::Parts,
    body: Bytes,
) -> Answer {
    let known = key_is_known(agent.spec().key.as_deref(), &head.headers);
    let call = received(agent, peer, head, body);
    agent.note_call();
    if agent.keeps_record() {
        agent.tally(&call, call.header("webhook-id"));
        agent.keep(call.clone());
    }
    if !known {
        return refusal(401, "invalid_key", "X-AITasker-Key is not the key of this agent");
    }
    work(agent, row, under_way, &call).await
}

async fn work(agent: &Arc<Agent>, row: Option<&str>, under_way: Arc<UnderWay>, call: &Received) -> Answer {
    match &agent.spec().behaviour {
        Behaviour::Hang => Answer::Wire(Wire::silent(End::Hold)),
        Behaviour::Garbage => answers::json_bytes(200, GARBAGE),
        Behaviour::Echo { latency_ms } => {
            pause(*latency_ms).await;
            answers::bid()
        }
        Behaviour::Slow { median_ms, sigma, seed } => {
            let draw = agent.draws.fetch_add(1, Relaxed);
            let delay = chance::log_normal(*median_ms as f64, *sigma, *seed, draw);
            pause(delay.min(SLOW_MS_MAX) as u64).await;
            answers::bid()
        }
        Behaviour::Flaky { probability, seed, failure } => {
            let fails = chance::uniform(*seed, agent.draws.fetch_add(1, Relaxed)) < *probability;
            if fails { failure.answer(call) } else { answers::bid() }
        }
        Behaviour::Script(script) => scripted(agent, script, call).await,
        Behaviour::Writer { style, delay_ms } => write(agent.spec(), *style, *delay_ms, &call.body).await,
        Behaviour::Corpus(_) => match row.and_then(|row| agent.rows.get(row)) {
            Some(row) => {
                pause(row.elapsed_ms).await;
                row.answer_to(call.header("x-aitasker-key").unwrap_or_default())
            }
            None => no_such_row(),
        },
        Behaviour::Async(callbacks) => asynchronous::acknowledge(agent, callbacks, under_way, call).await,
        Behaviour::Pull(_) => refusal(404, "not_called", "this agent is not called: it fetches its work"),
    }
}

fn no_such_row() -> Answer {
    refusal(404, "no_such_row", "rows are called at /rows/ID/execute and asked for health at /rows/ID/health")
}

async fn write(spec: &AgentSpec, style: writers::Style, delay_ms: u64, body: &[u8]) -> Answer {
    let brief = match crate::brief::Brief::read(body) {
        Ok(brief) => brief,
        Err(e) => return refusal(400, "invalid_request", &e.to_string()),
    };
    if !spec.capabilities.is_empty() && !spec.capabilities.contains(&brief.category) {
        let message = format!("{} does not work in {}", spec.name, brief.category);
        return refusal(422, "unsupported_task_type", &message);
    }
    pause(if brief.is_final { delay_ms + delay_ms / 2 } else { delay_ms }).await;
    answers::json_answer(200, &writers::answer(style, &brief))
}

async fn scripted(agent: &Agent, script: &Script, call: &Received) -> Answer {
    #[derive(Deserialize)]
    struct Call {
        mode: String,
    }
    let is_final = serde_json::from_slice::<Call>(&call.body).is_ok_and(|call| call.mode == "final");
    let own_list = is_final && !script.final_mode.is_empty();
    let due = if own_list { next(agent, 1, &script.final_mode) } else { next(agent, 0, &script.prototype) };
    reply(due, call).await
}

async fn reply(due: Option<&Reply>, call: &Received) -> Answer {
    let Some(due) = due else {
        return refusal(500, "empty_script", "the script has no reply for this call");
    };
    pause(due.delay_ms).await;
    due.then.answer(call)
}

/// The next reply of a list; the last one repeats.
fn next<'a>(agent: &Agent, cursor: usize, replies: &'a [Reply]) -> Option<&'a Reply> {
    let at = agent.cursors[cursor].fetch_add(1, Relaxed);
    replies.get(at).or(replies.last())
}

/// As an honest agent does it: in constant time.
fn key_is_known(expected: Option<&str>, headers: &HeaderMap) -> bool {
    let Some(expected) = expected else { return true };
    let sent = headers.get("x-aitasker-key").map(|value| value.as_bytes()).unwrap_or_default();
    sent.len() == expected.len()
        && sent.iter().zip(expected.as_bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

fn headers_of(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}
