//! Where the client goes and where it does not: names, addresses, ports, TLS.

mod support;

use gavel_dispatcher::transport::{FailureKind, Transport};
use gavel_domain::network::Guard;
use gavel_outbound::{Lookup, Outbound};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{HangingNames, Names, Play, Server, limits, ok, post, request};

fn client(names: Arc<dyn Lookup>) -> Outbound {
    Outbound::with_lookup(support::guard(), limits(), names).unwrap()
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
    let server = Server::start("127.0.0.1", Play::Write(ok("{}"))).await;
    let answers: [&[&str]; 8] = [
        &["127.0.0.1"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["10.0.0.5"],
        &["169.254.169.254"],
        &["fe80::1"],
        &["127.0.0.2", "127.0.0.1"], // one bad answer refuses all
        &["93.184.216.34", "192.168.1.1"],
    ];
    for answer in answers {
        let names = Names::new(&[answer]);
        let failure = post(&client(names.clone()), &server.url_by_name("agent.test")).await.unwrap_err();
        assert!(is_refused(failure.kind), "{answer:?}: {failure}");
        assert_eq!(names.asked(), 1);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_was_checked_is_what_is_dialled() {
    let outside = Server::start("127.0.0.2", Play::WriteAndClose(ok("{}"))).await;
    let inside = SocketAddr::new("127.0.0.1".parse().unwrap(), outside.address.port());
    let inside = Server::on(inside, Play::Write(ok("{}"))).await;
    let names = Names::new(&[&["127.0.0.2"], &["127.0.0.1"], &["127.0.0.2"]]);
    let client = client(names.clone());
    let url = outside.url_by_name("rebind.test");
    assert_eq!(post(&client, &url).await.unwrap().status, 200);
    assert!(is_refused(post(&client, &url).await.unwrap_err().kind));
    assert_eq!(post(&client, &url).await.unwrap().status, 200, "good again: usable again");
    assert_eq!((outside.requests().len(), inside.connections(), names.asked()), (2, 0, 3), "one look-up each");
}

#[tokio::test]
async fn an_open_connection_does_not_outlive_its_names_good_standing() {
    let server = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let client = client(Names::new(&[&["127.0.0.2"], &["10.0.0.9"]]));
    let url = server.url_by_name("shared.test");
    assert_eq!(post(&client, &url).await.unwrap().status, 200);
    assert!(is_refused(post(&client, &url).await.unwrap_err().kind), "although a connection is open");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn names_that_do_not_resolve() {
    let none = client(Names::new(&[]));
    assert_eq!(post(&none, "http://agent.test:8080/").await.unwrap_err().kind, FailureKind::Connect);
    let hanging = client(Arc::new(HangingNames));
    let started = Instant::now();
    let kind = post(&hanging, "https://agent.test/").await.unwrap_err().kind;
    assert_eq!(kind, FailureKind::Refused("dns_timeout"));
    assert!(started.elapsed() < Duration::from_secs(1), "bounded by its own limit");
    let kind = hanging.send(request("https://agent.test/", 100)).await.unwrap_err().kind;
    assert_eq!(kind, FailureKind::Timeout, "the deadline covers the look-up too");
}

#[tokio::test]
async fn nothing_listens() {
    let gone = Server::start("127.0.0.2", Play::HangUp).await.address.port();
    let free = std::net::TcpListener::bind(("127.0.0.2", 0)).unwrap().local_addr().unwrap().port();
    assert_ne!(gone, free);
    let failure = post(&client(Names::new(&[])), &format!("http://127.0.0.2:{free}/")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Connect);
    assert!(failure.message.contains("refused"), "{failure}");
}

#[tokio::test]
async fn tls_that_cannot_be() {
    let check = async |play: Play, expected: FailureKind| {
        let server = Server::start("127.0.0.2", play).await;
        let url = format!("https://agent.test:{}/", server.address.port());
        let failure = post(&client(Names::new(&[&["127.0.0.2"]])), &url).await.unwrap_err();
        assert_eq!(failure.kind, expected, "{failure}");
    };
    // Speaks plain HTTP on the TLS port.
    check(Play::Greet(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), FailureKind::Tls).await;
    check(Play::HangUp, FailureKind::Connect).await;
    // Never finishes the handshake: bounded by the connect limit, not by the deadline.
    check(Play::Deaf, FailureKind::Connect).await;
}
