//! Claim, step, let go. Steps run side by side, each under a lease that is renewed while it works; a step whose
//! claim is lost (the buyer chose, the task was cancelled, another replica took over) is dropped where it stands,
//! and with it every request it had open. A step that fails, or panics, is counted on its task, and so is one that was
//! lost with its process: both are tried again after a pause (`gavel_domain::recovery`), and hold up no other task.

use crate::calls::Calls;
use crate::slots::{Slot, Slots};
use crate::{Context, error::StepError, steps};
use chrono::TimeDelta;
use futures::FutureExt;
use gavel_domain::recovery::Next;
use gavel_domain::{Chain, Timestamp, backoff};
use gavel_store::recovery::{After, Counted};
use gavel_store::{Claimed, Engine, Lease};
use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long the loop sleeps at most: hints may be lost, those of other replicas all the more.
const POLL: Duration = Duration::from_secs(1);
/// Tasks that are taken back in one transaction: after a crash there may be thousands, and others want to write, too.
const RECOVERED_AT_ONCE: u32 = 500;
/// Tasks that are claimed in one transaction.
const CLAIMED_AT_ONCE: usize = 32;
/// How long after an outage those who held tasks have before others take them up: longer than anybody pauses.
const HOLDERS_FIRST: Duration = backoff::LONGEST;

