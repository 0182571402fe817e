//! What comes back from servers that behave and from those that do not, over real sockets.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use gavel_dispatcher::transport::{FailureKind, Method, Request, Transport};
use gavel_outbound::Outbound;
use std::time::{Duration, Instant};
use support::{CAP, Names, Play, Server, limits, ok, post, request};

fn client() -> Outbound {
    support::client(support::guard(&[443]), limits(), Names::new(&[&["127.0.0.2"]]))
}

/// What a server that plays this gets out of us.
async fn kind(play: Play) -> Result<u16, FailureKind> {
    let server = Server::start("127.0.0.2", play).await;
    let started = Instant::now();
    let sent = client().send(request(&server.url(), 700)).await;
    assert!(started.elapsed() < Duration::from_millis(1_700), "its deadline and a second");
    sent.map(|reply| reply.status).map_err(|failure| failure.kind)
}

async fn check(wire: &str, expected: Result<u16, FailureKind>) {
    let seen = kind(Play::WriteAndClose(wire.as_bytes().to_vec())).await;
    assert_eq!(seen, expected, "{wire:?}");
}

#[tokio::test]
async fn the_exact_bytes_and_headers_arrive_and_nothing_else() {
    let server = Server::start("127.0.0.2", Play::Write(ok("{\"full_text\": \"x\"}"))).await;
    let reply = post(&client(), &server.url_by_name()).await.unwrap();
    assert_eq!((reply.status, &reply.body[..]), (200, &b"{\"full_text\": \"x\"}"[..]));
    let requests = server.requests();
    let [request] = &requests[..] else { panic!("{} requests", requests.len()) };
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "{\"mode\": \"prototype\"}");
    let mut lines: Vec<String> = head.lines().map(str::to_ascii_lowercase).collect();
    lines[1..].sort_unstable();
    let host = format!("host: agent.test:{}", server.address.port());
    let expected = [
        "post /execute http/1.1",
        "accept-encoding: identity",
        "accept: */*",
        "content-length: 21",
        "content-type: application/json",
        &host,
        "x-aitasker-key: ait_key",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_probe_is_a_get_without_a_body_and_its_answer_is_counted_like_any() {
    let server = Server::start("127.0.0.2", Play::Write(ok("{\"status\": \"ok\"}"))).await;
    let client = client();
    for sent in 1..=3 {
        let headers = vec![("X-AITasker-Key".to_owned(), "ait_key".to_owned())];
        let probe = Request { method: Method::Get, headers, ..request(&server.url(), 2_000) };
        let reply = client.send(probe).await.unwrap();
        assert_eq!((reply.status, reply.timing.reused), (200, sent > 1));
    }
    let requests = server.requests();
    let request = requests[2].to_ascii_lowercase();
    assert!(request.starts_with("get /execute http/1.1\r\n") && request.ends_with("\r\n\r\n"), "{request}");
    assert!(!request.contains("content-"), "{request}");

    let flooded = Server::start("127.0.0.2", flood()).await;
    let probe = Request { method: Method::Get, ..self::request(&flooded.url(), 30_000) };
    let failure = client.send(probe).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BrokenHead);
    assert!(failure.message.contains("more than 131072 bytes"), "{failure}");
}

/// Interim heads without end.
fn flood() -> Play {
    let unit = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100);
    Play::Repeat { head: Vec::new(), unit, pause: Duration::ZERO }
}

