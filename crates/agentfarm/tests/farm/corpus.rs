//! Rows of answers, played: our own of every kind, and the corpus's where it is there.

use crate::support::{Ended, call, get, glimpse, is_silent};
use gavel_agentfarm::{AgentSpec, Answer, Behaviour, Corpus, Door, End, Farm, Row, Wire};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Rows are played 10,000 times faster: two minutes are 12 ms.
const FAST: f64 = 0.0001;
/// A connection that has not come about by then never will.
const CONNECT: Duration = Duration::from_millis(150);

fn row(id: &str, response: Value) -> Value {
    json!({ "id": id, "context": { "health_before": "passing" }, "response": response })
}

async fn playing(rows: Vec<Value>) -> Farm {
    let corpus = Behaviour::Corpus(Corpus::new(rows, FAST));
    Farm::start(vec![AgentSpec::new("rows", corpus)]).await.unwrap()
}

fn url(farm: &Farm, id: &str) -> String {
    farm.agent("rows").unwrap().row_url(id).unwrap()
}

#[tokio::test]
async fn each_row_is_played_under_its_own_path() {
    let headers = json!([["content-type", "text/plain"], ["Retry-After", "7"]]);
    let farm = playing(vec![
        row("a", json!({ "status": 429, "headers": headers, "body": "slow {{X-AITasker-Key}}" })),
        row("b", json!({ "status": 200, "body_b64": "//4=", "elapsed_ms": 120_000 })),
        row("c", json!({ "wire": "HTTP/1.1 2000 X\r\n\r\n" })),
        row("d", json!({ "status": 204, "body": "" })),
    ])
    .await;
    let got = call(&url(&farm, "a"), "X-AITasker-Key: ait_k\r\n", "{}").await;
    assert_eq!((got.status(), got.body()), (429, &b"slow ait_k"[..]));
    assert!(got.head().contains("retry-after: 7\r\n"), "{}", got.head());
    let since = Instant::now();
    assert_eq!(call(&url(&farm, "b"), "", "{}").await.body(), [0xff, 0xfe]);
    assert!(since.elapsed() >= Duration::from_millis(12), "two minutes, scaled");
    assert_eq!(call(&url(&farm, "c"), "", "{}").await.raw, b"HTTP/1.1 2000 X\r\n\r\n");
    assert_eq!(call(&url(&farm, "d"), "", "{}").await.status(), 204);
    assert_eq!(call(&url(&farm, "a").replace("/a/", "/z/"), "", "{}").await.status(), 404);
    assert_eq!(farm.agent("rows").unwrap().row_url("z"), None);
    let paths: Vec<_> = farm.requests("rows").into_iter().map(|call| call.path).collect();
    assert_eq!(paths[..2], ["/rows/a/execute", "/rows/b/execute"]);
}

#[tokio::test]
async fn health_is_what_the_last_probe_found() {
    let rows = ["passing", "failing", "unknown"]
        .map(|health| json!({ "id": health, "context": { "health_before": health }, "response": { "status": 503 } }));
    let farm = playing(rows.to_vec()).await;
    let health = |id| url(&farm, id).replace("execute", "health");
    assert_eq!(get(&health("passing")).await.status(), 200);
    assert_eq!(get(&health("failing")).await.status(), 503);
    assert!(is_silent(&health("unknown")).await);
    assert_eq!((farm.agent("rows").unwrap().probes(), farm.requests("rows").len()), (3, 0));
}

#[tokio::test]
async fn bodies_that_no_library_would_send() {
    let json_headers = json!([["content-type", "application/json"]]);
    let with = |name: &str, value: &str| json!([[name, value]]);
    let made =
        |headers: &Value, recipe: Value| json!({ "status": 200, "headers": headers, "body_gen": recipe });
    let cases = [
        (
            "short",
            made(&with("content-length", "9"), json!({ "gen": "close_after", "text": "abc" })),
            "abc",
            Ended::Closed,
        ),
        (
            "long",
            made(&with("content-length", "2"), json!({ "gen": "wire_body", "text": "abc" })),
            "abc",
            Ended::Closed,
        ),
        ("stall", made(&json_headers, json!({ "gen": "stall_after", "sent_bytes": 3 })), "{\"f", Ended::Open),
        (
            "drip",
            made(&json_headers, json!({ "gen": "drip", "bytes_per_tick": 1, "tick_ms": 10, "text": "abc" })),
            "abc",
            Ended::Closed,
        ),
        (
            "chunks",
            made(&with("transfer-encoding", "chunked"), json!({ "gen": "bytes", "hex": "616263" })),
            "3\r\nabc\r\n0\r\n\r\n",
            Ended::Closed,
        ),
        (
            "trailer",
            made(
                &with("transfer-encoding", "chunked"),
                json!({ "gen": "chunked_with_trailer", "text": "abc" }),
            ),
            "3\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n",
            Ended::Closed,
        ),
    ];
    let farm = playing(cases.iter().map(|(id, response, ..)| row(id, response.clone())).collect()).await;
    for (id, _, body, end) in cases {
        let url = url(&farm, id);
        let got = if end == Ended::Open { glimpse(&url).await } else { call(&url, "", "{}").await };
        assert_eq!((String::from_utf8_lossy(got.body()), got.end), (body.into(), end), "{id}");
    }
}

