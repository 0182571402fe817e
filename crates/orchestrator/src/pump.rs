//! Claim, step, let go. Steps run side by side, each under a lease that is renewed while it works; a step whose
//! claim is lost (the buyer chose, the task was cancelled, another replica took over) is dropped where it stands,
//! and with it every request it had open.

use crate::calls::Calls;
use crate::slots::{Slot, Slots};
use crate::{Context, error::StepError, steps};
use chrono::TimeDelta;
use gavel_domain::{Chain, backoff};
use gavel_store::{Claimed, Engine, Lease};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long the loop sleeps at most: hints may be lost, those of other replicas all the more.
const POLL: Duration = Duration::from_secs(1);
/// How long after an outage those who held tasks have before others take them up: longer than anybody pauses.
const HOLDERS_FIRST: Duration = backoff::LONGEST;
/// How long a task rests after a step that failed.
const REST_AFTER_ERROR: TimeDelta = TimeDelta::seconds(2);

/// Runs until `stop`. Then nothing more is claimed; calls to agents that are under way may end for a while. All other
/// steps are dropped, and their tasks let go: whoever comes next, this process again or another, finds everything that
/// was recorded and goes on from there.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let slots = Slots::new(context.settings.tasks_at_once, stop.clone());
    let steps = TaskTracker::new();
    let (mut failures, mut away_since) = (0, None);
    reclaim(&context).await;
    while let Some(slot) = next_slot(&slots, &stop).await {
        match claim(&context).await {
            Ok(Some(claimed)) => {
                (failures, away_since) = (0, None);
                steps.spawn(one_step(Arc::clone(&context), claimed, slot));
            }
            Ok(None) => {
                (failures, away_since) = (0, None);
                rest(&context, &stop).await;
            }
            Err(error) => {
                failures += 1;
                context.tell("no task could be claimed", &error);
                let away_since = *away_since.get_or_insert_with(Instant::now);
                stop.run_until_cancelled(sit_out(&context, failures, away_since)).await;
            }
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

/// A pause after a failure. After an outage that leases may not have outlived, those who held them go first: they are
/// still at work, and what they wait to store would otherwise be asked for again.
async fn sit_out(context: &Context, failures: u32, away_since: Instant) {
    sleep(backoff::pause(failures, &*context.chance)).await;
    let outlived = context.settings.lease.to_std().unwrap_or_default() * 2 / 3; // renewed in its first third at the latest
    if context.store.engine() == Engine::Postgres && away_since.elapsed() >= outlived {
        let _ = context.patiently(|| context.store.is_writable()).await; // what else is wrong the claim will tell
        sleep(HOLDERS_FIRST).await;
    }
}

async fn claim(context: &Context) -> gavel_store::Result<Option<Claimed>> {
    let now = context.clock.now();
    context.store.claim(&context.settings.owner, now, now + context.settings.lease).await
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

async fn one_step(context: Arc<Context>, claimed: Claimed, mut slot: Slot) {
    let (lease, calls) = (claimed.lease(), slot.calls().clone());
    let again_at = tokio::select! {
        biased;
        taken = steps::take(&context, claimed, &mut slot) => match taken {
            Ok(()) => return,
            Err(error) => {
                context.tell_of_step(lease.task(), &error);
                context.clock.now() + REST_AFTER_ERROR
            }
        },
        () = lost(&context, lease) => {
            tracing::debug!(task.id = %lease.task(), "the claim is gone; the step is dropped");
            return;
        }
        () = calls.let_go(context.settings.drain) => context.clock.now(),
    };
    let released = tokio::select! {
        released = context.patiently(|| context.store.release(lease, Some(again_at))) => released,
        () = patience_ends(&context, &calls) => context.store.release(lease, Some(again_at)).await,
    };
    if let Err(error) = released {
        tracing::error!(task.id = %lease.task(), error = %Chain(&error), "a task could not be let go; its lease will end");
    }
}

/// A lease that has ended need not be let go, and a process that leaves waits for nobody.
async fn patience_ends(context: &Context, calls: &Calls) {
    tokio::select! {
        () = calls.leaving() => {}
        () = sleep(context.settings.lease.to_std().unwrap_or_default()) => {}
    }
}

/// Renews the lease while the step works; returns when the claim is gone.
async fn lost(context: &Context, lease: Lease) {
    let mut watch = context.store.hints().watch_decisions(lease.task());
    let renewal = (context.settings.lease / 3).to_std().unwrap_or(POLL);
    // Alone on a SQLite file every change comes with a hint; those of other replicas may be lost.
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
            renew_at = Instant::now() + renewal;
            context.store.renew(lease, context.clock.now() + context.settings.lease).await
        } else {
            context.store.is_held(lease).await
        };
        match held {
            Ok(false) => return,
            Ok(true) => {}
            // When the database cannot be asked, go on: every write is guarded anyway. But as soon as it can, the lease
            // is to be held again: it may have ended meanwhile.
            Err(_) => renew_at = Instant::now() + renewal.min(POLL),
        }
    }
}

/// The result of a step.
pub(crate) type Step = Result<(), StepError>;
