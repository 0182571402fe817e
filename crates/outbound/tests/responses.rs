//! Every row of the corpus of answers through the real client, over sockets; where one takes minutes, on a clock that
//! is moved by hand: its bytes must arrive, or the failure be the right one, and the verdict on what was brought is
//! that of the row.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use gavel_dispatcher::retry::may_send_again;
use gavel_dispatcher::transport::{FailureKind, Reply, Request, SendFailure, Transport};
use gavel_outbound::{ExtraRoots, Limits, Outbound, Surroundings, SystemDial};
use gavel_testkit::corpora::rows;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use support::{Authority, BlackHole, Clock, End, HangingNames, Names, Play, Row, Server, Time, eventually};
use support::{HOST, guard, request, verdict};
use tokio::time::Instant;

const BODY_CAP: usize = 4 * 1024 * 1024;
const ERROR_BODY_CAP: usize = 64 * 1024;

/// The codes that are about the way, not about the text.
const OF_THE_WAY: [&str; 8] = [
    "transport",
    "transport_body",
    "body_too_large",
    "timeout",
    "phase_closed",
    "encoding_refused",
    "connect_error",
    "tls_error",
];

/// The codes these failures may be called.
fn codes(kind: FailureKind) -> &'static [&'static str] {
    match kind {
        FailureKind::Refused("dns_timeout") => &["dns_timeout", "connect_error"],
        FailureKind::Refused(_) | FailureKind::Ours => &[],
        FailureKind::Connect => &["connect_error"],
        FailureKind::Tls => &["tls_error"],
        FailureKind::NoResponse | FailureKind::BrokenHead => &["transport"],
        FailureKind::BrokenBody => &["transport_body"],
        FailureKind::TooLarge => &["body_too_large"],
        FailureKind::Timeout => &["timeout", "phase_closed"],
    }
}

#[tokio::test(start_paused = true)]
async fn every_row_over_a_socket() {
    let Some(rows) = rows::<Row>("reliability/agent_responses.jsonl") else { return };
    let clock = Clock::stopped();
    let mut ran: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *ran.entry(run(row, &clock).await).or_default() += 1;
    }
    println!("agent_responses: {} of {} rows over sockets: {ran:?}", ran.values().sum::<usize>(), rows.len());
    assert_eq!(ran.values().sum::<usize>(), rows.len(), "no row is left out");
}

/// Sends once and judges; tells how it came out.
async fn run(row: &Row, clock: &Clock) -> &'static str {
    let step = row.step().unwrap_or_else(|unknown| panic!("{}: {unknown}", row.id));
    let scene = Scene::set(step.end).await;
    let sent = scene.send(row, step.time, clock).await;
    if let Some(server) = &scene.server {
        assert_eq!(server.requests().len(), 1, "{}: one send", row.id);
    }
    again(row, &scene).await;
    verdict::hold(row, &sent);
    match &sent {
        Ok(reply) => arrived(row, reply, step.body.as_deref()),
        Err(failure) => failed(row, failure),
    }
}

fn expected(row: &Row) -> Vec<&str> {
    row.expected.code_any_of.iter().chain([&row.expected.code]).map(String::as_str).collect()
}

fn arrived(row: &Row, reply: &Reply, body: Option<&[u8]>) -> &'static str {
    let (id, expected) = (&row.id, expected(row));
    assert!(!row.expected.retry, "{id}: an answer never leads to another send");
    if reply.content_encoding.is_some() {
        assert!(expected.contains(&"encoding_refused") && reply.body.is_empty(), "{id}: {expected:?}");
        return "encoded, unread";
    }
    let about_its_text = expected.iter().any(|code| !OF_THE_WAY.contains(code));
    assert!(about_its_text, "{id}: {} was taken for an answer, expected {expected:?}", reply.status);
    let Some(body) = body else { return "answer" };
    assert_eq!(u64::from(reply.status), row.response["status"].as_u64().unwrap(), "{id}");
    match reply.status {
        200 => assert!(reply.body == body, "{id}: the body arrives as it was sent"),
        204 | 304 => assert!(reply.body.is_empty(), "{id}: such a status has no body"),
        _ => assert!(reply.body == body[..body.len().min(ERROR_BODY_CAP)], "{id}: the start of the body"),
    }
    let told = |name: &str, value: &str| {
        reply.headers.iter().any(|(n, v)| (n.as_str(), v.as_str()) == (name, value))
    };
    for header in row.response["headers"].as_array().into_iter().flatten() {
        let (name, value) = (header[0].as_str().unwrap().to_ascii_lowercase(), header[1].as_str().unwrap());
        assert!(told(&name, value.trim()), "{id}: {name} is told in {:?}", reply.headers);
    }
    "answer"
}

