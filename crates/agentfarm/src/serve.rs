//! One agent's server. What no HTTP library would say is written past it, on a second handle of the connection.

use crate::farm::Agent;
use crate::script::{Action, Payload, Reply, Script};
use crate::spec::{AgentSpec, Behaviour};
use crate::writers;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Open connections per agent; more wait in the system's queue. Above the 10,000 calls in flight of a restart test.
const CONNECTIONS_MAX: usize = 12_000;
/// A call is an envelope of some KiB; nobody fills our memory with more.
const CALL_BYTES_MAX: usize = 1024 * 1024;
/// Answered by the agent that has lost its mind: neither JSON nor UTF-8.
const GARBAGE: &[u8] = b"\x89<<< segfault at 0x0 {\"full_text\": \xff\xfe ...";
/// Size of the constant bid.
const ECHO_TEXT_BYTES: usize = 4096;

type Answer = Response<Full<Bytes>>;

/// Serves until it is dropped; its connections go with it.
pub(crate) async fn accept(listener: TcpListener, agent: Arc<Agent>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => { connections.spawn(connection(stream, Arc::clone(&agent))); }
                // Out of descriptors: those in use come back.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// A connection ends with an error when the caller leaves or a script closes it: both are wanted.
async fn connection(stream: TcpStream, agent: Arc<Agent>) {
    let _ = stream.set_nodelay(true);
    let Ok((stream, line)) = two_handles(&agent.spec().behaviour, stream) else { return };
    let service = service_fn(|call| respond(&agent, line.as_ref(), call));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The connection, and for scripts a second handle of it.
fn two_handles(behaviour: &Behaviour, stream: TcpStream) -> io::Result<(TcpStream, Option<TcpStream>)> {
    if !matches!(behaviour, Behaviour::Script(_)) {
        return Ok((stream, None));
    }
    let stream = stream.into_std()?;
    let line = TcpStream::from_std(stream.try_clone()?)?;
    Ok((TcpStream::from_std(stream)?, Some(line)))
}

/// An error closes the connection without a byte from hyper.
async fn respond(agent: &Agent, line: Option<&TcpStream>, call: Request<Incoming>) -> io::Result<Answer> {
    match (call.method(), call.uri().path()) {
        (&Method::GET, "/health") => {
            agent.note_probe();
            health(agent, line).await
        }
        (&Method::POST, "/execute") => execute(agent, line, call).await,
        _ => Ok(refusal(404, "not_found", "POST /execute and GET /health are served here")),
    }
}

async fn health(agent: &Agent, line: Option<&TcpStream>) -> io::Result<Answer> {
    if let Behaviour::Script(Script { health, .. }) = &agent.spec().behaviour
        && let Some(reply) = next(agent, 2, health)
    {
        return play(reply, line).await;
    }
    let AgentSpec { slug, capabilities, .. } = agent.spec();
    let version = env!("CARGO_PKG_VERSION");
    Ok(json_answer(
        200,
        &json!({ "status": "ok", "agent": slug, "version": version, "capabilities": capabilities }),
    ))
}

async fn execute(agent: &Agent, line: Option<&TcpStream>, call: Request<Incoming>) -> io::Result<Answer> {
    let (head, body) = call.into_parts();
    let Ok(body) = Limited::new(body, CALL_BYTES_MAX).collect().await else {
        return Ok(refusal(413, "too_large", "a call has at most 1 MiB"));
    };
    let body = body.to_bytes();
    let _under_way = agent.begin();
    let known = key_is_known(agent.spec().key.as_deref(), &head.headers);
    agent.note_call(headers_of(&head.headers), body.clone());
    if !known {
        return Ok(refusal(401, "invalid_key", "X-AITasker-Key is not the key of this agent"));
    }
    match &agent.spec().behaviour {
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Garbage => Ok(answer(200, Bytes::from_static(GARBAGE))),
        Behaviour::Echo { latency_ms } => {
            pause(*latency_ms).await;
            Ok(answer(200, ECHO.clone()))
        }
        Behaviour::Script(script) => scripted(agent, script, line, &body).await,
        Behaviour::Writer { style, delay_ms } => Ok(write(agent.spec(), *style, *delay_ms, &body).await),
    }
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
    json_answer(200, &writers::answer(style, &brief))
}

async fn scripted(
    agent: &Agent,
    script: &Script,
    line: Option<&TcpStream>,
    body: &[u8],
) -> io::Result<Answer> {
    #[derive(Deserialize)]
    struct Call {
        mode: String,
    }
    let is_final = serde_json::from_slice::<Call>(body).is_ok_and(|call| call.mode == "final");
    let own_list = is_final && !script.final_mode.is_empty();
    let reply = if own_list { next(agent, 1, &script.final_mode) } else { next(agent, 0, &script.prototype) };
    match reply {
        Some(reply) => play(reply, line).await,
        None => Ok(refusal(500, "empty_script", "the script has no reply for this call")),
    }
}

/// The next reply of a list; the last one repeats.
fn next<'a>(agent: &Agent, cursor: usize, replies: &'a [Reply]) -> Option<&'a Reply> {
    let at = agent.cursors[cursor].fetch_add(1, Relaxed);
    replies.get(at).or(replies.last())
}

async fn play(reply: &Reply, line: Option<&TcpStream>) -> io::Result<Answer> {
    pause(reply.delay_ms).await;
    match &reply.then {
        Action::Hang => std::future::pending().await,
        Action::Close => Err(io::ErrorKind::ConnectionAborted.into()),
        Action::Raw { pieces, pause_ms, endless, hold } => {
            let line = line.ok_or(io::ErrorKind::NotConnected)?;
            write_raw(line, pieces, *pause_ms, *endless).await?;
            if *hold { std::future::pending().await } else { Err(io::ErrorKind::ConnectionAborted.into()) }
        }
        Action::Answer { status, headers, body } => {
            let mut answer = Response::builder().status(*status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            answer.body(Full::new(body.to_bytes())).map_err(io::Error::other)
        }
    }
}

async fn write_raw(line: &TcpStream, pieces: &[Payload], pause_ms: u64, endless: bool) -> io::Result<()> {
    for (number, piece) in pieces.iter().enumerate() {
        if number > 0 {
            pause(pause_ms).await;
        }
        write_all(line, &piece.to_bytes()).await?;
    }
    while let Some(last) = pieces.last().filter(|last| endless && !last.to_bytes().is_empty()) {
        pause(pause_ms).await;
        write_all(line, &last.to_bytes()).await?;
    }
    Ok(())
}

/// `AsyncWrite` asks for `&mut`; the handle is shared by the calls of a connection.
async fn write_all(line: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        line.writable().await?;
        match line.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
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

async fn pause(milliseconds: u64) {
    if milliseconds > 0 {
        sleep(Duration::from_millis(milliseconds)).await;
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    json_answer(status, &json!({ "error": code, "message": message, "detail": message }))
}

fn json_answer(status: u16, body: &Value) -> Answer {
    answer(status, Bytes::from(body.to_string()))
}

fn answer(status: u16, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    answer
}

/// The constant bid, made once.
static ECHO: LazyLock<Bytes> = LazyLock::new(|| {
    let sentence = "The same honest answer, given to every caller, so that only the caller is measured. ";
    let text: String = sentence.chars().cycle().take(ECHO_TEXT_BYTES).collect();
    let bid = json!({ "full_text": text, "summary": "The constant answer of a benchmark agent." });
    Bytes::from(bid.to_string())
});
