//! Claim, step, let go. Steps run side by side, each under a lease that is renewed while it works; a step whose
//! claim is lost (the buyer chose, the task was cancelled, another replica took over) is dropped where it stands,
//! and with it every request it had open.

use crate::slots::{Slot, Slots};
use crate::{Context, error::StepError, steps};
use chrono::TimeDelta;
use gavel_domain::Chain;
use gavel_store::{Claimed, Engine, Lease};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long the loop sleeps at most: other replicas give no hints, and hints may be lost.
const POLL: Duration = Duration::from_secs(1);
/// How long a task rests after a step that failed.
const REST_AFTER_ERROR: TimeDelta = TimeDelta::seconds(2);

/// Runs until `stop`. Steps that are under way then are dropped, and their tasks let go: whoever comes next, this
/// process again or another, finds everything that was recorded and goes on from there.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let slots = Slots::new(context.settings.tasks_at_once);
    let steps = TaskTracker::new();
    reclaim(&context).await;
    while let Some(slot) = next_slot(&slots, &stop).await {
        match claim(&context).await {
            Some(claimed) => {
                let step = one_step(Arc::clone(&context), claimed, stop.clone(), slot);
                steps.spawn(step);
            }
            None => rest(&context, &stop).await,
        }
    }
    steps.close();
    steps.wait().await;
}

async fn reclaim(context: &Context) {
    match context.store.reclaim_after_restart().await {
        Ok(0) => {}
        Ok(tasks) => tracing::info!(tasks, "tasks of the process before are taken up again"),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "leases of the process before could not be ended")
        }
    }
}

async fn next_slot(slots: &Slots, stop: &CancellationToken) -> Option<Slot> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        slot = slots.next() => Some(slot),
    }
}

async fn claim(context: &Context) -> Option<Claimed> {
    let now = context.clock.now();
    match context.store.claim(&context.settings.owner, now, now + context.settings.lease).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "no task could be claimed");
            None
        }
    }
}

/// Sleeps until something may be ready: a hint, the next parked task's time, or the poll.
async fn rest(context: &Context, stop: &CancellationToken) {
    let now = context.clock.now();
    let next = context.store.next_ready_at(now).await.ok().flatten();
    let until_next = next.and_then(|at| (at - now).to_std().ok()).map_or(POLL, |wait| wait.min(POLL));
    tokio::select! {
        () = stop.cancelled() => {}
        () = context.store.hints().ready() => {}
        () = tokio::time::sleep(until_next) => {}
    }
}

async fn one_step(context: Arc<Context>, claimed: Claimed, stop: CancellationToken, mut slot: Slot) {
    let lease = claimed.lease();
    let again_at = tokio::select! {
        biased;
        taken = steps::take(&context, claimed, &mut slot) => match taken {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(task.id = %lease.task(), error = %Chain(&error), "a step failed and will be tried again");
                context.clock.now() + REST_AFTER_ERROR
            }
        },
        () = lost(&context, lease) => {
            tracing::debug!(task.id = %lease.task(), "the claim is gone; the step is dropped");
            return;
        }
        () = stop.cancelled() => context.clock.now(),
    };
    if let Err(error) = context.store.release(lease, Some(again_at)).await {
        tracing::error!(task.id = %lease.task(), error = %Chain(&error), "a task could not be let go; its lease will end");
    }
}

/// Renews the lease while the step works; returns when the claim is gone.
async fn lost(context: &Context, lease: Lease) {
    let mut watch = context.store.hints().watch_decisions(lease.task());
    let renewal = (context.settings.lease / 3).to_std().unwrap_or(POLL);
    // Alone on a SQLite file every change comes with a hint; other replicas give none.
    let look = match context.store.engine() {
        Engine::Sqlite => renewal,
        Engine::Postgres => renewal.min(POLL),
    };
    let mut renew_at = Instant::now() + renewal;
    loop {
        tokio::select! {
            () = watch.changed() => {}
            () = tokio::time::sleep_until(renew_at.min(Instant::now() + look)) => {}
        }
        let held = if Instant::now() >= renew_at {
            renew_at += renewal;
            context.store.renew(lease, context.clock.now() + context.settings.lease).await
        } else {
            context.store.is_held(lease).await
        };
        // When the database cannot be asked, go on: every write is guarded anyway.
        if let Ok(false) = held {
            return;
        }
    }
}

/// The result of a step.
pub(crate) type Step = Result<(), StepError>;
