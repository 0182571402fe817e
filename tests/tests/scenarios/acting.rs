//! What a file lets its agents do, in the words of the farm.

use super::format::{Act, Agent, CallsBack, ExecutionMode, Health, Reply, Worker};
use gavel_agentfarm::{
    Action, AgentSpec, Behaviour, Callbacks, Conduct, Order, Payload, Script, Signature, Work,
};
use serde_json::{Value, json};

/// A callback that meets no answer, since Gavel restarts, is sent again so often, after so many milliseconds.
const RETRIES: u32 = 50;
const RETRY_MS: u64 = 100;
/// Milliseconds between the heartbeats of a worker.
const HEARTBEAT_MS: u64 = 200;

/// An agent of the farm. `key`: what its calls show.
pub(crate) fn spec(agent: &Agent, key: &str, door: &Door) -> AgentSpec {
    let behaviour = match (agent.execution_mode, &agent.worker) {
        (ExecutionMode::Sync, _) => Behaviour::Script(script(agent)),
        (ExecutionMode::Async, _) => Behaviour::Async(callbacks(&agent.slug, agent.calls_back.as_ref())),
        (ExecutionMode::Pull, Some(worker)) => door.worker(&agent.slug, worker),
        (ExecutionMode::Pull, None) => Behaviour::Hang, // nobody fetches, and nobody calls
    };
    let health = agent.health.map_or(Vec::new(), |health| vec![answer_to_probes(health)]);
    AgentSpec::new(&agent.slug, behaviour).with_key(key).with_health(health)
}

const fn answer_to_probes(health: Health) -> gavel_agentfarm::Health {
    match health {
        Health::Passing => gavel_agentfarm::Health::Ok,
        Health::Failing => gavel_agentfarm::Health::Fail,
        Health::Unknown => gavel_agentfarm::Health::Hang,
    }
}

/// Where a worker asks for work, and with which key.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) base_url: String,
    pub(crate) rest_key: String,
}

impl Door {
    /// A worker that fetches for this agent.
    pub(crate) fn worker(&self, slug: &str, wish: &Worker) -> Behaviour {
        let mut worker = gavel_agentfarm::Worker::new(format!("{}/api/v1", self.base_url), &self.rest_key);
        worker.heartbeat_ms = if wish.does == Conduct::Die { 0 } else { HEARTBEAT_MS };
        worker.work = Work::Body(Payload::Text(work(slug, "fetched work").to_string()));
        worker.work_ms = wish.work_ms;
        worker.conduct = wish.does.clone();
        Behaviour::Pull(worker)
    }
}

/// Without a wish the agent acknowledges and leaves the rest to the steps.
fn callbacks(slug: &str, wish: Option<&CallsBack>) -> Callbacks {
    let Some(wish) = wish else { return Callbacks { order: Order::Never, ..Callbacks::default() } };
    Callbacks {
        order: Order::AckFirst,
        after_ms: wish.after_ms,
        times: 1 + wish.again,
        invalid_first: wish.invalid_first,
        signature: if wish.badly_signed { Signature::Bad } else { Signature::Trio },
        work: Work::Body(Payload::Text(work(slug, "later work").to_string())),
        retries: RETRIES,
        retry_ms: RETRY_MS,
        ..Callbacks::default()
    }
}

fn script(agent: &Agent) -> Script {
    let replies = |replies: &[Reply], mode: &str| {
        let reply = |reply: &Reply| gavel_agentfarm::Reply {
            delay_ms: reply.delay_ms,
            then: action(&reply.then, &agent.slug, mode),
        };
        replies.iter().map(reply).collect()
    };
    let final_mode = replies(&agent.final_mode, "final");
    Script { prototype: replies(&agent.prototype, "prototype"), final_mode, health: Vec::new() }
}

fn action(act: &Act, slug: &str, mode: &str) -> Action {
    match act {
        Act::Status(status) => answer(*status, json!({ "error": "sorry" }).to_string()),
        Act::Hang => Action::Hang,
        Act::Close => Action::Close,
        Act::Work | Act::WorkFor(_) | Act::Says(_) | Act::Text(_) => {
            answer(200, said(act, slug, mode).unwrap_or_default())
        }
    }
}

/// The body of an act that says something.
pub(crate) fn said(act: &Act, slug: &str, mode: &str) -> Option<String> {
    match act {
        Act::Work => Some(work(slug, mode).to_string()),
        Act::WorkFor(price) => {
            let mut work = work(slug, mode);
            work["bid_price_usd"] = json!(price);
            Some(work.to_string())
        }
        Act::Says(json) => Some(json.to_string()),
        Act::Text(text) => Some(text.clone()),
        Act::Status(_) | Act::Hang | Act::Close => None,
    }
}

fn answer(status: u16, body: String) -> Action {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Action::Answer { status, headers, body: Payload::Text(body) }
}

/// A usable answer that says whose it is and for which call.
fn work(slug: &str, mode: &str) -> Value {
    json!({
        "full_text": format!(
            "# Spring in a small garden\n\nThe {mode} of {slug}. Start in March: clear the beds, feed the soil with \
             two buckets of compost per square metre and sow radishes, peas and spinach in rows. In April plant \
             potatoes and onions, and keep a fleece ready for frosty nights. In May set out tomatoes and beans, \
             water them in the morning and mulch around the stems. A garden of twelve square metres feeds a family \
             of three with salad until autumn."
        ),
        "summary": format!("What to do in a small garden in spring, as {slug} sees it."),
    })
}
