//! What the agents were sent, checked as an agent would check it: nothing here uses our own signing code.

use super::format::{Agent, Call};
use super::world::{Contender, World};
use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::DateTime;
use gavel_agentfarm::Received;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::Sha256;
use std::collections::BTreeSet;

/// The body's keys: these and no other.
const KEYS: [&str; 12] = [
    "attachments",
    "budget_usd",
    "category",
    "description",
    "mode",
    "output_spec",
    "quality_rules",
    "requirements",
    "task_id",
    "task_type",
    "title",
    "user_first_name",
];

/// Checks every call an agent received against what it was to receive.
pub(crate) fn check(world: &World, task: &str, agent: &Agent, won: bool) -> Result<()> {
    let contender = &world.contenders[&agent.slug];
    let expected: Vec<&Call> = agent.is_sent.iter().filter(|call| won || !call.only_winner).collect();
    let received = world.farm.requests(&agent.slug);
    ensure!(
        received.len() == expected.len(),
        "{} calls were to come, {} came: {:?}",
        expected.len(),
        received.len(),
        received.iter().map(|call| call.header("webhook-id")).collect::<Vec<_>>()
    );
    let mut ids = Vec::new();
    for (number, (call, expected)) in received.iter().zip(expected).enumerate() {
        let context = || format!("call {}", number + 1);
        honest(call, task, contender).with_context(context)?;
        as_expected(call, expected).with_context(context)?;
        let id = call.header("webhook-id").unwrap_or_default();
        ensure!(
            expected.again == (ids.last() == Some(&id)),
            "call {}: webhook-id {id} after {ids:?}",
            number + 1
        );
        ensure!(expected.again || !ids.contains(&id), "call {}: webhook-id {id} is an old one", number + 1);
        ids.push(id);
    }
    Ok(())
}

/// What holds of every call: it is ours, whole, and signed with this agent's own secret.
fn honest(call: &Received, task: &str, contender: &Contender) -> Result<()> {
    let header = |name: &str| call.header(name).with_context(|| format!("the header {name} is missing"));
    ensure!(header("x-aitasker-key")? == contender.key, "the key is another developer's");
    ensure!(header("x-aitasker-task-id")? == task, "the task's id in the header is another");
    ensure!(header("content-type")? == "application/json", "the content type is another");
    ensure!(header("user-agent")? == "AITasker/1.0 (Agent Executor)", "the user agent is another");
    let signed = mac(contender.secret.as_bytes(), &[&call.body])?;
    ensure!(header("x-aitasker-signature")? == hex::encode(signed), "the hex signature is not the secret's");

    let (id, at) = (header("webhook-id")?, header("webhook-timestamp")?);
    let key =
        STANDARD.decode(contender.secret.strip_prefix("whsec_").context("a secret begins with whsec_")?)?;
    let signed = mac(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", &call.body])?;
    let signature = format!("v1,{}", STANDARD.encode(signed));
    ensure!(header("webhook-signature")? == signature, "the webhook signature is not the secret's");
    ensure!(header("x-aitasker-timestamp")? == at, "the two timestamps differ");
    let deadline = DateTime::parse_from_rfc3339(header("gavel-deadline")?)?;
    ensure!(deadline.timestamp() >= at.parse::<i64>()?, "the deadline lies before the call");

    let body = body(call)?;
    let keys: BTreeSet<&str> = body.keys().map(String::as_str).collect();
    ensure!(keys == BTreeSet::from(KEYS), "the body has the keys {keys:?}");
    ensure!(body["task_id"] == task, "the task's id in the body is another");
    Ok(())
}

/// What the file says of this call.
fn as_expected(call: &Received, expected: &Call) -> Result<()> {
    let body = body(call)?;
    ensure!(
        body["mode"] == expected.mode.as_str(),
        "mode {} was to come, {} came",
        expected.mode,
        body["mode"]
    );
    for (key, value) in &expected.body {
        let came = body.get(key).unwrap_or(&Value::Null);
        ensure!(holds(came, value), "{key} was to be {value}, it is {came}");
    }
    let description = body["description"].as_str().unwrap_or_default();
    let end = expected.description_ends.as_deref().unwrap_or_default();
    ensure!(description.ends_with(end), "the description was to end with {end:?}: {description:?}");
    Ok(())
}

fn body(call: &Received) -> Result<Map<String, Value>> {
    match serde_json::from_slice(&call.body)? {
        Value::Object(body) => Ok(body),
        other => bail!("the body is no object: {other}"),
    }
}

/// Objects need not be whole, everything else must be equal.
fn holds(came: &Value, expected: &Value) -> bool {
    match (came, expected) {
        (Value::Object(came), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| came.get(key).is_some_and(|came| holds(came, value)))
        }
        _ => came == expected,
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    parts.iter().for_each(|part| mac.update(part));
    Ok(mac.finalize().into_bytes().to_vec())
}
