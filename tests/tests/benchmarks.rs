//! An agent registers where agents have to pass, passes, and is asked for real work: on a whole Gavel, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use gavel::access::KeyWish;
use gavel::app::{self, Running};
use gavel::client::{CallError, Client};
use gavel::settings;
use gavel_agentfarm::{AgentSpec, Behaviour, Farm, Received, Reply, Script};
use gavel_domain::account::Scope;
use gavel_domain::benchmark::Activation;
use gavel_judge::benchmark::Suite;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Longer than anything here takes; who waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(40);

const TASK: &str = r#"
task_type = "blog-post"
budget = "25.00"
title = "How to look after house plants"
description = """Write a post on house plants for people who have none yet. Our shop sells 118 kinds and gets 24 more; \
say how many kinds that makes. It has the parts "First plants" and "Common mistakes"."""
checks = [
  { kind = "fact", says = "142", near = ["kinds"], must = true },
  { kind = "section", name = "First plants", must = true },
  { kind = "section_words", name = "Common mistakes", count = 30, must = true },
]
[good]
summary = "A post in two parts."
full_text = """
## First plants

Our shelves will soon hold 142 kinds, which is more than anybody needs on the first day. Take one that forgives: a \
spider plant, a pothos or an aloe. Put it where you can read a newspaper at noon without a lamp, and leave it there \
for a month. Leaves turn towards the window by themselves, and a quarter turn every Sunday keeps the plant upright.

- A spider plant wants light without hot sun and shows thirst by pale tips.
- A pothos climbs or hangs, whichever you prefer, and roots in a glass of water.
- An aloe sleeps in winter and asks for a drink once in four weeks.

## Common mistakes

Most plants at home drown. Push a finger into the soil, two joints deep, and pour only when it comes out dry and \
clean. A saucer that is full an hour later is emptied. The second mistake is moving house: a plant that stands on the \
heater today and in the hall tomorrow drops its leaves in protest. The third is feeding in January, when nothing \
grows; wait until the days are longer, and then give half of what the bottle says.
"""
"#;

fn suite() -> Suite {
    let names = ["easy", "typical", "hard"].map(|level| format!("content-writing/{level}.toml"));
    Suite::read(&names.each_ref().map(|name| (name.as_str(), TASK))).unwrap()
}

async fn start(folder: &Path) -> Running {
    let mut config = settings::defaults().unwrap();
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.database_url = format!("sqlite:{}", folder.join("gavel.db").display());
    config.key_file = Some(folder.join("gavel.key"));
    config.guard.allow = "127.0.0.0/8".parse().unwrap();
    (config.leave, config.drain) = (Duration::ZERO, Duration::ZERO);
    config.activation = Activation::Benchmark;
    config.suite = Arc::new(suite());
    app::start(config).await.unwrap()
}

async fn client(gavel: &Running, account: &str, scope: Scope) -> Client {
    let key = gavel.create_key(KeyWish { account, scope, read_only: false, test: false }).await.unwrap();
    Client::new(&gavel.base_url, key.expose())
}

