//! What a connection may cost: bytes, turns, and when it is used again or not.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use gavel_dispatcher::retry::may_send_again;
use gavel_dispatcher::transport::{FailureKind, Request, SendFailure, Transport};
use gavel_domain::network::Guard;
use gavel_outbound::{Limits, Outbound};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use support::{CAP, Names, Play, Server, limits, ok, post, request};
use tokio::time::timeout;

fn client() -> Outbound {
    support::client(support::guard(&[443]), limits(), Names::new(&[&["127.0.0.2"]]))
}

/// Long enough for a slow machine; nothing here takes as long.
const PATIENCE_MS: u64 = 30_000;

/// An agent on a thread of its own: no runtime lets it go slow. Answers the first request with `unit` until the
/// connection is closed on it; tells how many bytes it was rid of.
fn flood(head: &'static [u8], unit: &'static [u8]) -> (String, JoinHandle<usize>) {
    let listener = TcpListener::bind(("127.0.0.2", 0)).unwrap();
    let url = format!("http://{}/execute", listener.local_addr().unwrap());
    let agent = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4_096]).unwrap();
        stream.write_all(head).unwrap();
        let many = unit.repeat(1_000);
        let mut written = 0;
        while stream.write_all(&many).is_ok() {
            written += many.len();
        }
        written
    });
    (url, agent)
}

/// The bytes the agent was rid of. Waited for beside the runtime, which has the connection to close.
async fn written(agent: JoinHandle<usize>) -> usize {
    let joined = tokio::task::spawn_blocking(|| agent.join().unwrap());
    timeout(Duration::from_millis(PATIENCE_MS), joined).await.expect("the connection is closed").unwrap()
}

/// What the buffers of two sockets on one machine may hold beside what was read.
const IN_FLIGHT: usize = 16 * 1024 * 1024;

async fn cut(head: &'static [u8], unit: &'static [u8]) -> SendFailure {
    let (url, agent) = flood(head, unit);
    let failure = client().send(request(&url, PATIENCE_MS)).await.unwrap_err();
    let written = written(agent).await;
    assert!(written < IN_FLIGHT, "{written} bytes were taken");
    failure
}

const INTERIM: &[u8] = b"HTTP/1.1 102 Processing\r\n\r\n";

#[tokio::test(flavor = "current_thread")]
async fn a_flood_of_interim_heads_is_cut_and_others_are_answered_meanwhile() {
    let floods: Vec<_> = (0..4).map(|_| flood(b"", INTERIM)).collect();
    let good = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let client = client();
    let flooded: Vec<_> = floods
        .iter()
        .map(|(url, _)| {
            let (client, request) = (client.clone(), request(url, PATIENCE_MS));
            tokio::spawn(async move { client.send(request).await.unwrap_err() })
        })
        .collect();
    for _ in 0..5 {
        assert_eq!(client.send(request(&good.url(), PATIENCE_MS)).await.unwrap().status, 200);
    }
    for failure in flooded {
        let failure = failure.await.unwrap();
        assert_eq!((failure.kind, may_send_again(failure.kind)), (FailureKind::BrokenHead, false));
        assert!(failure.message.contains("more than 131072 bytes"), "{failure}");
    }
    for (_, agent) in floods {
        assert!(written(agent).await < IN_FLIGHT);
    }
}

/// Without the allowance the flood lasts until the deadline: then the turns alone must keep the runtime alive.
#[tokio::test(flavor = "current_thread")]
async fn a_flood_that_may_go_on_keeps_nobody_waiting() {
    let unbounded = Limits { before_the_body: usize::MAX, ..limits() };
    let names = Names::new(&[&["127.0.0.2"]]);
    let client = support::client(support::guard(&[443]), unbounded, names);
    let good = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let (url, agent) = flood(b"", INTERIM);
    let flooded = {
        let client = client.clone();
        tokio::spawn(async move { client.send(request(&url, PATIENCE_MS)).await })
    };
    for _ in 0..20 {
        assert_eq!(client.send(request(&good.url(), PATIENCE_MS)).await.unwrap().status, 200);
    }
    assert!(!flooded.is_finished(), "the flood still goes on");
    flooded.abort();
    assert!(flooded.await.unwrap_err().is_cancelled());
    // Giving the send up closes the connection, so the agent's thread ends.
    written(agent).await;
}

