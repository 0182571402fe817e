//! What the buyer's endpoint is told: in every story, of every event there is to tell, under one name each, signed in
//! both ways.

use super::calls::{hex_signature, standard_signature};
use super::client::Client;
use super::world::World;
use anyhow::{Context as _, Result, ensure};
use gavel_agentfarm::{AgentSpec, Behaviour, Farm, Received, Reply, Script};
use gavel_domain::webhook::{Topic, event_id};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the farm calls the buyer's endpoint; no agent has this name.
const ENDPOINT: &str = "the-buyers-endpoint";
/// More events than any of these tasks has.
const EVENTS: i64 = 1000;

/// Opens the buyer's endpoint and subscribes it to everything. The secret its requests are signed with.
pub(crate) async fn subscribe(farm: &mut Farm, buyer: &Client) -> Result<String> {
    let script = Script::always(Reply::answer(200, "{}"));
    let url = farm.add(AgentSpec::new(ENDPOINT, Behaviour::Script(script))).await?.url();
    let made = buyer.post("/webhook-subscriptions", None, &json!({ "url": url })).await?.value()?;
    made["signing_secret"].as_str().map(str::to_owned).context("a subscription has a secret")
}

/// The types of what the endpoint was told of one task, in order; `None` while something is missing.
pub(crate) async fn told(world: &World, task: &str) -> Result<Option<Vec<&'static str>>> {
    let mut messages: BTreeMap<String, Received> = BTreeMap::new();
    for message in received(world).into_iter().filter(|message| message.task_id().as_deref() == Some(task)) {
        is_genuine(&message, &world.endpoint_secret)?;
        let id = message.header("webhook-id").unwrap_or_default().to_owned();
        if let Some(before) = messages.insert(id, message.clone()) {
            is_the_same(&before, &message)?;
        }
    }
    let events = world.gavel()?.store.events_after(task.parse()?, 0, EVENTS).await?;
    let mut types = Vec::new();
    for (event, topic) in events.iter().filter_map(|event| Some((event, Topic::of(event)?))) {
        let Some(message) = messages.remove(&event_id(event.task, event.seq)) else { return Ok(None) };
        let body: Value = serde_json::from_slice(&message.body)?;
        let expected =
            [json!(event_id(event.task, event.seq)), json!(topic.name()), json!(event.seq), json!(task)];
        let said = [&body["id"], &body["type"], &body["data"]["version"], &body["data"]["task_id"]];
        ensure!(expected.iter().eq(said), "{body} does not tell of {expected:?}");
        types.push(topic.name());
    }
    ensure!(messages.is_empty(), "it was told what did not happen: {:?}", messages.keys());
    Ok(Some(types))
}

fn received(world: &World) -> Vec<Received> {
    world.farm.requests(ENDPOINT)
}

/// Both signatures are the secret's, as published.
fn is_genuine(message: &Received, secret: &str) -> Result<()> {
    let header = |name: &str| message.header(name).with_context(|| format!("{name} is missing"));
    let (id, at) = (header("webhook-id")?, header("webhook-timestamp")?);
    let signature = standard_signature(secret, (id, at), &message.body)?;
    ensure!(header("webhook-signature")? == signature, "the webhook signature is not the secret's");
    ensure!(
        header("x-aitasker-signature")? == hex_signature(secret, &message.body)?,
        "nor is the hex signature"
    );
    ensure!(header("x-aitasker-timestamp")? == at, "the two timestamps differ");
    Ok(())
}

/// What comes twice comes under the same names.
fn is_the_same(before: &Received, again: &Received) -> Result<()> {
    let name = |message: &Received| message.header("x-aitasker-delivery-id").map(str::to_owned);
    ensure!(name(before) == name(again) && before.body == again.body, "a repetition differs: {again:?}");
    Ok(())
}