#[tokio::test]
async fn every_header_of_an_answer_is_told_whatever_its_status() {
    for status in [200, 302, 500] {
        let wire = format!(
            "HTTP/1.1 {status} X\r\nServer: a\r\nset-cookie: b=c\r\nSet-Cookie: d=e\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        let server = Server::start("127.0.0.2", Play::Write(wire.into_bytes())).await;
        let told = post(&client(), &server.url()).await.unwrap().headers;
        let told: Vec<_> = told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected =
            [("server", "a"), ("set-cookie", "b=c"), ("set-cookie", "d=e"), ("content-length", "2")];
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn agents_on_one_host_share_no_connection() {
    let server = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let client = client();
    let send = async |path: &str, key: &str| {
        let mut request = request(&format!("http://{}/{path}", server.address), 2_000);
        request.headers[1].1 = key.to_owned();
        client.send(request).await.unwrap();
    };
    send("one", "ait_a").await;
    send("one", "ait_a").await;
    assert_eq!(server.connections(), 1, "an agent's own connection is used again");
    send("two", "ait_a").await;
    send("one", "ait_b").await;
    assert_eq!(server.connections(), 3);
    assert!(!server.requests()[0].contains('@'), "what keeps them apart is not sent");
}

#[tokio::test]
async fn an_open_connection_is_used_again_and_no_cookie_is_kept() {
    let wire = "HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 2\r\n\r\n{}";
    let server = Server::start("127.0.0.2", Play::Write(wire.as_bytes().to_vec())).await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(post(&client, &server.url()).await.unwrap().status, 200);
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 3));
    assert!(server.requests().iter().all(|request| !request.to_ascii_lowercase().contains("cookie")));
}

#[tokio::test]
async fn bodies_are_cut_at_the_cap_declared_or_not() {
    let at_cap = kind(Play::Write(ok(&"x".repeat(CAP)))).await;
    assert_eq!(at_cap, Ok(200));
    let one_more = kind(Play::Write(ok(&"x".repeat(CAP + 1)))).await;
    assert_eq!(one_more, Err(FailureKind::TooLarge));
    check("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nxx", Err(FailureKind::TooLarge)).await;
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let endless = Play::Repeat { head, unit: vec![b'x'; 1_000], pause: Duration::ZERO };
    assert_eq!(kind(endless).await, Err(FailureKind::TooLarge));
}

#[tokio::test]
async fn the_deadline_covers_head_and_body() {
    let drip = |head: &str, unit: &str| Play::Repeat {
        head: head.as_bytes().to_vec(),
        unit: unit.as_bytes().to_vec(),
        pause: Duration::from_millis(20),
    };
    assert_eq!(kind(drip("HTTP/1.1 200 OK\r\n\r\n", "x")).await, Err(FailureKind::Timeout));
    assert_eq!(kind(drip("HTTP/1.1 200 OK\r\nx-slow: ", "x")).await, Err(FailureKind::Timeout));
    assert_eq!(kind(drip("", "HTTP/1.1 103 Early Hints\r\n\r\n")).await, Err(FailureKind::Timeout));
    let stalled = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"full".to_vec();
    assert_eq!(kind(Play::Stall(stalled)).await, Err(FailureKind::Timeout));
    assert_eq!(kind(Play::Stall(Vec::new())).await, Err(FailureKind::Timeout));
}

#[tokio::test]
async fn no_byte_of_an_answer() {
    assert_eq!(kind(Play::Reset).await, Err(FailureKind::NoResponse));
    assert_eq!(kind(Play::WriteAndClose(Vec::new())).await, Err(FailureKind::NoResponse));
}

#[tokio::test]
async fn what_is_not_http_is_a_broken_head() {
    for wire in [
        "hello, I am an agent\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n{}",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 900\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n{}",
    ] {
        check(wire, Err(FailureKind::BrokenHead)).await;
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n{{}}", "x-filler: y\r\n".repeat(5_000));
    check(&many, Err(FailureKind::BrokenHead)).await;
    let huge = format!("HTTP/1.1 200 OK\r\nx-huge: {}\r\n\r\n{{}}", "x".repeat(2_000_000));
    check(&huge, Err(FailureKind::BrokenHead)).await;
}

#[tokio::test]
async fn an_incomplete_body_is_no_answer() {
    for wire in [
        "HTTP/1.1 200 OK\r\ncontent-length: 347\r\n\r\n{\"full_text\": \"x\"}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"ful",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc",
    ] {
        check(wire, Err(FailureKind::BrokenBody)).await;
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_not_a_way() {
    let elsewhere = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    for (status, location) in [(301, elsewhere.url()), (307, elsewhere.url()), (308, "/other".to_owned())] {
        let wire = format!("HTTP/1.1 {status} Go\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        check(&wire, Ok(status)).await;
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_encoded_body_is_not_read() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n".to_vec();
    let bomb = Play::Repeat { head, unit: vec![0; 1_000], pause: Duration::ZERO };
    let server = Server::start("127.0.0.2", bomb).await;
    let reply = post(&client(), &server.url()).await.unwrap();
    assert_eq!((reply.content_encoding.as_deref(), reply.body.len()), (Some("gzip"), 0));

    let plain = b"HTTP/1.1 200 OK\r\ncontent-encoding: Identity\r\ncontent-length: 2\r\n\r\n{}".to_vec();
    let server = Server::start("127.0.0.2", Play::Write(plain)).await;
    let reply = post(&client(), &server.url()).await.unwrap();
    assert_eq!((reply.content_encoding, &reply.body[..]), (None, &b"{}"[..]));
}

#[tokio::test]
async fn a_bad_status_stands_whatever_its_body_does() {
    let server = Server::start(
        "127.0.0.2",
        Play::Write(b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nno".to_vec()),
    )
    .await;
    let reply = post(&client(), &server.url()).await.unwrap();
    assert_eq!((reply.status, reply.retry_after.as_deref(), &reply.body[..]), (429, Some("7"), &b"no"[..]));

    let head = b"HTTP/1.1 500 No\r\n\r\n".to_vec();
    let endless = Play::Repeat { head, unit: vec![b'x'; 1_000], pause: Duration::ZERO };
    let server = Server::start("127.0.0.2", endless).await;
    let reply = post(&client(), &server.url()).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (500, 100), "only the start is kept");

    let stalled = b"HTTP/1.1 503 No\r\ncontent-length: 50\r\n\r\nback soon".to_vec();
    let server = Server::start("127.0.0.2", Play::Stall(stalled)).await;
    let started = Instant::now();
    let reply = post(&client(), &server.url()).await.unwrap();
    assert_eq!((reply.status, &reply.body[..]), (503, &b"back soon"[..]));
    assert!(started.elapsed() < Duration::from_secs(2), "its body is not waited for until the deadline");
    check("HTTP/1.1 404 No\r\ncontent-length: 50\r\n\r\nbroken off", Ok(404)).await;
}

#[tokio::test]
async fn a_second_answer_on_a_connection_is_never_taken_for_the_next_ones() {
    for framing in
        ["content-length: 2\r\n\r\n{}", "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n"]
    {
        let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nWRONG";
        let wire = format!("HTTP/1.1 200 OK\r\n{framing}{smuggled}");
        let server = Server::start("127.0.0.2", Play::Write(wire.into_bytes())).await;
        let client = client();
        for _ in 0..20 {
            if let Ok(reply) = post(&client, &server.url()).await {
                assert_ne!(&reply.body[..], b"WRONG");
            }
        }
        assert_eq!(
            server.connections(),
            server.requests().len(),
            "no connection is used after a framing fault"
        );
    }
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_our_fault_and_its_value_is_not_told() {
    let server = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let mut bad = request(&server.url(), 700);
    bad.headers.push(("x-secret".to_owned(), "ait_1\r\nx-injected: 1".to_owned()));
    let failure = client().send(bad).await.unwrap_err();
    assert_eq!((failure.kind, server.connections()), (FailureKind::Ours, 0));
    assert!(!failure.message.contains("ait_1"), "{failure}");
}