/// Asks until it is as it should be.
async fn until(client: &Client, path: &str, done: impl Fn(&Value) -> bool) -> Value {
    let asked = timeout(PATIENCE, async {
        loop {
            let seen = client.get(path).await.unwrap();
            if done(&seen) {
                return seen;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    asked.await.unwrap_or_else(|_| panic!("waited in vain at {path}"))
}

/// Names of headers and of the body's keys: what could tell one kind of task from another.
fn shape(call: &Received) -> (BTreeSet<String>, BTreeSet<String>) {
    let headers = call.headers.iter().map(|(name, _)| name.clone()).collect();
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    (headers, body.as_object().unwrap().keys().cloned().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_passes_and_is_asked_and_could_not_tell_the_one_from_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let gavel = start(folder.path()).await;
    let developer = client(&gavel, "dev", Scope::AgentManager).await;
    let buyer = client(&gavel, "buyer", Scope::TaskPoster).await;
    let record = developer.post("/developers/register", &json!({ "name": "Ada" })).await.unwrap();

    let good = suite().of("content-writing")[0].instance(0).good;
    let usage = json!({ "input_tokens": 900, "output_tokens": 400, "cost_usd": 0.012 });
    let work =
        json!({ "full_text": good.full_text, "summary": "A post in two parts.", "token_usage": usage });
    let spec = AgentSpec::new("new", Behaviour::Script(Script::always(Reply::answer(200, work.to_string()))));
    let farm = Farm::start(vec![spec.with_key(record["api_key"].as_str().unwrap())]).await.unwrap();
    let agent = json!({ "name": "New", "slug": "new", "capabilities": ["content-writing"],
                        "endpoint_url": farm.agent("new").unwrap().url() });
    let agent = developer.post("/developers/agents", &agent).await.unwrap();
    let path = format!("/developers/agents/{}", agent["id"].as_str().unwrap());
    assert_eq!((&agent["is_active"], &agent["visibility"]), (&json!(false), &json!("draft")));

    let brief = json!({ "category": "content-writing", "task_type": "blog-post", "budget_usd": 25,
                        "description": "A post on house plants for people who have none yet." });
    let unasked = buyer.post("/tasks", &brief).await.unwrap();
    let of = |task: &Value| format!("/tasks/{}", task["id"].as_str().unwrap());
    let expired = until(&buyer, &of(&unasked), |task| task["status"] == "expired").await;
    assert_eq!(expired["status_reason"].as_str().or(expired["reason"].as_str()), Some("no_eligible_agents"));

    let begun = developer.post(&format!("{path}/benchmark"), &json!({})).await.unwrap();
    let over = until(&developer, &format!("{path}/benchmark"), |run| run["status"] != "running").await;
    assert_eq!((&over["id"], &over["status"]), (&begun["id"], &json!("passed")), "{over:#}");
    let tasks = over["tasks"].as_array().unwrap();
    assert_eq!(tasks.iter().map(|task| &task["level"]).collect::<Vec<_>>(), ["easy", "typical", "hard"]);
    assert!(
        tasks
            .iter()
            .all(|task| task["passed"] == true && task["feedback"]["token_usage"]["cost_usd"] == 0.012)
    );
    let log = developer.get(&format!("{path}/deliveries")).await.unwrap();
    assert_eq!(log["deliveries"].as_array().unwrap().len(), 3, "its developer sees the sends");
    let active = developer.get(&path).await.unwrap();
    assert_eq!(
        (&active["is_active"], &active["visibility"], &active["real_tasks"]),
        (&json!(true), &json!("live"), &json!(0))
    );
    let stats = developer.get(&format!("{path}/stats")).await.unwrap();
    assert_eq!((&stats["recent_bids"], &stats["totals"]["invitations"]), (&json!([]), &json!(0)));
    let again = developer.post(&format!("{path}/benchmark"), &json!({})).await;
    assert!(
        matches!(again, Err(CallError::Problem { status: 400, sentence }) if sentence == "Agent is already active")
    );

    let asked = buyer.post("/tasks", &brief).await.unwrap();
    until(&buyer, &of(&asked), |task| task["status"] == "review").await;
    let listed = buyer.get("/tasks").await.unwrap();
    assert_eq!(listed["tasks"].as_array().unwrap().len(), 2, "benchmarks are in no buyer's list");
    let calls: Vec<Received> = farm.requests("new").into_iter().filter(Received::is_call).collect();
    assert_eq!(calls.len(), 4);
    let real = shape(&calls[3]);
    assert_eq!((real.0.contains("gavel-deadline"), real.1.len()), (true, 12), "{real:?}");
    assert!(calls.iter().all(|call| shape(call) == real));
    assert!(
        calls.iter().all(|call| !String::from_utf8_lossy(&call.body).to_lowercase().contains("benchmark"))
    );

    gavel.stop().await;
    farm.stop().await;
}
