//! A buyer at the command line: posts a task, watches the gallery fill, selects, waits for the work, approves.
//! Everything goes through the REST API.

use crate::client::{CallError, Client};
use crate::progress::Progress;
use crate::{Failure, output, report};
use anyhow::anyhow;
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often the API is asked for news: often enough to look live.
const LOOK: Duration = Duration::from_millis(150);
/// What the timers of a task leave out: triage, judging, writing down.
const OVERHEAD: Duration = Duration::from_secs(30);

/// A buyer and the task it posted.
pub struct Buyer {
    client: Client,
    task: String,
}

impl Buyer {
    /// Posts a task.
    ///
    /// # Errors
    /// [`Failure::Usage`] with every field that is wrong.
    pub async fn post(client: Client, task: &Value) -> Result<Buyer, Failure> {
        let posted = match client.post("/tasks", task).await {
            Err(CallError::Problem { status: 400 | 422, sentence }) => return Err(Failure::Usage(sentence)),
            answer => answer.map_err(failed)?,
        };
        posted["warnings"].as_array().into_iter().flatten().for_each(warn);
        let id = posted["id"].as_str().ok_or_else(|| anyhow!("the posted task has no id"))?;
        Ok(Buyer { task: id.to_owned(), client })
    }

    /// The task's id.
    pub fn task_id(&self) -> &str {
        &self.task
    }

    /// The task as it is.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn task(&self) -> Result<Value, Failure> {
        self.get("").await
    }

    /// Shows every agent's progress until the phase is over; then the gallery.
    ///
    /// # Errors
    /// [`Failure::NoValidBid`] when nobody gave a usable answer; a failure when the phase outlasts `phase`.
    pub async fn watch(&self, phase: TimeDelta, progress: &mut Progress) -> Result<Value, Failure> {
        let until = limit_of(phase);
        loop {
            let gallery = self.get("/bids").await?;
            progress.show(&gallery);
            match gallery["task"]["status"].as_str().unwrap_or_default() {
                "open" | "matching" | "prototyping" => {}
                "review" => return Ok(gallery),
                status => return Err(Failure::NoValidBid(self.ended(status, &gallery))),
            }
            pause(until, "the prototypes").await?;
        }
    }

    /// Selects the best bid, waits for its finished work and approves it; the delivery.
    ///
    /// # Errors
    /// When no bid is scored, the API refuses, or nothing usable is delivered within `limit`.
    pub async fn finish_best(&self, gallery: &Value, limit: TimeDelta) -> Result<Value, Failure> {
        let bid = best(gallery).ok_or_else(|| anyhow!("no bid could be judged; none was picked"))?;
        let word = |name: &str| bid[name].as_str().unwrap_or_default();
        output::note(&format!("Selected: {}; it is asked for the finished work", word("agent_name")));
        if report::has_faults(bid) {
            output::note("Even the best bid has faults that cap its score: look before you use the work");
        }
        self.select(word("id")).await?;
        let delivery = self.await_delivery(limit).await?;
        self.approve().await?;
        Ok(delivery)
    }

    /// Selects a bid.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn select(&self, bid: &str) -> Result<(), Failure> {
        self.post_to(&format!("/bids/{bid}/select")).await
    }

    /// Waits until the winner's finished work is in.
    ///
    /// # Errors
    /// When the winner delivers nothing usable, or the call outlasts `limit`.
    pub async fn await_delivery(&self, limit: TimeDelta) -> Result<Value, Failure> {
        let until = limit_of(limit);
        loop {
            let task = self.task().await?;
            match task["status"].as_str().unwrap_or_default() {
                "accepted" => {}
                "delivering" => {
                    let delivery = self.get("/delivery").await?;
                    if delivery["delivery"]["status"] == "ready" {
                        return Ok(delivery["delivery"].clone());
                    }
                }
                status => {
                    let reason = task["status_reason"].as_str().unwrap_or("no reason");
                    return Err(anyhow!("the task is {status} ({reason}); nothing was delivered").into());
                }
            }
            pause(until, "the delivery").await?;
        }
    }

    /// Approves the delivery.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn approve(&self) -> Result<(), Failure> {
        self.post_to("/delivery/approve").await
    }

    /// The task, its invitations, its bids and its delivery (null without one) as they are now.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn document(&self) -> Result<Value, Failure> {
        let gallery = self.get("/bids").await?;
        let delivery = match self.client.get(&self.path("/delivery")).await {
            Ok(delivery) => delivery["delivery"].clone(),
            Err(CallError::Problem { .. }) => Value::Null, // nothing was selected
            Err(error) => return Err(failed(error)),
        };
        Ok(json!({
            "task": gallery["task"],
            "invitations": gallery["invitations"],
            "bids": gallery["bids"],
            "delivery": delivery,
        }))
    }

    fn ended(&self, status: &str, gallery: &Value) -> String {
        let reason = gallery["task"]["status_reason"].as_str().unwrap_or("no reason");
        let outcome = |invitation: &Value| {
            let word = |name: &str| invitation[name].as_str().unwrap_or("?").to_owned();
            format!("{} {} ({})", word("agent"), word("outcome"), word("detail"))
        };
        let outcomes: Vec<String> =
            gallery["invitations"].as_array().into_iter().flatten().map(outcome).collect();
        let agents = if outcomes.is_empty() { "nobody was asked".to_owned() } else { outcomes.join(", ") };
        format!("the task is {status} ({reason}); {agents}")
    }

    async fn get(&self, rest: &str) -> Result<Value, Failure> {
        self.client.get(&self.path(rest)).await.map_err(failed)
    }

    async fn post_to(&self, rest: &str) -> Result<(), Failure> {
        self.client.post(&self.path(rest), &json!({})).await.map(|_| ()).map_err(failed)
    }

    fn path(&self, rest: &str) -> String {
        format!("/tasks/{}{rest}", self.task)
    }
}

/// The bid to pick without asking: the gallery's first that is scored. The gallery is sorted, best first.
pub fn best(gallery: &Value) -> Option<&Value> {
    gallery["bids"].as_array()?.iter().find(|bid| bid["eval_score"].is_number() && bid["presented"] == true)
}

/// What agents will miss in the brief, or not understand.
fn warn(warning: &Value) {
    let word = |name: &str| warning[name].as_str().unwrap_or_default();
    output::note(&format!("warning: {} {}", word("field"), word("message")));
}

fn limit_of(time: TimeDelta) -> Instant {
    Instant::now() + time.to_std().unwrap_or_default() + OVERHEAD
}

async fn pause(until: Instant, what: &str) -> Result<(), Failure> {
    if Instant::now() >= until {
        return Err(anyhow!("{what} did not come within the time the settings allow").into());
    }
    sleep(LOOK).await;
    Ok(())
}

fn failed(error: CallError) -> Failure {
    Failure::Other(error.into())
}