#[tokio::test]
async fn answers_without_end_or_without_measure() {
    let json_headers = json!([["content-type", "application/json"]]);
    let made = |recipe: Value| json!({ "status": 200, "headers": json_headers, "body_gen": recipe });
    let cases = [
        ("forever", made(json!({ "gen": "stream_forever", "unit": "a" })), "\r\n\r\naaaa"),
        (
            "bomb",
            made(json!({ "gen": "gzip_bomb", "decoded_bytes": 10_737_418_240_u64 })),
            "content-length: 10",
        ),
        (
            "stream",
            made(json!({ "gen": "stream", "unit": "ab", "total_bytes": 5_000_000 })),
            "content-length: 5000000\r\n\r\nabab",
        ),
        (
            "flood",
            json!({ "wire_gen": { "gen": "informational_flood", "status": 103, "count": 1_000_000 } }),
            "HTTP/1.1 103 Chaos\r\n\r\nHTTP/1.1 103",
        ),
    ];
    let farm = playing(cases.iter().map(|(id, response, _)| row(id, response.clone())).collect()).await;
    for (id, _, shows) in cases {
        let got = call(&url(&farm, id), "", "{}").await;
        let start = String::from_utf8_lossy(&got.raw[..200]);
        assert!(got.end == Ended::Endless && start.contains(shows), "{id}: {start}");
    }
}

#[tokio::test]
async fn what_happens_below_http_has_a_door_of_its_own() {
    let mut farm = Farm::start(Vec::new()).await.unwrap();
    let mut play = async |transport: &str| {
        farm.play(&row(transport, json!({ "transport": transport })), FAST).await.unwrap()
    };
    let at = |url: &str| url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let refused = TcpStream::connect(at(&play("connect_refused").await)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(play("dns_nxdomain").await.starts_with("https://no-such-agent.invalid/"));
    if cfg!(target_os = "linux") {
        let connecting = TcpStream::connect(at(&play("connect_timeout").await));
        assert!(timeout(CONNECT, connecting).await.is_err(), "the connection never comes about");
    }
    let got = call(&play("reset_before_headers").await, "", "{}").await;
    assert_eq!((got.raw.len(), got.end), (0, Ended::Reset));
    let got = call(&play("close_before_headers").await, "", "{}").await;
    assert_eq!((got.raw.len(), got.end), (0, Ended::Closed));
    let got = call(&play("reset_mid_body").await, "", "{}").await;
    assert_eq!((got.status(), got.body(), got.end), (200, &b"{\"full_text\": \""[..], Ended::Reset));
    assert_eq!(farm.requests("reset_mid_body").len(), 1);
    let unknown = farm.play(&row("x", json!({ "transport": "by_pigeon" })), FAST).await.unwrap_err();
    assert!(unknown.to_string().contains("x: the transport by_pigeon is unknown"), "{unknown}");
}

/// Every byte of an answer that ends, or nothing.
fn bytes(wire: &Wire) -> Option<Vec<u8>> {
    let finite = wire.end != End::Hold && wire.pieces.iter().all(|piece| piece.times == Some(1));
    finite.then(|| wire.pieces.iter().flat_map(|piece| piece.bytes.to_vec()).collect())
}

/// Whether it stops, or drips.
fn takes_time(wire: &Wire) -> bool {
    wire.end == End::Hold || wire.pieces.iter().any(|piece| piece.pause_ms > 0)
}

#[tokio::test]
async fn every_row_of_the_corpus_can_be_played() {
    let Some(rows) = gavel_testkit::corpora::rows::<Value>("reliability/agent_responses.jsonl") else {
        return;
    };
    let farm = playing(rows.clone()).await;
    let (mut whole, mut exact, mut other, mut doors) = (0, 0, 0, 0);
    for row in &rows {
        let row = Row::read(row, FAST).unwrap();
        if row.door != Door::Http {
            doors += 1;
            continue;
        }
        let url = url(&farm, &row.id);
        let calling = call(&url, "X-AITasker-Key: {{X-AITasker-Key}}\r\n", "{}");
        match &row.answer {
            Answer::Whole { status, body, .. } => {
                let got = calling.await;
                let no_body = [204, 304].contains(status);
                // 1 MiB is read of what is larger.
                let wanted = if no_body { &[][..] } else { &body[..got.body().len()] };
                assert_eq!(got.status(), *status, "{}", row.id);
                assert!(
                    got.body() == wanted
                        && (got.end == Ended::Endless || no_body || wanted.len() == body.len())
                );
                whole += 1;
            }
            Answer::Wire(wire) => match bytes(wire) {
                Some(bytes) => {
                    let got = calling.await;
                    assert_eq!(
                        String::from_utf8_lossy(&got.raw),
                        String::from_utf8_lossy(&bytes),
                        "{}",
                        row.id
                    );
                    exact += 1;
                }
                None => {
                    let got = if takes_time(wire) { glimpse(&url).await } else { calling.await };
                    assert_ne!(got.end, Ended::Closed, "{}", row.id);
                    other += 1;
                }
            },
        }
    }
    println!(
        "agent_responses: {whole} well-formed answers, {exact} exact byte streams, {other} without end, {doors} behind \
         doors of their own, of {} rows",
        rows.len()
    );
    assert_eq!((whole + exact + other + doors, doors > 3, exact > 3), (rows.len(), true, true));
}
