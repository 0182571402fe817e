//! How long the steps of a send took, also of one that failed or was cut. Lower bounds only: how fast a machine is says
//! nothing about the client.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use gavel_dispatcher::transport::{FailureKind, Transport};
use gavel_domain::invitation::Timing;
use gavel_outbound::{Lookup, Outbound, Surroundings};
use std::sync::Arc;
use std::time::Duration;
use support::{
    Authority, BlackHole, Flaw, HOST, HangingNames, Names, Play, Server, guard, limits, ok, request,
};
use tokio_rustls::rustls::version::TLS13;

const PATIENCE_MS: u64 = 30_000;
/// What a send that is to be cut is given.
const CUT_AFTER_MS: u64 = 200;
/// What the step that was cut must at least show: nearly all of it, in microseconds.
const NEARLY: u32 = 100_000;

fn client(lookup: Arc<dyn Lookup>) -> Outbound {
    support::client(guard(&[443]), patient(), lookup)
}

/// No limit but the send's own deadline.
fn patient() -> gavel_outbound::Limits {
    let long = Duration::from_secs(60);
    gavel_outbound::Limits { look_up: long, connect: long, ..limits() }
}

/// Which steps were reached: name, connection, TLS, head, body.
fn reached(timing: Timing) -> [bool; 5] {
    [timing.dns, timing.connect, timing.tls, timing.first_byte, timing.body].map(|step| step.is_some())
}

async fn cut(client: &Outbound, url: &str) -> Timing {
    let failure = client.send(request(url, CUT_AFTER_MS)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
    failure.timing
}

#[tokio::test]
async fn a_first_send_connects_and_a_second_uses_the_connection() {
    let server = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let client = client(Names::new(&[&["127.0.0.2"]]));
    let first = client.send(request(&server.url_by_name(), PATIENCE_MS)).await.unwrap().timing;
    assert_eq!((first.reused, reached(first)), (false, [true, true, false, true, true]));
    let second = client.send(request(&server.url_by_name(), PATIENCE_MS)).await.unwrap().timing;
    assert_eq!((second.reused, reached(second)), (true, [true, false, false, true, true]));
    let literal = client.send(request(&server.url(), PATIENCE_MS)).await.unwrap().timing;
    assert_eq!((literal.reused, reached(literal)), (false, [false, true, false, true, true]));
}

#[tokio::test]
async fn a_handshake_is_a_step_of_its_own() {
    let authority = Authority::new();
    let roots = authority.roots();
    let server = Server::tls("127.0.0.2", authority.acceptor(&[&TLS13]), Play::Write(ok("{}"))).await;
    let surroundings =
        Surroundings { lookup: Names::new(&[&["127.0.0.2"]]), roots, ..Surroundings::default() };
    let client = Outbound::within(surroundings, guard(&[server.address.port()]), patient()).unwrap();
    let timing = client.send(request(&server.url_of_a_stranger(), PATIENCE_MS)).await.unwrap().timing;
    assert_eq!((timing.reused, reached(timing)), (false, [true; 5]));
}

#[tokio::test]
async fn what_is_waited_for_is_what_took_the_time() {
    let wait = Duration::from_millis(150);
    let server = Server::start("127.0.0.2", Play::WaitAndWrite(wait, ok("{}"))).await;
    let timing = client(Names::new(&[])).send(request(&server.url(), PATIENCE_MS)).await.unwrap().timing;
    assert!(timing.first_byte.unwrap() >= NEARLY, "{timing:?}");
}

#[tokio::test]
async fn a_send_that_is_cut_tells_where() {
    let names: Arc<dyn Lookup> = Names::new(&[&["127.0.0.2"]]);
    let timing = cut(&client(Arc::new(HangingNames)), "http://agent.test:1/").await;
    assert!(
        timing.dns.unwrap() >= NEARLY && reached(timing) == [true, false, false, false, false],
        "{timing:?}"
    );

    let dial = Arc::new(BlackHole::default());
    let nowhere = Surroundings { lookup: names.clone(), dial, ..Surroundings::default() };
    let nowhere = Outbound::within(nowhere, guard(&[443]), patient()).unwrap();
    let timing = cut(&nowhere, "http://agent.test:1/").await;
    assert!(
        timing.connect.unwrap() >= NEARLY && reached(timing) == [true, true, false, false, false],
        "{timing:?}"
    );

    let (address, roots) = Authority::flawed("127.0.0.2", Flaw::Stall).await;
    let silent = Surroundings { lookup: names.clone(), roots, ..Surroundings::default() };
    let silent = Outbound::within(silent, guard(&[address.port()]), patient()).unwrap();
    let timing = cut(&silent, &format!("https://{HOST}:{}/", address.port())).await;
    assert!(
        timing.tls.unwrap() >= NEARLY && reached(timing) == [true, true, true, false, false],
        "{timing:?}"
    );

    let server = Server::start("127.0.0.2", Play::Stall(Vec::new())).await;
    let timing = cut(&client(names.clone()), &server.url()).await;
    assert!(
        timing.first_byte.unwrap() >= NEARLY && reached(timing) == [false, true, false, true, false],
        "{timing:?}"
    );

    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"full".to_vec();
    let server = Server::start("127.0.0.2", Play::Stall(half)).await;
    let timing = cut(&client(names), &server.url()).await;
    assert!(
        timing.body.unwrap() >= NEARLY && reached(timing) == [false, true, false, true, true],
        "{timing:?}"
    );
}

#[tokio::test]
async fn a_send_that_failed_tells_how_far_it_came() {
    let send =
        async |client: &Outbound, url: &str| client.send(request(url, PATIENCE_MS)).await.unwrap_err().timing;
    let refused = client(Names::new(&[&["10.0.0.5"]]));
    assert_eq!(reached(send(&refused, "ftp://agent.test/").await), [false; 5], "by its spelling");
    let inside = Outbound::new(gavel_domain::network::Guard::default(), patient()).unwrap();
    assert_eq!(reached(send(&inside, "https://127.0.0.1/").await), [false; 5], "a literal");
    let free = std::net::TcpListener::bind(("127.0.0.2", 0)).unwrap().local_addr().unwrap();
    let url = format!("http://{free}/");
    assert_eq!(reached(send(&refused, &url).await), [false, true, false, false, false], "nobody listens");
    let server = Server::start("127.0.0.2", Play::Reset).await;
    assert_eq!(reached(send(&refused, &server.url()).await), [false, true, false, true, false], "reset");
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}".to_vec();
    let server = Server::start("127.0.0.2", Play::WriteAndClose(short)).await;
    assert_eq!(reached(send(&refused, &server.url()).await), [false, true, false, true, true], "broken off");
}

/// The kind of failure and its times travel in every result: a large one would be copied at each `?`.
#[test]
fn a_failure_stays_small() {
    let bytes = size_of::<gavel_dispatcher::transport::SendFailure>();
    assert!(bytes <= 96, "{bytes} bytes");
}