/// Runs until `stop`. Then nothing more is claimed; calls to agents that are under way may end for a while. All other
/// steps are dropped, and their tasks let go: whoever comes next, this process again or another, finds everything that
/// was recorded and goes on from there.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let slots = Slots::new(context.settings.tasks_at_once, stop.clone());
    let steps = TaskTracker::new();
    let (mut failures, mut away_since, mut recovered_at) = (0, None, None);
    while !end_leases(&context).await {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = sleep(POLL) => {}
        }
    }
    while let Some(slot) = next_slot(&slots, &stop).await {
        if recovered_at.is_none_or(|at: Instant| at.elapsed() >= POLL) {
            let more = recover(&context).await;
            recovered_at = (!more).then(Instant::now);
        }
        let free = slots.with_free(slot, CLAIMED_AT_ONCE);
        match claim(&context, free.len()).await {
            Ok(found) => {
                (failures, away_since) = (0, None);
                if found.is_empty() {
                    drop(free); // steps that waited outside come back to them
                    rest(&context, &stop).await;
                    continue;
                }
                found.into_iter().zip(free).for_each(|(claimed, slot)| match claimed {
                    Ok(claimed) => drop(steps.spawn(one_step(Arc::clone(&context), claimed, slot))),
                    // It is under a lease now, and in nobody's way.
                    Err(error) => context.tell("a task could not be read", &error),
                });
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

/// `false`: the database is busy or away. Nothing can be claimed then either, and later it would end our own.
async fn end_leases(context: &Context) -> bool {
    match context.store.end_leases(context.clock.now()).await {
        Ok(0) => {}
        Ok(tasks) => tracing::info!(tasks, "tasks of the process before are taken up again"),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "leases of the process before could not be ended");
            return !matches!(error, gavel_store::Error::Busy(_));
        }
    }
    true
}

/// Takes back some of what was lost with a process, wherever it ran; whether there may be more. New tasks do not wait for
/// thousands of old ones.
async fn recover(context: &Context) -> bool {
    let now = context.clock.now();
    match context.store.recover(now, RECOVERED_AT_ONCE, |failures| after(context, failures, now)).await {
        Ok(counted) if counted.is_empty() => false,
        Ok(counted) => {
            tracing::warn!(tasks = counted.len(), "tasks are taken back whose leases have ended");
            let aside = counted.iter().filter(|counted| counted.after == After::SetAside);
            aside.for_each(|counted| tell(counted, &"its lease ended again and again"));
            counted.len() >= RECOVERED_AT_ONCE as usize
        }
        Err(error) => {
            context.tell("ended leases could not be taken back", &error);
            false
        }
    }
}

/// What becomes of a task after so many failures.
fn after(context: &Context, failures: u32, now: Timestamp) -> After {
    match context.settings.recovery.next(failures) {
        Next::Step | Next::GiveUp => After::Again(now + pause(context, failures)),
        Next::SetAside => After::SetAside,
    }
}

fn pause(context: &Context, failures: u32) -> TimeDelta {
    context.settings.recovery.pause(failures, &*context.chance)
}

fn tell(Counted { task, failures, after }: &Counted, error: &dyn std::fmt::Display) {
    match after {
        After::Again(at) => {
            tracing::error!(task.id = %task, failures, %error, again_at = %at, "a step failed and will be tried again");
        }
        After::SetAside => {
            tracing::error!(
                task.id = %task, failures, %error,
                "a task is set aside: nothing helped; `gavel tasks dead` lists it, `gavel tasks retry` takes it up again"
            );
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

async fn claim(context: &Context, most: usize) -> gavel_store::Result<Vec<gavel_store::Result<Claimed>>> {
    let (now, most) = (context.clock.now(), u32::try_from(most).unwrap_or(u32::MAX));
    context.store.claim_some(&context.settings.owner, most, now, now + context.settings.lease).await
}

/// Sleeps until something may be ready: a hint, the next parked task's time, or the poll.
async fn rest(context: &Context, stop: &CancellationToken) {
    let now = context.clock.now();
    let next = context.store.next_ready_at(now).await.ok().flatten();
    let until_next = next.and_then(|at| (at - now).to_std().ok()).map_or(POLL, |wait| wait.min(POLL));
    tokio::select! {
        biased; // no chance that is not ours
        () = stop.cancelled() => {}
        () = context.store.hints().ready() => {}
        () = tokio::time::sleep(until_next) => {}
    }
}

async fn one_step(context: Arc<Context>, claimed: Claimed, mut slot: Slot) {
    let (lease, failures, calls) = (claimed.lease(), claimed.failures(), slot.calls().clone());
    // On the heap, here and below: whoever waits for agents, perhaps for minutes, keeps no room for what comes after.
    let step = Box::pin(take(&context, claimed, &mut slot));
    let unfinished = tokio::select! {
        biased;
        taken = unharmed(step) => match taken {
            Ok(()) => return,
            Err(fault) => Some(fault),
        },
        () = lost(&context, lease) => {
            tracing::debug!(task.id = %lease.task(), "the claim is gone; the step is dropped");
            return;
        }
        () = calls.let_go(context.settings.drain) => None,
    };
    let leave = || Box::pin(leave(&context, (lease, failures), unfinished.as_ref()));
    let left = tokio::select! {
        left = context.patiently(leave) => left,
        () = patience_ends(&context, &calls) => leave().await,
    };
    if let Err(error) = left {
        tracing::error!(task.id = %lease.task(), error = %Chain(&error), "a task could not be let go; its lease will end");
    }
}

/// Lets a task go whose step did not come to its end.
async fn leave(
    context: &Context,
    (lease, failures): (Lease, u32),
    fault: Option<&Fault>,
) -> gavel_store::Result<()> {
    let now = context.clock.now();
    match fault {
        None => context.store.let_go(lease, now).await,
        Some(Fault::Surroundings(error)) => {
            context.tell_of_step(lease.task(), error);
            context.store.let_go(lease, now + pause(context, failures.saturating_add(1))).await
        }
        Some(Fault::Step(error)) => failed(context, lease, error).await,
    }
}

/// A lease that has ended need not be let go, and a process that leaves waits for nobody.
async fn patience_ends(context: &Context, calls: &Calls) {
    tokio::select! {
        () = calls.leaving() => {}
        () = sleep(context.settings.lease.to_std().unwrap_or_default()) => {}
    }
}

async fn take(context: &Context, claimed: Claimed, slot: &mut Slot) -> Step {
    match context.settings.recovery.next(claimed.failures()) {
        Next::Step => steps::take(context, claimed, slot).await,
        Next::GiveUp | Next::SetAside => Box::pin(steps::give_up(context, claimed)).await,
    }
}

/// Why a step did not come to its end.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// The database is busy or away: that is no task's own fault, and counts against none.
    Surroundings(String),
    /// It failed, or panicked.
    Step(String),
}

/// Whatever happens in a step, whoever waits for it goes on.
async fn unharmed(step: impl Future<Output = Step>) -> Result<(), Fault> {
    match AssertUnwindSafe(step).catch_unwind().await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.passes() => Err(Fault::Surroundings(Chain(&error).to_string())),
        Ok(Err(error)) => Err(Fault::Step(Chain(&error).to_string())),
        Err(panic) => Err(Fault::Step(format!("a panic: {}", words(&*panic)))),
    }
}

async fn failed(context: &Context, lease: Lease, error: &str) -> gavel_store::Result<()> {
    let now = context.clock.now();
    let counted = context.store.failed(lease, error, now, |failures| after(context, failures, now)).await?;
    match counted {
        Some(counted) => tell(&counted, &error),
        None => tracing::error!(task.id = %lease.task(), error, "a step failed whose claim was lost"),
    }
    Ok(())
}

/// What a panic said.
pub(crate) fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
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
            biased;
            () = watch.changed() => {}
            () = tokio::time::sleep_until(renew_at.min(Instant::now() + look)) => {}
        }
        let held = if Instant::now() >= renew_at {
            renew_at = Instant::now() + renewal;
            Box::pin(context.store.renew(lease, context.clock.now() + context.settings.lease)).await
        } else {
            Box::pin(context.store.is_held(lease)).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_that_fails_or_panics_harms_nobody() {
        let missing = || StepError::Missing("a row is gone".to_owned());
        assert_eq!(unharmed(async { Ok(()) }).await, Ok(()));
        let failed = unharmed(async { Err(missing()) }).await;
        assert_eq!(failed, Err(Fault::Step("a row is gone".to_owned())));
        let panicked = unharmed(async { panic!("after {}", 7) }).await;
        assert_eq!(panicked, Err(Fault::Step("a panic: after 7".to_owned())));
        let panicked = unharmed(async {
            tokio::task::yield_now().await;
            std::panic::panic_any(7)
        });
        assert_eq!(panicked.await, Err(Fault::Step("a panic: without words".to_owned())));
    }
}