fn failed(row: &Row, failure: &SendFailure) -> &'static str {
    let (id, expected) = (&row.id, expected(row));
    let codes = codes(failure.kind);
    assert!(codes.iter().any(|code| expected.contains(code)), "{id}: {failure} is not {expected:?}");
    assert_eq!(may_send_again(failure.kind), row.expected.retry, "{id}: {failure}");
    codes[0]
}

/// What must hold of a second request on the same client: no cookie, and no connection that went wrong.
async fn again(row: &Row, scene: &Scene) {
    let must = |what: &str| row.expected.must_hold.iter().any(|held| held == what);
    let Some(server) = &scene.server else { return };
    if must("no_cookie_kept") {
        scene.send_at_once(row).await.unwrap();
        assert!(
            server.requests().iter().all(|sent| !sent.to_ascii_lowercase().contains("cookie")),
            "{}",
            row.id
        );
    }
    if must("connection_not_reused") || must("second_response_never_attributed") {
        // This one would leave the connection open.
        let open = Play::Write(row.response["wire"].as_str().unwrap().into());
        let scene = Scene::set(End::Server(open)).await;
        for sent in 1..=3 {
            if let Ok(reply) = scene.send_at_once(row).await {
                assert!(reply.body.is_empty(), "{}: {:?} was taken for the answer", row.id, reply.body);
            }
            let server = scene.server.as_ref().unwrap();
            assert_eq!((server.connections(), server.requests().len()), (sent, sent), "{}", row.id);
        }
    }
}

/// A client and whom it meets.
struct Scene {
    client: Outbound,
    url: String,
    server: Option<Server>,
}

impl Scene {
    async fn set(end: End) -> Scene {
        let by_name = |port: u16| format!("http://agent.test:{port}/execute");
        match end {
            End::Server(play) => {
                let server = Server::start("127.0.0.2", play).await;
                let url = server.url();
                Scene { server: Some(server), ..Scene::of(Surroundings::default(), url, 443) }
            }
            End::Refused => {
                let free = std::net::TcpListener::bind(("127.0.0.2", 0)).unwrap().local_addr().unwrap();
                Scene::of(Surroundings::default(), format!("http://{free}/execute"), 443)
            }
            End::BlackHole => {
                let dial = Arc::new(BlackHole::default());
                Scene::of(
                    Surroundings { dial, ..Surroundings::default() },
                    "http://127.0.0.2:9/".to_owned(),
                    443,
                )
            }
            End::NoName => Scene::of(
                Surroundings { lookup: Names::new(&[]), ..Surroundings::default() },
                by_name(80),
                443,
            ),
            End::HangingName => {
                let lookup = Arc::new(HangingNames);
                Scene::of(Surroundings { lookup, ..Surroundings::default() }, by_name(80), 443)
            }
            End::Tls(flaw) => {
                let (address, roots) = Authority::flawed("127.0.0.2", flaw).await;
                Scene::behind_tls(address, roots)
            }
        }
    }

    fn behind_tls(address: SocketAddr, roots: ExtraRoots) -> Scene {
        let lookup = Names::new(&[&["127.0.0.2"]]);
        let url = format!("https://{HOST}:{}/execute", address.port());
        Scene::of(Surroundings { lookup, roots, dial: Arc::new(SystemDial) }, url, address.port())
    }

    fn of(surroundings: Surroundings, url: String, port: u16) -> Scene {
        let client = Outbound::within(surroundings, guard(&[port]), Limits::default()).unwrap();
        Scene { client, url, server: None }
    }

    fn request(&self, row: &Row) -> Request {
        Request {
            deadline: Instant::now() + row.deadline(),
            body_cap: BODY_CAP,
            error_body_cap: ERROR_BODY_CAP,
            ..request(&self.url, 0)
        }
    }

    async fn send_at_once(&self, row: &Row) -> Result<Reply, SendFailure> {
        self.client.send(self.request(row)).await
    }

    /// Sends while the clock goes as told, and holds the deadline to its word.
    async fn send(&self, row: &Row, time: Time, clock: &Clock) -> Result<Reply, SendFailure> {
        let (client, request) = (self.client.clone(), self.request(row));
        let deadline = request.deadline;
        let send = tokio::spawn(async move { client.send(request).await });
        if let (Some(server), Time::Passes(_) | Time::Jumps(_)) = (&self.server, time) {
            server.asked(1).await;
        }
        match time {
            Time::Stands => {}
            Time::Jumps(late) => clock.pass(late).await,
            Time::Passes(tick) => {
                while !send.is_finished() {
                    assert!(
                        Instant::now() <= deadline + Duration::from_secs(1),
                        "{}: not over in time",
                        row.id
                    );
                    clock.pass(tick).await;
                    tokio::task::yield_now().await;
                }
            }
        }
        eventually(&row.id, || send.is_finished()).await;
        send.await.unwrap()
    }
}
