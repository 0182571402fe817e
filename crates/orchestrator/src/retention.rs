//! What goes with time, beside the work on tasks: a little at a time, so that nobody waits for it. What is due stands in
//! the database; every replica takes its part from there, and what one leaves undone another does.

use crate::Context;
use crate::alarms::Watch;
use chrono::TimeDelta;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the loop sleeps when nothing is due: that much later than due does anything go.
const POLL: Duration = Duration::from_secs(60);
/// The shortest pause between two portions. A portion that took longer is followed by a pause as long as itself: this
/// loop has the database for half of the time at most.
const PAUSE: Duration = Duration::from_millis(50);
/// Tasks whose bodies go in one transaction. A task has some ten of them, of up to 4 MiB each.
const TASKS_AT_ONCE: u32 = 8;
/// Idempotency keys that are forgotten in one transaction.
const KEYS_AT_ONCE: u32 = 200;
/// Events that buyers were told of, forgotten in one transaction: each with a delivery for every subscription.
const TOLD_AT_ONCE: u32 = 50;
/// Facts of agents that no decision names any more, removed in one transaction.
const CONTENTS_AT_ONCE: u32 = 500;
/// How often it is forgotten which agents have changed, up to the time before: whoever keeps agents in memory looks far
/// more often.
const FORGET_CHANGES_EVERY: Duration = Duration::from_secs(60 * 60);

/// How long things are kept; filled from configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The long bodies of a task, from its end on; `None`: for ever.
    pub bodies: Option<TimeDelta>,
    /// What was answered under an idempotency key.
    pub idempotency: TimeDelta,
    /// What buyers were told by webhook, and every try of it; `None`: for ever.
    pub told: Option<TimeDelta>,
}

impl Default for Settings {
    fn default() -> Self {
        let month = Some(TimeDelta::days(30));
        Settings { bodies: month, idempotency: TimeDelta::hours(48), told: month }
    }
}

/// Removes what is due, until `stop`.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let mut watch = Watch::new();
    let mut forgot_at = Instant::now();
    loop {
        watch.look(&context).await; // it is as seldom, and as cheap
        let begun = Instant::now();
        if begun - forgot_at >= FORGET_CHANGES_EVERY {
            forgot_at = begun;
            if let Err(error) = context.store.forget_changes().await {
                context.tell(
                    "old changes of agents could not be forgotten; it is tried again in an hour",
                    &error,
                );
            }
        }
        let pause = if sweep(&context).await { begun.elapsed().max(PAUSE) } else { POLL };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Removes a portion of what is due. `true`: there may be more.
async fn sweep(context: &Context) -> bool {
    let swept = async {
        let more = [
            bodies(context).await?,
            contents(context).await?,
            requests(context).await?,
            told(context).await?,
        ];
        Ok::<_, gavel_store::Error>(more.contains(&true))
    };
    swept.await.unwrap_or_else(|error| {
        context.tell("what is too old could not be removed; it is tried again", &error);
        false
    })
}

async fn bodies(context: &Context) -> gavel_store::Result<bool> {
    let Some(kept_for) = context.settings.retention.bodies else { return Ok(false) };
    let now = context.clock.now();
    let tasks = context.store.remove_bodies(now - kept_for, TASKS_AT_ONCE, now).await?;
    if tasks > 0 {
        tracing::info!(tasks, "texts of tasks that ended long ago are removed");
    }
    Ok(tasks == u64::from(TASKS_AT_ONCE))
}

/// What decisions were made from goes after the decisions.
async fn contents(context: &Context) -> gavel_store::Result<bool> {
    let Some(kept_for) = context.settings.retention.bodies else { return Ok(false) };
    let unused_since = context.clock.now() - kept_for;
    let removed = context.store.remove_contents(unused_since, CONTENTS_AT_ONCE).await?;
    Ok(removed == u64::from(CONTENTS_AT_ONCE))
}

async fn requests(context: &Context) -> gavel_store::Result<bool> {
    let used_until = context.clock.now() - context.settings.retention.idempotency;
    let keys = context.store.forget_requests(used_until, KEYS_AT_ONCE).await?;
    Ok(keys == u64::from(KEYS_AT_ONCE))
}

async fn told(context: &Context) -> gavel_store::Result<bool> {
    let Some(kept_for) = context.settings.retention.told else { return Ok(false) };
    let events = context.store.forget_webhooks(context.clock.now() - kept_for, TOLD_AT_ONCE).await?;
    Ok(events == u64::from(TOLD_AT_ONCE))
}
