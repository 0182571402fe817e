//! Whether anybody tells buyers by webhook at all: a process that does not itself looks whether another does, for where
//! none was started with that role nothing else would say so.

use crate::Context;
use chrono::TimeDelta;
use gavel_domain::Chain;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(60);
/// How long an event may wait to be passed on: far above what a restart of whoever passes it on takes.
const LATE: TimeDelta = TimeDelta::minutes(5);

/// Looks until `stop`. It is told once, and again after it was well for a while.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let mut told = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        match context.store.webhook_backlog().await {
            Ok(backlog) => {
                let waits = backlog.waits(context.clock.now());
                if waits >= LATE && !told {
                    tracing::warn!(
                        "{} events wait to be told by webhook, the oldest for {} minutes: does any process run with the role hooks?",
                        backlog.events,
                        waits.num_minutes()
                    );
                }
                told = waits >= LATE;
            }
            Err(error) => {
                tracing::debug!(error = %Chain(&error), "whether webhooks are told is looked for later");
            }
        }
    }
}
