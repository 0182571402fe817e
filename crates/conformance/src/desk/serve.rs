//! The desk's server: reads a request, asks the book, answers.

use super::book::{Book, What};
use bytes::Bytes;
use gavel_domain::Clock;
use gavel_domain::limits::ANSWER_BYTES;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Connections at once: an agent under test has a few.
const CONNECTIONS_MAX: usize = 256;
/// The longest a fetch is held open, as the platform does.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How often a held fetch looks whether a lease has lapsed meanwhile; nothing else tells it.
const LAPSE: Duration = Duration::from_millis(250);

type Answer = Response<Full<Bytes>>;

/// What a request is served from.
struct Counter {
    book: Arc<watch::Sender<Book>>,
    clock: Arc<dyn Clock>,
}

/// Serves until it is dropped; its connections go with it.
pub(super) async fn accept(listener: TcpListener, book: Arc<watch::Sender<Book>>, clock: Arc<dyn Clock>) {
    let counter = Arc::new(Counter { book, clock });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => { connections.spawn(connection(stream, Arc::clone(&counter))); }
                // Out of descriptors: those in use come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, counter: Arc<Counter>) {
    let service = service_fn(move |request| {
        let counter = Arc::clone(&counter);
        async move { Ok::<_, Infallible>(counter.answer(request).await) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    // A connection that breaks off is the agent's business; what it sent is in the book.
    let _ = server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

impl Counter {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, ANSWER_BYTES).collect().await else {
            return reply(413, &json!({ "error": "too_large", "message": "a result has at most 4 MiB" }));
        };
        let (body, path) = (body.to_bytes(), head.uri.path().to_owned());
        let query = head.uri.query().unwrap_or_default();
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (&head.method, parts.as_slice()) {
            (&Method::POST, ["api", "v1", "callbacks", token]) => {
                let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
                let headers =
                    head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
                self.callback(token, headers, body)
            }
            (&Method::GET, ["api", "v1", "pull", "invitations"]) => self.fetch(authorization, query).await,
            (&Method::POST, ["api", "v1", "pull", "invitations", id, verb]) => {
                self.said(authorization, id, verb, query, body)
            }
            _ => self.stray(&head.method, &path),
        }
    }

    fn callback(&self, token: &str, headers: Vec<(String, String)>, body: Bytes) -> Answer {
        let now = self.clock.now();
        let mut status = 404;
        self.book.send_modify(|book| status = book.callback(token, headers, body, now));
        reply(status, &json!({ "status": status }))
    }

    async fn fetch(&self, authorization: Option<&str>, query: &str) -> Answer {
        let wait = value_of(query, "wait").and_then(|wait| wait.parse().ok());
        if let Some(status) = self.refused(authorization, wait) {
            return reply(status, &json!({ "error": "refused", "message": "not now, or not with this key" }));
        }
        let until = Instant::now() + Duration::from_secs(wait.unwrap_or(0)).min(WAIT_MAX);
        let mut changes = self.book.subscribe();
        loop {
            let mut handed = None;
            self.book.send_if_modified(|book| {
                // A fetch that is to be refused is the next one: this one must not be held until then.
                let to_end = !book.refuse_fetches.is_empty();
                handed = book.fetch(self.clock.now()).or(to_end.then(Vec::new));
                handed.is_some()
            });
            match handed {
                Some(handed) => return reply(200, &json!({ "invitations": handed })),
                None if Instant::now() >= until => return reply(200, &json!({ "invitations": [] })),
                None => drop(timeout_at(until.min(Instant::now() + LAPSE), changes.changed()).await),
            }
        }
    }

    fn refused(&self, authorization: Option<&str>, wait: Option<u64>) -> Option<u16> {
        let mut refused = None;
        self.book.send_modify(|book| {
            refused = if book.knows(authorization) { book.refuse_fetches.pop_front() } else { Some(401) };
            book.fetches.push((wait, refused.unwrap_or(200)));
        });
        refused
    }

    fn said(&self, authorization: Option<&str>, id: &str, verb: &str, query: &str, body: Bytes) -> Answer {
        let named = serde_json::from_slice::<Value>(&body).ok().and_then(|body| body["lease"].as_u64());
        let lease = value_of(query, "lease").and_then(|lease| lease.parse().ok()).or(named);
        let (what, path) = match verb {
            "heartbeat" => (What::Heartbeat, None),
            "result" => (What::Result, None),
            "decline" => (What::Decline, None),
            other => (What::Heartbeat, Some(other)),
        };
        if path.is_some() {
            return self.stray(&Method::POST, &format!("/api/v1/pull/invitations/{id}/{verb}"));
        }
        let (mut status, mut answer) =
            (401, json!({ "error": "unauthorized", "message": "show the key as a Bearer" }));
        let now = self.clock.now();
        self.book.send_modify(|book| {
            if book.knows(authorization) {
                let lease = lease.and_then(|lease| u32::try_from(lease).ok()).unwrap_or_default();
                (status, answer) = book.said(id, what, lease, body, now);
            }
        });
        reply(status, &answer)
    }

    fn stray(&self, method: &Method, path: &str) -> Answer {
        self.book.send_modify(|book| book.strays.push(format!("{method} {path}")));
        reply(404, &json!({ "error": "not_found", "message": "the platform has no such path" }))
    }
}

fn value_of<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

fn reply(status: u16, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
