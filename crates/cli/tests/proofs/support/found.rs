//! What is there when a run is over: every task as the API tells it, every call as the agents saw it, the books.

use super::http::{Ask, Caller};
use super::{PATIENCE, watcher, watcher::is_final};
use gavel_agentfarm::{Agent, Exchange, Farm, Received, Step};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) tasks: BTreeMap<String, Task>,
    /// Every call that an agent received, or fetched.
    pub(crate) calls: Vec<Call>,
    /// Every result that was taken from an agent by callback or from a worker.
    pub(crate) taken: Vec<Taken>,
    pub(crate) books: Books,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Task {
    pub(crate) status: String,
    pub(crate) events: Vec<(i64, Value)>,
    pub(crate) bids: Vec<Bid>,
    /// By agent: deadline and outcome.
    pub(crate) invitations: BTreeMap<String, (String, Option<String>)>,
    /// The status of the last delivery.
    pub(crate) delivery: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bid {
    pub(crate) id: String,
    pub(crate) agent: String,
    pub(crate) selected: bool,
    pub(crate) cents: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) at: Duration,
    pub(crate) agent: String,
    pub(crate) task: String,
    pub(crate) mode: String,
    /// Its `webhook-id`; for a worker the invitation's id.
    pub(crate) name: String,
    pub(crate) deadline: Option<String>,
    pub(crate) fetched: bool,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taken {
    pub(crate) at: Duration,
    /// The call it answers.
    pub(crate) name: String,
    /// What it was taken as, such as `valid`.
    pub(crate) outcome: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    pub(crate) transfers: i64,
    /// What all buyers paid or owe, in cents.
    pub(crate) buyers_cents: i64,
}

impl Found {
    pub(crate) async fn read(buyer: &Caller, farm: &Farm, books: &Value) -> Result<Found, String> {
        let mut found = Found { books: Books::of(books), ..Found::default() };
        for id in all_tasks(buyer).await {
            let task = tokio::time::timeout(PATIENCE, task(buyer, &id)).await;
            let task = task.map_err(|_| format!("task {id} cannot be read to its end"))?;
            found.tasks.insert(id, task);
        }
        for agent in farm.agents() {
            let (calls, addresses) = calls(agent);
            found.calls.extend(calls);
            found.taken.extend(agent.exchanges().iter().filter_map(|exchange| taken(exchange, &addresses)));
        }
        Ok(found)
    }
}

async fn all_tasks(buyer: &Caller) -> Vec<String> {
    let (mut ids, mut page) = (Vec::new(), String::from("/api/v1/tasks?limit=100"));
    loop {
        let list = buyer.insist(&Ask::get(&page)).await.body;
        ids.extend(list["tasks"].as_array().into_iter().flatten().map(|task| text(&task["id"])));
        match list["next"].as_str() {
            Some(next) => page = format!("/api/v1/tasks?limit=100&before={next}"),
            None => return ids,
        }
    }
}

async fn task(buyer: &Caller, id: &str) -> Task {
    let gallery = buyer.insist(&Ask::get(&format!("/api/v1/tasks/{id}/bids"))).await.body;
    let delivery = buyer.insist(&Ask::get(&format!("/api/v1/tasks/{id}/delivery"))).await.body;
    let list = |name: &str| gallery[name].as_array().cloned().unwrap_or_default();
    let bid = |bid: &Value| Bid {
        id: text(&bid["id"]),
        agent: text(&bid["agent_slug"]),
        selected: bid["selected"] == true,
        cents: cents(&bid["bid_price_usd"]),
    };
    let invitation = |asked: &Value| {
        let outcome = asked["outcome"].as_str().map(str::to_owned);
        (text(&asked["agent"]), (text(&asked["deadline_at"]), outcome))
    };
    let status = &gallery["task"]["status"];
    Task {
        status: text(status),
        // The events of a task that has not ended, which is a fault by itself, would be waited for in vain.
        events: if is_final(status) { watcher::read(buyer, id).await } else { Vec::new() },
        bids: list("bids").iter().map(bid).collect(),
        invitations: list("invitations").iter().map(invitation).collect(),
        delivery: delivery["delivery"]["status"].as_str().map(str::to_owned),
    }
}

/// What an agent was called with, and which call each callback address belongs to.
fn calls(agent: &Agent) -> (Vec<Call>, HashMap<String, String>) {
    let (mut calls, mut addresses) = (Vec::new(), HashMap::new());
    for received in agent.requests() {
        let body: Value = serde_json::from_slice(&received.body).unwrap_or_default();
        let call = call(agent.spec().slug.clone(), &received, &body);
        if let Some(address) = body["callback_url"].as_str() {
            addresses.insert(address.to_owned(), call.name.clone());
        }
        calls.push(call);
    }
    (calls, addresses)
}

fn call(agent: String, received: &Received, body: &Value) -> Call {
    let fetched = received.method == "PULL";
    let invitation = || received.path.rsplit('/').next().unwrap_or_default();
    let name = if fetched { invitation() } else { received.header("webhook-id").unwrap_or_default() };
    Call {
        at: received.at,
        agent,
        task: text(&body["task_id"]),
        mode: text(&body["mode"]),
        name: name.to_owned(),
        deadline: received.header("gavel-deadline").map(str::to_owned),
        fetched,
        body: received.body.to_vec(),
    }
}

/// A result that was answered with 202.
fn taken(exchange: &Exchange, addresses: &HashMap<String, String>) -> Option<Taken> {
    let name = match exchange.step {
        Step::Callback => addresses.get(&exchange.url)?.clone(),
        Step::Result => exchange.message.clone(),
        Step::Fetch | Step::Heartbeat | Step::Decline => return None,
    };
    let body: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
    (exchange.answer == Ok(202)).then(|| Taken { at: exchange.at, name, outcome: text(&body["outcome"]) })
}

impl Books {
    fn of(verified: &Value) -> Books {
        let balances = verified["balances"].as_array().into_iter().flatten();
        let buyers = balances.filter(|b| text(&b["account"]).starts_with("buyer:"));
        Books {
            transfers: verified["transfers"].as_i64().unwrap_or(-1),
            buyers_cents: buyers.map(|b| cents(&b["amount"])).sum(),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "amounts of a run are small")]
fn cents(amount: &Value) -> i64 {
    (amount.as_f64().unwrap_or(f64::NAN) * 100.0).round() as i64
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
