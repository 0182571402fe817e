//! Over real sockets. Limits are short where they are to be met and an hour where they are not.

use super::*;
use crate::shed::{Lanes, pass};
use crate::testing::{Changing, World};
use axum::body::{Body, Bytes};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use futures::{StreamExt, future::join_all, stream};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const HOUR: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(100);
/// Whoever waits longer waits for nothing.
const PATIENCE: Duration = Duration::from_secs(20);
const GET: &str = "GET /work HTTP/1.1\r\nHost: x\r\n\r\n";
const POST: &str = "POST /work HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";

/// No limit that a test could meet.
fn patient() -> ServeLimits {
    ServeLimits {
        connections: 8,
        connections_per_address: 8,
        count_loopback: true,
        header_timeout: HOUR,
        idle: HOUR,
        stall: HOUR,
        lifetime: HOUR,
        farewell: HOUR,
        drain: PATIENCE,
    }
}

/// What the handlers of the tests do: begin, wait to be let go (when told to), and end.
#[derive(Default)]
struct Work {
    waits: bool,
    begun: AtomicUsize,
    go: Notify,
    ended: AtomicUsize,
}

impl Work {
    async fn run(&self) -> &'static str {
        self.begun.fetch_add(1, Ordering::SeqCst);
        if self.waits {
            self.go.notified().await;
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
        "done"
    }
}

async fn until(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it happens");
}

struct Server {
    address: SocketAddr,
    work: Arc<Work>,
    stop: CancellationToken,
    serving: JoinHandle<bool>,
}

impl Server {
    async fn new(limits: ServeLimits) -> Server {
        Server::working(limits, Work::default(), RequestLimits::default()).await
    }

    /// With handlers that wait.
    async fn waiting(limits: ServeLimits) -> Server {
        Server::working(limits, Work { waits: true, ..Work::default() }, RequestLimits::default()).await
    }

    async fn working(limits: ServeLimits, work: Work, requests: RequestLimits) -> Server {
        let work = Arc::new(work);
        Server::of(router(&work, &Lanes::new(&requests)), work, limits).await
    }

    async fn of(router: Router, work: Arc<Work>, limits: ServeLimits) -> Server {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = tokio::spawn(serve(listener, router, stop.clone(), limits));
        Server { address, work, stop, serving }
    }

    /// A client that has said this.
    async fn client(&self, said: &str) -> Client {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(said.as_bytes()).await.unwrap();
        Client(socket)
    }

    async fn begun(&self, count: usize) {
        until(|| self.work.begun.load(Ordering::SeqCst) >= count).await;
    }

    async fn ended(&self, count: usize) {
        until(|| self.work.ended.load(Ordering::SeqCst) >= count).await;
    }

    /// Stops it: whatever a test left must not keep it.
    async fn stopped(self) {
        self.stop.cancel();
        assert!(self.serving.await.unwrap(), "everything ends in time");
    }
}

fn router(work: &Arc<Work>, lanes: &Lanes) -> Router {
    let (reading, writing) = (Arc::clone(work), Arc::clone(work));
    let work = get(async move || reading.run().await).post(async move |_: Bytes| writing.run().await);
    let requests = Router::new()
        .route("/work", work)
        .route("/peer", get(async |Peer(address): Peer| address.to_string()))
        .route("/large", get(async || Body::from_stream(filling())))
        .layer(from_fn_with_state(lanes.requests.clone(), pass));
    let streams = Router::new()
        .route("/stream", get(async || events(stream::pending())))
        .route("/flood", get(async || events(filling())))
        .layer(from_fn_with_state(lanes.streams.clone(), pass));
    let callback = Router::new()
        .route("/callback", post(async || "taken"))
        .layer(from_fn_with_state(lanes.callbacks.clone(), pass));
    requests.merge(streams).merge(callback)
}

/// More than any kernel keeps for a reader that does not read.
fn filling() -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    stream::repeat_with(|| Ok(Bytes::from(vec![b'\n'; 16 * 1024])))
}

fn events(
    stream: impl futures::Stream<Item = Result<Bytes, Infallible>> + Send + 'static,
) -> impl IntoResponse {
    let hello = stream::once(async { Ok(Bytes::from("id: 1\n\n")) });
    ([("content-type", "text/event-stream")], Body::from_stream(hello.chain(stream)))
}

struct Client(TcpStream);