#[tokio::test]
async fn padding_without_end_is_cut_wherever_it_stands() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(cut(head, b"0").await.kind, FailureKind::TooLarge, "a chunk size that never ends");
    assert_eq!(cut(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n").await.kind, FailureKind::BrokenHead);
    assert_eq!(cut(b"HTTP/1.1 200 OK\r\nx: ", b"y").await.kind, FailureKind::BrokenHead);
    assert_eq!(cut(b"", b"\r\n").await.kind, FailureKind::BrokenHead, "empty lines before the head");
    assert_eq!(cut(b"HTTP/1.1 200 OK\r\n\r\n", b"x").await.kind, FailureKind::TooLarge);
}

#[tokio::test]
async fn an_honest_answer_in_the_smallest_chunks_is_read() {
    const BYTES: usize = 100_000;
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(10);
    let chunks = "1\r\nx\r\n".repeat(BYTES);
    let wire = format!("{interim}HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    let server = Server::start("127.0.0.2", Play::Write(wire.into_bytes())).await;
    let client = client();
    for _ in 0..3 {
        let request = Request { body_cap: BYTES, ..request(&server.url(), PATIENCE_MS) };
        let reply = client.send(request).await.unwrap();
        assert_eq!((reply.status, reply.body.len()), (200, BYTES));
    }
    assert_eq!(server.connections(), 1, "each request counts for itself on one connection");
}

#[tokio::test]
async fn once_a_byte_has_arrived_there_is_no_second_send() {
    for half in [
        "H",
        "HTTP/1.1 200 OK\r\nx-ha",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n",
        "HTTP/1.1 102 Wait\r\n\r\n",
    ] {
        for play in [Play::WriteAndClose(half.into()), Play::WriteAndReset(half.into())] {
            let server = Server::start("127.0.0.2", play).await;
            let failure = post(&client(), &server.url()).await.unwrap_err();
            assert!(!may_send_again(failure.kind), "{half:?}: {failure}");
            assert_eq!(failure.kind, FailureKind::BrokenHead, "{half:?}");
        }
    }
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_on_the_next_request_has_not_answered_it() {
    let server = Server::start("127.0.0.2", Play::WriteOnce(ok("{}"))).await;
    let client = client();
    assert_eq!(post(&client, &server.url()).await.unwrap().status, 200);
    let failure = post(&client, &server.url()).await.unwrap_err();
    // The bytes of the first answer are not held against the second.
    assert_eq!((failure.kind, may_send_again(failure.kind)), (FailureKind::NoResponse, true));
    assert_eq!((server.connections(), server.requests().len()), (1, 2), "it was sent once, on the kept one");
    assert_eq!(post(&client, &server.url()).await.unwrap().status, 200);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_stale_not_broken() {
    let server = Server::start("127.0.0.2", Play::WriteAndClose(ok("{}"))).await;
    let client = client();
    for sent in 1..=20 {
        match post(&client, &server.url()).await {
            Ok(reply) => assert_eq!(reply.status, 200),
            Err(failure) => {
                assert!(may_send_again(failure.kind), "{sent}: {failure}");
                assert!(failure.timing.reused && failure.timing.connect.is_none(), "{sent}: {failure:?}");
            }
        }
    }
    assert_eq!(server.connections(), server.requests().len(), "no connection was used twice");
}

#[tokio::test]
async fn a_connection_with_an_unread_body_is_not_used_again() {
    let short = |head: &str| Play::Write(format!("HTTP/1.1 {head}\r\ncontent-length: 4\r\n\r\nabcd").into());
    let encoded = Server::start("127.0.0.2", short("200 OK\r\ncontent-encoding: gzip")).await;
    let too_long = Server::start("127.0.0.2", Play::Write(ok(&"x".repeat(50 * CAP)))).await;
    let client = client();
    for sent in 1..=3 {
        assert_eq!(post(&client, &encoded.url()).await.unwrap().content_encoding.as_deref(), Some("gzip"));
        let failure = post(&client, &too_long.url()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::TooLarge);
        assert_eq!((encoded.connections(), too_long.connections()), (sent, sent));
        too_long.closed(sent).await;
    }
    let server = Server::start("127.0.0.2", short("500 No")).await;
    for _ in 0..3 {
        assert_eq!(post(&client, &server.url()).await.unwrap().status, 500);
    }
    assert_eq!(server.connections(), 1, "one that was read to its end is");
}

#[tokio::test]
async fn giving_a_send_up_closes_its_connection() {
    let body = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"full".to_vec();
    for bytes in [Vec::new(), b"HTTP/1.1 2".to_vec(), body] {
        let server = Server::start("127.0.0.2", Play::Stall(bytes)).await;
        let failure = client().send(request(&server.url(), 200)).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Timeout);
        server.closed(1).await;

        let client = client();
        let url = server.url();
        let send = tokio::spawn(async move { client.send(request(&url, PATIENCE_MS)).await });
        let asked = async {
            while server.requests().len() < 2 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(20), asked).await.unwrap();
        send.abort();
        server.closed(2).await;
    }
}

#[tokio::test]
async fn the_host_header_names_a_literal_as_the_url_does() {
    let Ok(probe) = TcpListener::bind(("::1", 0)) else {
        return println!("this machine has no IPv6 loopback: skipped");
    };
    drop(probe);
    let server = Server::start("::1", Play::Write(ok("{}"))).await;
    let guard = Guard { allow: "::1/128".parse().unwrap(), ..Guard::default() };
    let client = Outbound::new(guard, limits()).unwrap();
    assert_eq!(post(&client, &server.url()).await.unwrap().status, 200);
    let host = format!("host: [::1]:{}\r\n", server.address.port());
    assert!(server.requests()[0].to_ascii_lowercase().contains(&host), "{:?}", server.requests());
}

/// The roots are found through the environment, which only a process of its own may change.
#[tokio::test]
async fn a_machine_without_roots_still_reaches_what_is_opened_for_http() {
    const CHILD: &str = "GAVEL_TEST_WITHOUT_ROOTS";
    if std::env::var_os(CHILD).is_none() {
        let nowhere = std::env::temp_dir().join("gavel-no-such-bundle");
        let name = "a_machine_without_roots_still_reaches_what_is_opened_for_http";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .envs([("SSL_CERT_FILE", &nowhere), ("SSL_CERT_DIR", &nowhere)])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let error = Outbound::new(Guard::default(), limits()).err().unwrap().to_string();
    assert!(error.contains("install this machine's root certificates"), "{error}");

    let server = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let names = Names::new(&[&["127.0.0.2"]]);
    let client = support::client(support::guard(&[server.address.port()]), limits(), names);
    assert_eq!(post(&client, &server.url()).await.unwrap().status, 200);
    let failure = post(&client, &server.url_of_a_stranger()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Ours);
    assert!(failure.message.contains("install this machine's root certificates"), "{failure}");
}
