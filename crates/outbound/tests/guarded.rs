//! Where the client goes and where it does not: names, addresses, ports, TLS.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use gavel_dispatcher::transport::{FailureKind, Transport};
use gavel_domain::network::Guard;
use gavel_outbound::{Lookup, Outbound};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{HangingNames, Names, Play, Server, limits, ok, post, request};

/// A client for which the server's port is a usual one.
fn client(server: &Server, names: Arc<dyn Lookup>) -> Outbound {
    support::client(support::guard(&[server.address.port()]), limits(), names)
}

fn is_refused(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Refused(_))
}

#[tokio::test]
async fn without_an_exception_loopback_is_never_dialled() {
    let server = Server::start("127.0.0.1", Play::Write(ok("{}"))).await;
    let port = server.address.port();
    let strict = Outbound::new(Guard::default(), limits()).unwrap();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("http://localhost:{port}/"),
        "https://user:pass@agent.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "not a url".to_owned(),
    ] {
        let kind = post(&strict, &url).await.unwrap_err().kind;
        assert!(is_refused(kind), "{url}: {kind:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_points_inside_is_refused_and_never_dialled() {
    let server = Server::start("127.0.0.1", Play::HangUp).await;
    let answers: [(&[&str], &str); 9] = [
        (&["127.0.0.1"], "loopback"),
        (&["::1"], "loopback"),
        (&["::ffff:127.0.0.1"], "loopback"),
        (&["10.0.0.5"], "private"),
        (&["169.254.169.254"], "link_local"),
        (&["fe80::1"], "link_local"),
        (&["127.0.0.2", "127.0.0.1"], "mixed_answers"), // one bad answer refuses all
        (&["93.184.216.34", "192.168.1.1"], "mixed_answers"),
        (&[], "no_address"),
    ];
    for (answer, code) in answers {
        let names = Names::new(&[answer]);
        let failure = post(&client(&server, names.clone()), &server.url_of_a_stranger()).await.unwrap_err();
        // How an address is called is the guard's affair; that it is not dialled is ours.
        assert!(is_refused(failure.kind), "{answer:?}: {failure}");
        assert_eq!(failure.kind, FailureKind::Refused(code), "{answer:?}");
        assert_eq!(names.asked(), 1);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_was_checked_is_what_is_dialled() {
    let outside = Server::start("127.0.0.2", Play::HangUp).await;
    let inside = SocketAddr::new("127.0.0.1".parse().unwrap(), outside.address.port());
    let inside = Server::on(inside, Play::HangUp).await;
    let names = Names::new(&[&["127.0.0.2"], &["127.0.0.1"], &["127.0.0.2"]]);
    let client = client(&outside, names.clone());
    let url = outside.url_of_a_stranger();
    // The server hangs up on every handshake: whether it was dialled is what counts here.
    assert_eq!(post(&client, &url).await.unwrap_err().kind, FailureKind::Connect);
    assert_eq!(post(&client, &url).await.unwrap_err().kind, FailureKind::Refused("loopback"));
    assert_eq!(
        post(&client, &url).await.unwrap_err().kind,
        FailureKind::Connect,
        "good again: dialled again"
    );
    assert_eq!(
        (outside.connections(), inside.connections(), names.asked()),
        (2, 0, 3),
        "one look-up per send"
    );
}

#[tokio::test]
async fn an_open_connection_does_not_outlive_its_names_good_standing() {
    let server = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let client = client(&server, Names::new(&[&["127.0.0.2"], &["169.254.169.254"]]));
    assert_eq!(post(&client, &server.url_by_name()).await.unwrap().status, 200);
    let refused = post(&client, &server.url_by_name()).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused("link_local"), "although a connection is open");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn names_that_do_not_resolve() {
    let server = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let nobody = client(&server, Names::new(&[]));
    assert_eq!(post(&nobody, &server.url_by_name()).await.unwrap_err().kind, FailureKind::Connect);

    let hanging = client(&server, Arc::new(HangingNames));
    let started = Instant::now();
    let kind = post(&hanging, &server.url_by_name()).await.unwrap_err().kind;
    assert_eq!(kind, FailureKind::Refused("dns_timeout"));
    assert!(started.elapsed() < Duration::from_secs(2), "by its own limit, not by the deadline");
    let kind = hanging.send(request(&server.url_by_name(), 100)).await.unwrap_err().kind;
    assert_eq!(kind, FailureKind::Timeout, "the deadline covers the look-up too");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn nothing_listens() {
    let server = Server::start("127.0.0.2", Play::HangUp).await;
    let free = std::net::TcpListener::bind(("127.0.0.2", 0)).unwrap().local_addr().unwrap().port();
    let failure =
        post(&client(&server, Names::new(&[])), &format!("http://127.0.0.2:{free}/")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Connect);
    assert!(failure.message.contains("refused"), "{failure}");
}

#[tokio::test]
async fn a_handshake_that_fails() {
    let check = async |play: Play, expected: FailureKind| {
        let server = Server::start("127.0.0.2", play).await;
        let client = client(&server, Names::new(&[&["127.0.0.2"]]));
        let failure = post(&client, &server.url_of_a_stranger()).await.unwrap_err();
        assert_eq!(failure.kind, expected, "{failure}");
    };
    // Speaks plain HTTP on the TLS port.
    check(Play::Greet(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), FailureKind::Tls).await;
    check(Play::HangUp, FailureKind::Connect).await;
    // Never finishes: bounded by the limit for connecting, not by the deadline.
    check(Play::Deaf, FailureKind::Connect).await;
}