impl Client {
    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// All until the server closes.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        let _ = read.expect("the server closes the connection"); // by a reset, where something was left unread
        String::from_utf8(rest).unwrap()
    }

    /// All until this text, and no further.
    async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        let reading = async {
            while !text.ends_with(end) {
                text.push(self.0.read_u8().await.expect("an answer").into());
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the answer comes");
        text
    }
}

#[tokio::test]
async fn who_sends_no_whole_head_is_cut() {
    let server = Server::new(ServeLimits { header_timeout: SHORT, ..patient() }).await;
    for said in ["", "G", "GET /work HTTP/1.1\r\nHost: ", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        server.client(said).await.rest().await;
    }
    assert_eq!(server.work.begun.load(Ordering::SeqCst), 0);
    server.stopped().await;
}

#[tokio::test]
async fn a_head_that_dribbles_gains_no_time() {
    let server = Server::new(ServeLimits { header_timeout: SHORT, ..patient() }).await;
    let (mut from, mut to) = server.client("GET /work HTTP/1.1\r\nX-Slow: ").await.0.into_split();
    let dribble = async {
        while to.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 20).await;
        }
    };
    tokio::time::timeout(PATIENCE, dribble).await.expect("the server closes the connection");
    assert!(from.read_u8().await.is_err(), "without an answer");
    server.stopped().await;
}

#[tokio::test]
async fn the_second_head_has_its_own_limit_and_rest_another() {
    let server = Server::new(ServeLimits { header_timeout: SHORT, ..patient() }).await;
    let mut client = server.client(GET).await;
    client.until("done").await;
    client.say("GET /work HT").await; // resting an hour was allowed
    assert_eq!(client.rest().await, "");
    server.stopped().await;
}

