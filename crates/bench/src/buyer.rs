//! A buyer that posts tasks and watches them, in a way that costs the server little.

use crate::agents::CATEGORY;
use crate::plan::AGENTS;
use anyhow::{anyhow, bail};
use gavel::client::Client;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long anything is waited for; far above what a busy machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often a task is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// A sentence of the brief; repeated until an agent is sent about 2 KiB.
const SENTENCE: &str =
    "Explain to the owner of a small shop when a spreadsheet stops being enough for the stock. ";
/// How often.
const SENTENCES: usize = 16;

/// What is posted.
pub fn brief() -> Value {
    json!({
        "category": CATEGORY,
        "task_type": "blog-post",
        "title": "A guide to moving a small shop from spreadsheets to a database",
        "description": SENTENCE.repeat(SENTENCES).trim(),
        "requirements": { "audience": "owners of small shops", "tone": "plain and friendly", "word_count": 600 },
        "budget_usd": 40,
        "agents": AGENTS,
    })
}

/// Posts a task; its id.
///
/// # Errors
/// When the API refuses or does not answer.
pub async fn post(buyer: &Client, brief: &Value) -> anyhow::Result<String> {
    let posted = buyer.post("/tasks", brief).await?;
    Ok(posted["id"].as_str().ok_or_else(|| anyhow!("the posted task has no id"))?.to_owned())
}

/// Waits until the loop has nothing more to do for a task; the state it is in then.
///
/// # Errors
/// When the API does not answer, or the task is at work for too long.
pub async fn at_rest(buyer: &Client, task: &str) -> anyhow::Result<String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen = buyer.get(&format!("/tasks/{task}")).await?;
        match seen["status"].as_str().unwrap_or_default() {
            "open" | "matching" | "prototyping" if Instant::now() < until => sleep(LOOK).await,
            "open" | "matching" | "prototyping" => bail!("task {task} is still {}", seen["status"]),
            status => return Ok(status.to_owned()),
        }
    }
}

/// Waits until a task is in review.
///
/// # Errors
/// As [`at_rest`]; when the task ended instead.
pub async fn in_review(buyer: &Client, task: &str) -> anyhow::Result<()> {
    match at_rest(buyer, task).await?.as_str() {
        "review" => Ok(()),
        status => bail!("task {task} was to be in review but is {status}"),
    }
}

/// How many of a task's bids are in its gallery, scored.
///
/// # Errors
/// When the API does not answer.
pub async fn scored_bids(buyer: &Client, task: &str) -> anyhow::Result<usize> {
    let gallery = buyer.get(&format!("/tasks/{task}/bids")).await?;
    let bids = gallery["bids"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(bids.iter().filter(|bid| bid["eval_score"].is_number()).count())
}

/// Waits until something counted in this process has come true.
///
/// # Errors
/// When it does not within [`PATIENCE`].
pub async fn until(what: &str, is_true: impl Fn() -> bool) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !is_true() {
        if Instant::now() >= until {
            bail!("waited {} s in vain until {what}", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
