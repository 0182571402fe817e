//! What the agents were sent, checked as an agent would check it: nothing here uses our own signing code.

use super::format::{Agent, Call, ExecutionMode};
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

/// What an asynchronous agent is told beyond them.
const CALLBACK_KEYS: [&str; 3] = ["callback_secret", "callback_url", "execution_timeout_seconds"];

/// Checks every call an agent received against what it was to receive. `tasks`: what was posted.
pub(crate) fn check(world: &World, tasks: &[String], agent: &Agent, won: bool) -> Result<()> {
    let contender = &world.contenders[&agent.slug];
    let expected: Vec<&Call> = agent.is_sent.iter().filter(|call| won || !call.only_winner).collect();
    let received = world.requests(&agent.slug);
    ensure!(
        received.len() == expected.len(),
        "{} calls were to come, {} came: {:?}",
        expected.len(),
        received.len(),
        received.iter().map(name_of).collect::<Vec<_>>()
    );
    let mut ids = Vec::new();
    for (number, (call, expected)) in received.iter().zip(expected).enumerate() {
        let context = || format!("call {}", number + 1);
        whole(call, tasks, agent.execution_mode).with_context(context)?;
        if agent.execution_mode != ExecutionMode::Pull {
            honest(call, contender).with_context(context)?;
        }
        as_expected(call, expected).with_context(context)?;
        let id = name_of(call);
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

/// The name of a call: its `webhook-id`, the id of a fetched invitation.
fn name_of(call: &Received) -> &str {
    call.header("webhook-id").unwrap_or_else(|| call.path.rsplit('/').next().unwrap_or_default())
}

/// What holds of every call, whatever carries it: it has the keys of its kind, and is about a task that was posted.
fn whole(call: &Received, tasks: &[String], mode: ExecutionMode) -> Result<()> {
    let body = body(call)?;
    let keys: BTreeSet<&str> = body.keys().map(String::as_str).collect();
    let mut expected = BTreeSet::from(KEYS);
    if mode == ExecutionMode::Async {
        expected.extend(CALLBACK_KEYS);
    }
    ensure!(keys == expected, "the body has the keys {keys:?}");
    let task = body["task_id"].as_str().unwrap_or_default();
    ensure!(tasks.iter().any(|posted| posted == task), "the task's id in the body is another: {task}");
    ensure!(call.task_id().as_deref() == Some(task), "the task's id in the header is another");
    Ok(())
}

/// What holds of every call that is sent: it is ours, and signed with this agent's own secret.
fn honest(call: &Received, contender: &Contender) -> Result<()> {
    let header = |name: &str| call.header(name).with_context(|| format!("the header {name} is missing"));
    ensure!(header("x-aitasker-key")? == contender.key, "the key is another developer's");
    header("x-aitasker-task-id")?;
    ensure!(header("content-type")? == "application/json", "the content type is another");
    ensure!(header("user-agent")? == "AITasker/1.0 (Agent Executor)", "the user agent is another");
    let signed = hex_signature(&contender.secret, &call.body)?;
    ensure!(header("x-aitasker-signature")? == signed, "the hex signature is not the secret's");

    let (id, at) = (header("webhook-id")?, header("webhook-timestamp")?);
    let signature = standard_signature(&contender.secret, (id, at), &call.body)?;
    ensure!(header("webhook-signature")? == signature, "the webhook signature is not the secret's");
    ensure!(header("x-aitasker-timestamp")? == at, "the two timestamps differ");
    let deadline = DateTime::parse_from_rfc3339(header("gavel-deadline")?)?;
    ensure!(deadline.timestamp() >= at.parse::<i64>()?, "the deadline lies before the call");
    Ok(())
}

/// An `X-AITasker-Signature`, over a body alone.
pub(crate) fn hex_signature(secret: &str, body: &[u8]) -> Result<String> {
    Ok(hex::encode(mac(secret.as_bytes(), &[body])?))
}

/// A `webhook-signature`, over a message's name and time and its body.
pub(crate) fn standard_signature(secret: &str, (id, at): (&str, &str), body: &[u8]) -> Result<String> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").context("a secret begins with whsec_")?)?;
    let signed = mac(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", body])?;
    Ok(format!("v1,{}", STANDARD.encode(signed)))
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
