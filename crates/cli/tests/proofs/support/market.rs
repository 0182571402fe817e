//! The agents of a run: quick, slow, by callback, by worker, all honest.

use super::http::{Ask, Caller};
use super::told::History;
use gavel_agentfarm::{Action, AgentSpec, Behaviour, Callbacks, Farm, Reply, Script, Worker};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const CATEGORY: &str = "content-writing";

/// What each takes at once: more than all buyers ask, so that no task waits for a place.
const AT_ONCE: u32 = 64;

/// Starts the agents and registers them under one developer.
pub(crate) async fn open(front: &str, key: &str, history: &Arc<History>) -> Farm {
    let farm = Farm::start(agents(front, key)).await.unwrap();
    let developer = Caller::new(front, key, history);
    let registered = developer.insist(&post("/api/v1/developers/register", &json!({ "name": "Ada" }))).await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    for agent in farm.agents() {
        let body = registration(agent.spec(), &agent.url());
        let created = developer.insist(&post("/api/v1/developers/agents", &body)).await;
        assert_eq!(created.status, 201, "{}", created.body);
    }
    farm
}

fn agents(front: &str, key: &str) -> Vec<AgentSpec> {
    let sync = |slug: &str, prototype_ms: u64, final_ms: u64| {
        let reply = |ms| vec![Reply::at_once(Action::Bid).after_ms(ms)];
        let script = Script { prototype: reply(prototype_ms), final_mode: reply(final_ms), health: vec![] };
        AgentSpec::new(slug, Behaviour::Script(script))
    };
    // It brings its result until somebody takes it, as the contract asks.
    let callbacks = Callbacks { after_ms: 150, retries: 600, retry_ms: 100, ..Callbacks::default() };
    let worker =
        Worker { wait_s: 2, work_ms: 100, heartbeat_ms: 500, ..Worker::new(format!("{front}/api/v1"), key) };
    vec![
        sync("quick", 0, 30),
        sync("steady", 60, 150),
        sync("slow", 500, 400),
        AgentSpec::new("caller", Behaviour::Async(callbacks)),
        AgentSpec::new("worker", Behaviour::Pull(worker)),
    ]
}

fn registration(spec: &AgentSpec, url: &str) -> Value {
    let mut body = json!({ "name": spec.slug, "slug": spec.slug, "capabilities": [CATEGORY], "max_concurrency": AT_ONCE });
    match &spec.behaviour {
        Behaviour::Pull(_) => body["execution_mode"] = json!("pull"),
        Behaviour::Async(_) => {
            body["execution_mode"] = json!("async");
            body["endpoint_url"] = json!(url);
        }
        _ => body["endpoint_url"] = json!(url),
    }
    body
}

fn post<'a>(path: &'a str, body: &'a Value) -> Ask<'a> {
    Ask { idempotency_key: None, ..Ask::post(path, body, "") }
}
