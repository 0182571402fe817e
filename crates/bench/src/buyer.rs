//! A buyer that posts tasks and sees them through, in a way that costs the server little.

use crate::client::Client;
use crate::place::PATIENCE;
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What agents and tasks are about.
pub(crate) const CATEGORY: &str = "content-writing";
/// How often a task is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// A sentence of the brief; repeated until an agent is sent about 2 KiB.
const SENTENCE: &str =
    "Explain to the owner of a small shop when a spreadsheet stops being enough for the stock. ";
/// How often.
const SENTENCES: usize = 16;
/// How often in a short brief.
const FEW_SENTENCES: usize = 2;

/// What is posted: an agent is sent about 2 KiB.
pub(crate) fn brief(agents: usize) -> Value {
    of_sentences(SENTENCES, agents)
}

/// The same with some 200 bytes.
pub(crate) fn short_brief(agents: usize) -> Value {
    of_sentences(FEW_SENTENCES, agents)
}

/// The same for these agents and nobody else.
pub(crate) fn only(mut brief: Value, slugs: &[String]) -> Value {
    brief["routing"] = json!({ "only": slugs });
    brief
}

fn of_sentences(sentences: usize, agents: usize) -> Value {
    json!({
        "category": CATEGORY,
        "task_type": "blog-post",
        "title": "A guide to moving a small shop from spreadsheets to a database",
        "description": SENTENCE.repeat(sentences).trim(),
        "requirements": { "audience": "owners of small shops", "tone": "plain and friendly", "word_count": 600 },
        "budget_usd": 40,
        "agents": agents,
    })
}

/// Posts a task; its id.
pub(crate) async fn post(buyer: &Client, brief: &Value) -> anyhow::Result<String> {
    let posted = buyer.post("/tasks", brief).await?;
    Ok(posted["id"].as_str().context("the posted task has no id")?.to_owned())
}

/// Waits until a task is in review.
pub(crate) async fn in_review(buyer: &Client, task: &str) -> anyhow::Result<()> {
    let path = format!("/tasks/{task}");
    let at_work = |seen: &Value| matches!(seen["status"].as_str(), Some("open" | "matching" | "prototyping"));
    let seen = until(buyer, &path, |seen| !at_work(seen)).await?;
    if seen["status"] != "review" {
        bail!("task {task} was to be in review but is {}", seen["status"]);
    }
    Ok(())
}

/// The ids of a task's bids that are in its gallery, scored.
pub(crate) async fn scored_bids(buyer: &Client, task: &str) -> anyhow::Result<Vec<String>> {
    let gallery = buyer.get(&format!("/tasks/{task}/bids")).await?;
    let bids = gallery["bids"].as_array().map(Vec::as_slice).unwrap_or_default();
    let scored = bids.iter().filter(|bid| bid["eval_score"].is_number());
    Ok(scored.filter_map(|bid| bid["id"].as_str().map(str::to_owned)).collect())
}

/// From the review to the end of a task: a choice, so many revisions, the approval.
pub(crate) async fn finish(buyer: &Client, task: &str, revisions: usize) -> anyhow::Result<()> {
    let bids = scored_bids(buyer, task).await?;
    let best = bids.first().context("the gallery is empty")?;
    buyer.post(&format!("/tasks/{task}/bids/{best}/select"), &json!({})).await?;
    delivered(buyer, task, 0).await?;
    for revision in 1..=revisions {
        let notes = json!({ "notes": "Please say more about the training of the staff." });
        buyer.post(&format!("/tasks/{task}/delivery/revision"), &notes).await?;
        delivered(buyer, task, revision).await?;
    }
    buyer.post(&format!("/tasks/{task}/delivery/approve"), &json!({})).await?;
    Ok(())
}

async fn delivered(buyer: &Client, task: &str, revision: usize) -> anyhow::Result<()> {
    let task_path = format!("/tasks/{task}");
    // Before the final call there is no delivery to ask for.
    until(buyer, &task_path, |task| task["status"] == "delivering").await?;
    let is_ready =
        |seen: &Value| seen["delivery"]["status"] == "ready" && seen["delivery"]["revision"] == revision;
    until(buyer, &format!("{task_path}/delivery"), is_ready).await?;
    Ok(())
}

/// Looks again and again until it is so.
async fn until(buyer: &Client, path: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen = buyer.get(path).await?;
        if is_so(&seen) {
            return Ok(seen);
        }
        if Instant::now() >= until {
            bail!("waited {} s in vain; the last look at {path} showed {seen}", PATIENCE.as_secs());
        }
        sleep(LOOK).await;
    }
}
