//! Scripts, chance and health.

use crate::support::{Ended, brief, call, get, is_silent, until};
use gavel_agentfarm::{Action, AgentSpec, Behaviour, Endless, Farm, Health, Payload};
use serde_json::json;
use std::time::{Duration, Instant};

async fn playing(action: Action) -> Farm {
    Farm::start(vec![AgentSpec::always("a", action)]).await.unwrap()
}

fn url(farm: &Farm) -> String {
    farm.agents().next().unwrap().url()
}

#[tokio::test]
async fn a_length_that_is_a_lie() {
    for (declared, body) in [(500, "too short"), (3, "too long")] {
        let farm = playing(Action::Lie { content_length: declared, body: Payload::from(body) }).await;
        let got = call(&url(&farm), "", "{}").await;
        assert!(got.head().contains(&format!("content-length: {declared}\r\n")), "{}", got.head());
        assert_eq!((got.body(), got.end), (body.as_bytes(), Ended::Closed));
    }
}

#[tokio::test]
async fn a_drip_brings_a_whole_answer_in_drops() {
    let farm = playing(Action::Drip { body: Payload::from("0123456789"), bytes: 10, tick_ms: 5 }).await;
    let since = Instant::now();
    let got = call(&url(&farm), "", "{}").await;
    let drops = got.raw.len().div_ceil(10) as u32;
    assert_eq!((got.status(), got.body(), got.end), (200, &b"0123456789"[..], Ended::Closed));
    assert!(drops > 5 && since.elapsed() >= drops * Duration::from_millis(5));
}

#[tokio::test]
async fn what_has_no_end_has_no_end_and_stops_when_the_caller_leaves() {
    for (what, shows) in [
        (Endless::Body, "\r\n\r\naaaa"),
        (Endless::Chunked, "\r\n\r\n1000\r\naaaa"),
        (Endless::Header, "x-endless: aaaa"),
        (Endless::Headers, "x-again: and again\r\nx-again: and again\r\n"),
        (Endless::Informational, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"),
    ] {
        let farm = playing(Action::Endless(what)).await;
        let got = call(&url(&farm), "", "{}").await;
        let text = String::from_utf8_lossy(&got.raw);
        assert!(got.end == Ended::Endless && text[..400].contains(shows), "{what:?}: {}", &text[..400]);
        let agent = farm.agent("a").unwrap();
        until("the agent notices that nobody listens", || agent.under_way() + agent.connections() == 0).await;
    }
}

#[tokio::test]
async fn a_reset_before_and_in_the_middle_of_an_answer() {
    let farm = playing(Action::Reset { after: Payload::default() }).await;
    let got = call(&url(&farm), "", "{}").await;
    assert_eq!((got.raw.len(), got.end), (0, Ended::Reset));
    let farm =
        playing(Action::Reset { after: "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".into() }).await;
    let got = call(&url(&farm), "", "{}").await;
    assert_eq!((got.body(), got.end), (&b"half"[..], Ended::Reset));
}

#[tokio::test]
async fn a_redirect_goes_where_it_is_told() {
    let farm = playing(Action::Redirect { to: "http://127.0.0.1:9/x".to_owned(), status: 308 }).await;
    let got = call(&url(&farm), "", "{}").await;
    assert_eq!(got.status(), 308);
    assert!(got.head().contains("location: http://127.0.0.1:9/x\r\n"), "{}", got.head());
    let to_nowhere = Action::Redirect { to: "a\r\nb".to_owned(), status: 302 };
    assert!(Farm::start(vec![AgentSpec::always("a", to_nowhere)]).await.is_err());
}

#[tokio::test]
async fn an_echo_has_the_key_in_every_text() {
    let headers = "X-AITasker-Key: ait_secret\r\nX-Other: other\r\n";
    let farm = playing(Action::EchoHeaders { status: 200 }).await;
    let got = call(&url(&farm), headers, "{}").await.json();
    for field in ["full_text", "summary", "agent_message"] {
        assert!(got[field].as_str().unwrap().contains("ait_secret"), "{field}");
    }
    assert!(got["full_text"].as_str().unwrap().contains("x-other: other"));
    let farm = playing(Action::EchoHeaders { status: 500 }).await;
    let got = call(&url(&farm), headers, "{}").await;
    assert_eq!(got.status(), 500);
    for field in ["error", "message", "detail"] {
        assert!(got.json()[field].as_str().unwrap().contains("ait_secret"), "{field}");
    }
}

#[tokio::test]
async fn health_comes_and_goes_as_told() {
    let spec = AgentSpec::always("a", Action::Bid).with_health([Health::Ok, Health::Fail, Health::Fail]);
    let farm = Farm::start(vec![spec]).await.unwrap();
    let health = farm.agent("a").unwrap().health_url();
    for status in [200, 503, 503, 200, 503] {
        assert_eq!(get(&health).await.status(), status);
    }
    assert_eq!(call(&url(&farm), "", "{}").await.status(), 200, "calls do not care");
    let silent = AgentSpec::always("a", Action::Bid).with_health([Health::Hang]);
    let farm = Farm::start(vec![silent]).await.unwrap();
    assert!(is_silent(&farm.agent("a").unwrap().health_url()).await);
}

#[tokio::test]
async fn flakiness_repeats_under_its_seed() {
    let runs = async |seed| {
        let failure = json!({ "answer": { "status": 500 } });
        let flaky = json!({ "flaky": { "probability": 0.3, "seed": seed, "failure": failure } });
        let spec = json!({ "slug": "a", "behaviour": flaky });
        let farm = Farm::start(vec![serde_json::from_value(spec).unwrap()]).await.unwrap();
        let mut failed = Vec::new();
        for _ in 0..100 {
            failed.push(call(&url(&farm), "", "{}").await.status() == 500);
        }
        failed
    };
    let (first, again, other) = (runs(1).await, runs(1).await, runs(2).await);
    let failures = first.iter().filter(|failed| **failed).count();
    assert!(first == again && first != other);
    assert!((15..45).contains(&failures), "{failures} of 100 at 0.3");
}

#[tokio::test]
async fn a_slow_agent_takes_its_time_and_gives_a_bid() {
    let slow = Behaviour::Slow { median_ms: 40, sigma: 0.0, seed: 3 };
    let farm = Farm::start(vec![AgentSpec::new("a", slow)]).await.unwrap();
    let since = Instant::now();
    let got = call(&url(&farm), "", &brief("t").to_string()).await;
    assert!(since.elapsed() >= Duration::from_millis(40));
    assert!(got.status() == 200 && got.json()["full_text"].as_str().unwrap().len() >= 50);
}
