//! Rows about bytes on a wire and about names that resolve badly, over real sockets and scripted answers.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use gavel_dispatcher::transport::{FailureKind, Transport};
use gavel_domain::network::Guard;
use gavel_outbound::Outbound;
use gavel_testkit::corpora::rows;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use support::{HangingNames, Names, Play, Server, limits, post, request};

#[derive(Deserialize)]
struct WireRow {
    id: String,
    response: Response,
    expected: WireExpected,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    wire: Option<String>,
    wire_gen: Option<Generator>,
    body_gen: Option<Generator>,
}

#[derive(Deserialize)]
struct Generator {
    #[serde(rename = "gen")]
    kind: String,
    text: Option<String>,
    sent_bytes: Option<usize>,
    bytes_per_tick: Option<usize>,
}

#[derive(Deserialize)]
struct WireExpected {
    code: String,
    #[serde(default)]
    code_any_of: Vec<String>,
}

/// What a server plays for this row, or `None` where the row is not about bytes on a wire.
fn play(response: &Response) -> Option<Play> {
    if let Some(wire) = &response.wire {
        return Some(Play::WriteAndClose(wire.clone().into_bytes()));
    }
    let drip = |head: Vec<u8>, unit: Vec<u8>| Play::Repeat { head, unit, pause: Duration::from_millis(10) };
    if let Some(generator) = &response.wire_gen {
        return match generator.kind.as_str() {
            "informational_flood" => Some(Play::Repeat {
                head: Vec::new(),
                unit: b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100),
                pause: Duration::from_millis(1),
            }),
            "slow_headers" => Some(drip(b"HTTP/1.1 200 OK\r\nx-slow: ".to_vec(), b"x".to_vec())),
            _ => None,
        };
    }
    let generator = response.body_gen.as_ref()?;
    let mut head = format!("HTTP/1.1 {} X\r\n", response.status);
    response.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    let head = format!("{head}\r\n").into_bytes();
    match generator.kind.as_str() {
        "close_after" | "wire_body" => {
            Some(Play::WriteAndClose([head, generator.text.clone()?.into_bytes()].concat()))
        }
        "stall_after" => Some(Play::Stall([head, vec![b'{'; generator.sent_bytes?]].concat())),
        "drip" => Some(drip(head, vec![b'x'; generator.bytes_per_tick?])),
        "stream" | "stream_forever" | "gzip_bomb" => {
            Some(Play::Repeat { head, unit: vec![b'x'; 4_096], pause: Duration::ZERO })
        }
        _ => None,
    }
}

/// The codes these failures end in.
fn code(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Refused(code) => code,
        FailureKind::Connect => "connect_error",
        FailureKind::Tls => "tls_error",
        FailureKind::NoResponse | FailureKind::BrokenHead => "transport",
        FailureKind::BrokenBody => "transport_body",
        FailureKind::TooLarge => "body_too_large",
        FailureKind::Timeout => "timeout",
        FailureKind::Ours => "request_not_made",
    }
}

#[tokio::test]
async fn bytes_on_a_wire() {
    let Some(rows) = rows::<WireRow>("reliability/agent_responses.jsonl") else { return };
    let client = Outbound::with_lookup(support::guard(&[443]), limits(), Names::new(&[])).unwrap();
    let mut ran = 0;
    for row in &rows {
        let Some(play) = play(&row.response) else { continue };
        let server = Server::start("127.0.0.2", play).await;
        let sent = client.send(request(&server.url(), 500)).await;
        let expected: Vec<&str> =
            row.expected.code_any_of.iter().chain([&row.expected.code]).map(String::as_str).collect();
        match sent {
            Err(failure) => assert!(expected.contains(&code(failure.kind)), "{}: {failure}", row.id),
            Ok(reply) if reply.content_encoding.is_some() => {
                assert_eq!((expected[0], reply.body.len()), ("encoding_refused", 0), "{}", row.id);
            }
            // The bytes were an answer: what it says is read elsewhere.
            Ok(reply) => {
                let transport =
                    ["transport", "transport_body", "body_too_large", "timeout", "encoding_refused"];
                let about_its_text = expected.iter().any(|code| !transport.contains(code));
                assert!(about_its_text, "{}: {} was taken for an answer", row.id, reply.status);
            }
        }
        assert_eq!(server.requests().len(), 1, "{}: one send", row.id);
        ran += 1;
    }
    println!("agent_responses: {ran} of {} rows played on a wire", rows.len());
    assert!(ran > 5, "the rows about wires are there");
}

#[derive(Deserialize)]
struct NameRow {
    id: String,
    kind: String,
    url: Option<String>,
    #[serde(default)]
    dns: Option<Dns>,
    expected: String,
    code: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Dns {
    Answers(Vec<String>),
    Scripted { delay_ms: Option<u64>, a: Option<Vec<String>> },
}

/// Only rows that must be refused: the others would dial the internet.
#[tokio::test]
async fn names_that_resolve_badly() {
    let Some(rows) = rows::<NameRow>("reliability/ssrf_urls.jsonl") else { return };
    let mut ran = 0;
    for row in rows.iter().filter(|row| row.kind == "resolve" && row.expected == "deny") {
        let (Some(url), Some(dns)) = (&row.url, &row.dns) else { continue };
        let outbound = |names| Outbound::with_lookup(Guard::default(), limits(), names).unwrap();
        let client = match dns {
            Dns::Scripted { delay_ms: Some(_), .. } => outbound(Arc::new(HangingNames)),
            Dns::Answers(ips) | Dns::Scripted { a: Some(ips), .. } => {
                outbound(Names::new(&[&ips.iter().map(String::as_str).collect::<Vec<_>>()]))
            }
            Dns::Scripted { .. } => continue,
        };
        let failure = post(&client, url).await.unwrap_err();
        assert_eq!(code(failure.kind), row.code, "{}: {failure}", row.id);
        ran += 1;
    }
    println!("ssrf_urls: {ran} rows refused before anything was dialled");
    assert!(ran > 5, "the rows about names are there");
}
