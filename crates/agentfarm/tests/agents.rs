//! Agents over real sockets, spoken to in plain bytes: what is tested is what a caller sees.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use gavel_agentfarm::{Action, AgentSpec, Behaviour, Farm, Payload, Reply, Script, Style, demo_agents};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back until the connection was closed (we ask for that).
struct Got {
    raw: Vec<u8>,
}

impl Got {
    fn status(&self) -> u16 {
        let head = String::from_utf8_lossy(&self.raw);
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    fn body(&self) -> &[u8] {
        let end = self.raw.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        &self.raw[end + 4..]
    }

    fn json(&self) -> Value {
        serde_json::from_slice(self.body()).expect("JSON")
    }

    fn text(&self, key: &str) -> String {
        self.json()[key].as_str().unwrap_or_default().to_owned()
    }
}

async fn send(url: &str, head: &str, body: &str) -> Got {
    let rest = url.strip_prefix("http://").unwrap();
    let (address, path) = rest.split_once('/').unwrap();
    let method = if body.is_empty() { "GET" } else { "POST" };
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n{head}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await.unwrap();
    Got { raw }
}

async fn call(farm: &Farm, slug: &str, brief: &Value) -> Got {
    send(&farm.agent(slug).unwrap().url(), "X-AITasker-Key: ait_k\r\n", &brief.to_string()).await
}

fn brief(mode: &str) -> Value {
    json!({
        "task_id": "01890000-0000-7000-8000-000000000001", "mode": mode,
        "title": "A beginner's guide to keeping bees in the city",
        "description": "Write a guide for people who never kept bees. Explain choosing a hive, the first inspection \
                        and talking to neighbours. Our club has twelve members.",
        "category": "content-writing", "task_type": "blog-post", "budget_aud": 40.0,
        "requirements": { "word_count": 700, "tone": "friendly", "seo_keywords": ["urban beekeeping", "honey yield"] },
        "attachments": [], "quality_rules": {}, "user_first_name": "Ada", "output_spec": null,
    })
}

/// The demo's agents without their waits.
fn at_once() -> Vec<AgentSpec> {
    let mut agents = demo_agents();
    for agent in &mut agents {
        if let Behaviour::Writer { delay_ms, .. } = &mut agent.behaviour {
            *delay_ms = 0;
        }
    }
    agents
}

fn writers() -> Vec<AgentSpec> {
    at_once().into_iter().filter(|agent| matches!(agent.behaviour, Behaviour::Writer { .. })).collect()
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}

#[tokio::test]
async fn writers_answer_the_contract_and_not_alike() {
    let farm = Farm::start(writers()).await.unwrap();
    let (mut texts, mut prices) = (HashSet::new(), HashSet::new());
    for agent in writers() {
        let (got, again) = (
            call(&farm, &agent.slug, &brief("prototype")).await,
            call(&farm, &agent.slug, &brief("prototype")).await,
        );
        let (text, summary, message) =
            (got.text("full_text"), got.text("summary"), got.text("agent_message"));
        assert_eq!(got.body(), again.body(), "{} is not deterministic", agent.slug);
        assert!(text.chars().count() >= 50 && summary.chars().count() < 300, "{text}\n{summary}");
        assert!(!summary.is_empty() && message.chars().count() <= 280);
        assert!(
            text.to_lowercase().contains("urban beekeeping"),
            "{} is not about the brief: {text}",
            agent.slug
        );
        let price = got.json()["bid_price_aud"].as_f64().unwrap();
        assert!(price > 0.0 && price <= 40.0, "{price}");
        texts.insert(text);
        prices.insert(price.to_string());
    }
    assert_eq!((texts.len(), prices.len()), (6, 6));
    farm.stop().await;
}

#[tokio::test]
async fn a_final_version_is_longer_and_says_what_a_revision_changed() {
    let farm = Farm::start(writers()).await.unwrap();
    let mut revision = brief("final");
    revision["requirements"]["revision_notes"] = json!("Please add a section about swarm season.");
    for agent in writers() {
        let prototype = call(&farm, &agent.slug, &brief("prototype")).await;
        let last = call(&farm, &agent.slug, &brief("final")).await;
        let revised = call(&farm, &agent.slug, &revision).await;
        let lengths = [&prototype, &last].map(|got| got.text("full_text").len());
        assert!(lengths[0] < lengths[1], "{}: {lengths:?}", agent.slug);
        assert!(last.json().get("bid_price_aud").is_none(), "the accepted price stands");
        assert!(
            revised.text("full_text").matches("swarm season").count() >= 2,
            "{}",
            revised.text("full_text")
        );
    }
    for mode in ["prototype", "final"] {
        let long = words(&call(&farm, "atlas-longform", &brief(mode)).await.text("full_text"));
        assert!((525..=875).contains(&long), "{long} words for 700");
    }
}

#[tokio::test]
async fn a_writer_refuses_what_it_cannot_do() {
    let farm = Farm::start(vec![writers().remove(0).with_key("ait_k")]).await.unwrap();
    let url = farm.agents().next().unwrap().url();
    let mut other = brief("prototype");
    other["category"] = json!("visual-design");
    let check = async |head: &str, body: &str, status: u16, error: &str| {
        let got = send(&url, head, body).await;
        assert_eq!((got.status(), got.text("error")), (status, error.to_owned()));
    };
    let key = "x-aitasker-key: ait_k\r\n";
    check("X-AITasker-Key: ait_x\r\n", &brief("final").to_string(), 401, "invalid_key").await;
    check("", &brief("final").to_string(), 401, "invalid_key").await;
    check(key, &other.to_string(), 422, "unsupported_task_type").await;
    check(key, "not json", 400, "invalid_request").await;
    check(key, &"x".repeat(1024 * 1024 + 1), 413, "too_large").await;
    assert_eq!(send(&url, key, &brief("final").to_string()).await.status(), 200);
    assert_eq!(send(&url.replace("execute", "elsewhere"), key, "x").await.status(), 404);
}

#[tokio::test]
async fn all_of_the_demo_are_healthy_and_two_fail_when_called() {
    let farm = Farm::start(at_once()).await.unwrap();
    assert_eq!(farm.agents().len(), 8);
    for agent in farm.agents() {
        let health = send(&agent.health_url(), "", "").await.json();
        assert_eq!((&health["status"], &health["agent"]), (&json!("ok"), &json!(agent.spec().slug)));
        assert_eq!(agent.probes(), 1);
    }
    let noise = call(&farm, "static-noise", &brief("prototype")).await;
    assert_eq!(noise.status(), 200);
    assert!(serde_json::from_slice::<Value>(noise.body()).is_err());
    let task = brief("prototype");
    let silence = call(&farm, "tarpit-silent", &task);
    assert!(tokio::time::timeout(Duration::from_millis(200), silence).await.is_err());
    assert_eq!(farm.requests("tarpit-silent").len(), 1);
}

#[tokio::test]
async fn what_was_received_is_kept_byte_for_byte() {
    let farm = Farm::start(writers()).await.unwrap();
    let body = brief("prototype").to_string();
    send(
        &farm.agent("quickdraw-terse").unwrap().url(),
        "Webhook-Id: a\r\nX-Twice: 1\r\nX-Twice: 2\r\n",
        &body,
    )
    .await;
    let received = farm.requests("quickdraw-terse");
    assert_eq!((received.len(), &received[0].body[..]), (1, body.as_bytes()));
    assert_eq!(received[0].header("webhook-ID"), Some("a"));
    assert_eq!(received[0].headers.iter().filter(|(name, _)| name == "x-twice").count(), 2);
    assert!(farm.requests("atlas-longform").is_empty() && farm.requests("nobody").is_empty());
}

#[tokio::test]
async fn strange_briefs_get_whole_answers_too() {
    let farm = Farm::start(writers()).await.unwrap();
    let long = "word ".repeat(900);
    for (title, description, requirements) in [
        ("{p} {", "}{s}", json!({ "tone": ["calm", "{t}"], "word_count": 1e30 })),
        ("日本語のタイトル", "説明。", json!({ "seo_keywords": [1, null, "寿司"], "word_count": -5 })),
        ("", "é.", json!({ "audience": "  ", "topics": "" })),
        ("!!!", "...", json!({ "revision_notes": "..." })),
        ("Write a", &long, json!({ "revision_notes": long, "word_count": "none" })),
    ] {
        for mode in ["prototype", "final", "other"] {
            let task = json!({ "title": title, "description": description, "requirements": requirements,
                               "category": "marketing", "mode": mode, "user_first_name": null });
            for agent in writers() {
                let got = call(&farm, &agent.slug, &task).await;
                let (text, summary) = (got.text("full_text"), got.text("summary"));
                assert!(got.status() == 200 && text.chars().count() >= 50, "{}: {title}: {text}", agent.slug);
                assert!((1..300).contains(&summary.chars().count()), "{}: {title}: {summary}", agent.slug);
            }
        }
    }
}

/// A caller that gives up must not leave its call behind.
#[tokio::test]
async fn a_hanging_agent_notices_that_the_caller_left() {
    let farm = Farm::start(vec![AgentSpec::new("hang", Behaviour::Hang)]).await.unwrap();
    let hang = farm.agent("hang").unwrap();
    let (task, since) = (brief("prototype"), Instant::now());
    {
        let (first, second) = (call(&farm, "hang", &task), call(&farm, "hang", &task));
        let both_wait = async {
            while hang.under_way() < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! { _ = first => panic!("answered"), _ = second => panic!("answered"), () = both_wait => {} }
    }
    while hang.under_way() > 0 {
        assert!(since.elapsed() < Duration::from_secs(5), "{} calls are still under way", hang.under_way());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((hang.under_way_max(), hang.calls()), (2, 2));
}

fn scripted(script: Script) -> AgentSpec {
    AgentSpec::new("scripted", Behaviour::Script(script))
}

#[tokio::test]
async fn a_script_is_followed_and_its_last_reply_repeats() {
    let script = json!({
        "prototype": [{ "then": { "answer": { "status": 503, "headers": [["Retry-After", "1"]], "body": "later" } } },
                      { "delay_ms": 50, "then": { "answer": { "body": [255, 254] } } }],
        "final": [{ "then": "close" }],
        "health": [{ "then": { "answer": { "status": 500 } } }, { "then": { "answer": { "body": "{}" } } }],
    });
    let spec = json!({ "slug": "scripted", "behaviour": { "script": script } });
    let farm = Farm::start(vec![serde_json::from_value(spec).unwrap()]).await.unwrap();
    let first = call(&farm, "scripted", &brief("prototype")).await;
    assert_eq!((first.status(), first.body()), (503, &b"later"[..]));
    assert!(String::from_utf8_lossy(&first.raw).to_lowercase().contains("retry-after: 1"));
    for _ in 0..2 {
        let since = Instant::now();
        let next = call(&farm, "scripted", &brief("prototype")).await;
        assert_eq!((next.status(), next.body()), (200, &[255, 254][..]));
        assert!(since.elapsed() >= Duration::from_millis(50));
    }
    assert!(call(&farm, "scripted", &brief("final")).await.raw.is_empty());
    let health = farm.agent("scripted").unwrap().health_url();
    assert_eq!([send(&health, "", "").await.status(), send(&health, "", "").await.status()], [500, 200]);
}

#[tokio::test]
async fn raw_bytes_go_out_as_they_are() {
    let raw = |hold, endless| {
        let pieces = vec![
            Payload::from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
            Payload::from("\r\nlonger than five"),
        ];
        Reply::at_once(Action::Raw { pieces, pause_ms: 30, endless, hold })
    };
    let script = Script {
        prototype: vec![raw(false, false), raw(true, false), raw(false, true)],
        ..Script::default()
    };
    let farm = Farm::start(vec![scripted(script)]).await.unwrap();
    let task = brief("prototype");
    let got = call(&farm, "scripted", &task).await;
    assert_eq!(got.body(), b"longer than five");
    for _ in ["held open", "endless"] {
        let open = tokio::time::timeout(Duration::from_millis(250), call(&farm, "scripted", &task)).await;
        assert!(open.is_err(), "the connection stays open");
    }
}

#[tokio::test]
async fn the_echo_agent_gives_one_valid_bid_and_keeps_count() {
    let farm = Farm::start(vec![AgentSpec::new("echo", Behaviour::Echo { latency_ms: 20 })]).await.unwrap();
    let since = Instant::now();
    let got = call(&farm, "echo", &brief("prototype")).await;
    assert!(since.elapsed() >= Duration::from_millis(20));
    assert!((4000..5000).contains(&got.body().len()) && got.text("full_text").len() >= 50);
    assert_eq!((farm.agent("echo").unwrap().calls(), farm.requests("echo").len()), (1, 0));
}

#[tokio::test]
async fn a_stopped_farm_is_gone_and_a_wrong_one_does_not_start() {
    let hang = || AgentSpec::new("hang", Behaviour::Hang);
    let farm = Farm::start(vec![hang()]).await.unwrap();
    let address = farm.agents().next().unwrap().url()["http://".len()..].replace("/execute", "");
    let mut open = TcpStream::connect(&address).await.unwrap();
    farm.stop().await;
    assert_eq!(open.read(&mut [0; 1]).await.unwrap_or(0), 0, "open connections are cut");
    assert!(TcpStream::connect(&address).await.is_err());
    for (specs, why) in [
        (vec![hang(), hang()], "slug"),
        (vec![scripted(Script::default())], "no reply"),
        (vec![scripted(Script::always(Reply::answer(700, "")))], "700"),
    ] {
        assert!(Farm::start(specs).await.unwrap_err().to_string().contains(why), "{why}");
    }
}

#[test]
fn a_writer_reads_from_json() {
    let spec: AgentSpec = serde_json::from_value(
        json!({ "slug": "w", "behaviour": { "writer": { "style": "faq", "delay_ms": 5 } } }),
    )
    .unwrap();
    assert_eq!(spec.behaviour, Behaviour::Writer { style: Style::Faq, delay_ms: 5 });
}