#[tokio::test]
async fn a_connection_that_rests_is_closed() {
    let server = Server::new(ServeLimits { idle: SHORT, ..patient() }).await;
    let mut client = server.client(GET).await;
    assert!(client.rest().await.ends_with("done"));
    server.stopped().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_told_and_nothing_begins() {
    let limits = RequestLimits { body: SHORT, ..RequestLimits::default() };
    let server = Server::working(patient(), Work::default(), limits).await;
    let slow = POST.strip_suffix("{}").unwrap();
    let answer = server.client(slow).await.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("slow_body"), "{answer}");
    assert_eq!(server.work.begun.load(Ordering::SeqCst), 0);
    server.stopped().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_told() {
    let server = Server::new(patient()).await;
    let large = format!("GET /work HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "x".repeat(17 * 1024));
    let answer = server.client(&large).await.rest().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(server.work.begun.load(Ordering::SeqCst), 0);
    server.stopped().await;
}

#[tokio::test]
async fn a_silent_connection_gives_its_slot_back() {
    let server = Server::new(ServeLimits { connections: 1, header_timeout: SHORT, ..patient() }).await;
    let _silent = server.client("").await;
    let mut client = server.client("GET /work HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(client.rest().await.ends_with("done"));
    server.stopped().await;
}

#[tokio::test]
async fn a_life_that_ends_in_a_request_finishes_it_and_closes() {
    let server = Server::waiting(ServeLimits { lifetime: SHORT, header_timeout: SHORT, ..patient() }).await;
    let mut client = server.client(GET).await;
    server.begun(1).await;
    tokio::time::sleep(SHORT * 3).await; // the life is over, the request is not
    server.work.go.notify_one();
    let answer = client.rest().await;
    assert!(answer.contains("connection: close") && answer.ends_with("done"), "{answer}");
    server.stopped().await;
}

#[tokio::test]
async fn a_life_ends_between_two_requests() {
    let server = Server::new(ServeLimits { lifetime: SHORT * 3, ..patient() }).await;
    let mut client = server.client(GET).await;
    let answers = async {
        let mut answered = 0;
        while client.0.write_all(GET.as_bytes()).await.is_ok() && client.0.readable().await.is_ok() {
            let mut part = [0; 4096];
            match client.0.read(&mut part).await {
                Ok(bytes) if bytes > 0 => answered += 1,
                _ => break,
            }
        }
        answered
    };
    assert!(tokio::time::timeout(PATIENCE, answers).await.expect("it ends") > 0);
    server.stopped().await;
}

#[tokio::test]
async fn the_last_request_has_a_limit_too() {
    let limits = ServeLimits { lifetime: SHORT, farewell: SHORT, ..patient() };
    let server = Server::waiting(ServeLimits { idle: SHORT, ..limits }).await;
    assert_eq!(server.client(GET).await.rest().await, "", "cut");
    server.stopped().await;
}

#[tokio::test]
async fn an_event_stream_ends_with_its_connection() {
    let server = Server::new(ServeLimits { lifetime: SHORT, header_timeout: SHORT, ..patient() }).await;
    let answer = server.client(&GET.replace("/work", "/stream")).await.rest().await;
    assert!(answer.contains("id: 1\n\n") && answer.ends_with("0\r\n\r\n"), "ended, not cut: {answer}");
    server.stopped().await;
}

#[tokio::test]
async fn an_event_stream_ends_at_the_stop() {
    let server = Server::new(patient()).await;
    let mut client = server.client(&GET.replace("/work", "/stream")).await;
    client.until("id: 1\n\n").await;
    server.stopped().await;
    assert!(client.rest().await.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn who_does_not_read_is_let_go() {
    for path in ["/large", "/flood"] {
        let server = Server::new(ServeLimits { connections: 1, stall: SHORT, ..patient() }).await;
        let _deaf = server.client(&GET.replace("/work", path)).await;
        let mut next = server.client(GET).await;
        next.until("done").await; // the slot is free again
        drop(next);
        server.stopped().await;
    }
}

#[tokio::test]
async fn half_open_connections_keep_nobody_out() {
    let limits = ServeLimits { connections: 4096, connections_per_address: 4096, ..patient() };
    let server = Server::new(limits).await;
    let mut half_open = Vec::new();
    for _ in 0..20 {
        half_open.extend(join_all((0..100).map(|_| server.client("GET /work HT"))).await);
    }
    for _ in 0..50 {
        server.client(GET).await.until("done").await;
    }
    assert_eq!(half_open.len(), 2000);
    server.stopped().await; // and do not delay the end
}

#[tokio::test]
async fn an_address_holds_its_share_and_no_more() {
    let server = Server::new(ServeLimits { connections_per_address: 2, ..patient() }).await;
    let (mut first, mut second) = (server.client(GET).await, server.client(GET).await);
    first.until("done").await;
    second.until("done").await;
    let refused = TcpStream::connect(server.address).await.unwrap();
    assert!(Client(refused).rest().await.starts_with("HTTP/1.1 503"));
    drop(first);
    while server.work.begun.load(Ordering::SeqCst) < 3 {
        // Until the server has seen the first one leave, this is refused, too.
        let mut again = TcpStream::connect(server.address).await.unwrap();
        let _ = again.write_all(GET.as_bytes()).await;
        let _ = again.read_u8().await;
    }
    server.stopped().await;
}

/// Only Linux has all of 127.0.0.0/8 without being told.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn another_address_is_let_in() {
    let server = Server::new(ServeLimits { connections_per_address: 1, ..patient() }).await;
    let mut first = server.client(GET).await;
    first.until("done").await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Client(socket.connect(server.address).await.unwrap());
    other.say(&GET.replace("/work", "/peer")).await;
    other.until("127.0.0.2").await; // and handlers know whose request it is
    server.stopped().await;
}

#[tokio::test]
async fn too_many_requests_are_asked_to_come_again_and_callbacks_are_not() {
    let limits = RequestLimits { requests: 2, ..RequestLimits::default() };
    let server = Server::working(patient(), Work { waits: true, ..Work::default() }, limits).await;
    let mut held = [server.client(GET).await, server.client(POST).await];
    server.begun(2).await;
    let mut refused = server.client(POST).await;
    let head = refused.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: 1"), "{head}");
    assert!(head.contains("application/problem+json"), "{head}");
    server.client(&POST.replace("/work", "/callback")).await.until("taken").await;
    server.work.go.notify_waiters();
    for client in &mut held {
        client.until("done").await;
    }
    let mut again = server.client(GET).await;
    server.begun(3).await;
    server.work.go.notify_one();
    again.until("done").await;
    server.stopped().await;
}

#[tokio::test]
async fn a_running_request_is_finished_at_the_stop() {
    let server = Server::waiting(patient()).await;
    let mut client = server.client(GET).await;
    server.begun(1).await;
    server.stop.cancel();
    let address = server.address;
    until(|| std::net::TcpStream::connect(address).is_err()).await; // nobody listens any more
    server.work.go.notify_one();
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    server.stopped().await;
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut() {
    let server = Server::waiting(ServeLimits { drain: SHORT, ..patient() }).await;
    let mut client = server.client(GET).await;
    server.begun(1).await;
    server.stop.cancel();
    assert!(!server.serving.await.unwrap());
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_change_is_finished_when_its_client_hangs_up_and_awaited_at_the_stop() {
    let server = Server::waiting(ServeLimits { connections: 1, ..patient() }).await;
    for begun in 1..=2 {
        drop(server.client(POST).await); // the second gets the slot of the first, whose work goes on
        server.begun(begun).await;
    }
    server.stop.cancel();
    let address = server.address;
    until(|| std::net::TcpStream::connect(address).is_err()).await;
    assert!(!server.serving.is_finished(), "changes are awaited, without their clients");
    server.work.go.notify_waiters();
    assert!(server.serving.await.unwrap());
    assert_eq!(server.work.ended.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn reading_is_dropped_with_its_client() {
    let server = Server::waiting(patient()).await;
    let client = server.client(GET).await;
    server.begun(1).await;
    drop(client);
    server.stopped().await; // though nobody lets the handler go
}

#[tokio::test]
async fn a_change_without_a_body_is_made_though_its_client_left_at_once() {
    let server = Server::new(patient()).await;
    for count in 1..=20 {
        drop(server.client("POST /work HTTP/1.1\r\nHost: x\r\n\r\n").await);
        server.ended(count).await;
    }
    server.stopped().await;
}

#[tokio::test]
async fn a_task_whose_poster_hangs_up_is_posted_exactly_once() {
    let world = World::new().await;
    let server = Server::of(crate::router(world.state.clone()), Arc::default(), patient()).await;
    let body = crate::testing::new_task().to_string();
    let said = format!(
        "POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIdempotency-Key: once\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        world.buyer(),
        body.len()
    );
    for _ in 0..3 {
        drop(server.client(&said).await);
    }
    let count = async || {
        let list = world.get(world.buyer(), "/api/v1/tasks").await;
        list.body["tasks"].as_array().unwrap().len()
    };
    while count().await == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    server.stopped().await; // whatever was begun has ended
    assert_eq!(count().await, 1);
}

/// A request as it goes over the wire.
fn written(one: &Changing, header: &str) -> String {
    let Changing { path, key, body, .. } = one;
    format!(
        "{} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{header}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        one.method(),
        body.len()
    )
}

/// The client is gone before an answer can be written. What it asked for has happened whole or not at all, and whoever
/// asks again under the same key learns the first answer.
#[tokio::test]
async fn a_client_that_hangs_up_leaves_nothing_half_done() {
    let world = World::of_changes().await;
    let all = world.changing().await;
    let server = Server::of(crate::router(world.state.clone()), Arc::default(), patient()).await;
    for one in &all {
        let (before, key) = (world.seen(&all).await, one.route.replace(' ', ""));
        drop(server.client(&written(one, &format!("Idempotency-Key: {key}\r\n"))).await);
        let again = || world.send(one.request(&world, &key), one.body.clone());
        let (first, second) = (again().await, again().await);
        assert!((200..300).contains(&first.status), "{}: {}", one.route, first.text);
        assert_eq!((second.status, &second.text), (first.status, &first.text), "{}", one.route);
        assert_eq!(second.header("idempotent-replayed"), Some("true"), "{}", one.route);
        let after = world.seen(&all).await;
        assert_ne!(before, after, "{} has an effect", one.route);
        assert_eq!(again().await.text, first.text);
        assert_eq!(world.seen(&all).await, after, "{} has one effect", one.route);
    }
    let after = world.seen(&all).await;
    server.stopped().await; // whatever was begun has ended
    assert_eq!(world.seen(&all).await, after, "and nothing came after it");
}

/// No key, no repetition: what a client asked for that left has happened whole.
#[tokio::test]
async fn what_was_asked_for_happens_though_its_client_left() {
    let world = World::of_changes().await;
    let all = world.changing().await;
    for one in &all {
        let before = world.seen(&all).await;
        let server = Server::of(crate::router(world.state.clone()), Arc::default(), patient()).await;
        drop(server.client(&written(one, "")).await);
        let changed = async {
            while world.seen(&all).await == before {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, changed).await.expect(one.route);
        server.stopped().await;
    }
}
