//! The end of a world: when it is reached, and what must be so then.

use crate::fairness;
use crate::life::Gavel;
use crate::watch;
use crate::world::{Act, Known};
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use gavel_store::doctor::Terms;

/// Every task has ended, and nobody is about to do anything.
pub(crate) async fn is_reached(gavel: &Gavel) -> bool {
    let busy = |act: &Act| matches!(act, Act::Post(_) | Act::Look(_) | Act::Decide(_) | Act::Bring(_));
    if gavel.world.state().acts.values().any(busy) {
        return false;
    }
    for id in gavel.world.task_ids() {
        match gavel.store.task(id).await {
            Ok(Some(task)) if !task.state.is_final() => return false,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    true
}

/// Nothing fails any more, and yet something has not ended.
pub(crate) async fn unfinished(gavel: &Gavel) {
    let aside = gavel.store.set_aside().await.unwrap_or_default();
    for (number, id) in gavel.world.task_ids().into_iter().enumerate() {
        let Ok(Some(task)) = gavel.store.task(id).await else { continue };
        if !task.state.is_final() {
            let why = aside.iter().find(|aside| aside.task == id).map(|aside| aside.reason.as_str());
            gavel.world.wrong(format!("task {number} is {} for ever; set aside: {why:?}", task.state));
        }
    }
}

/// All that can be said when all is over.
pub(crate) async fn examine(gavel: &Gavel) {
    let known = || gavel.world.state().tasks.clone();
    for (number, known) in known().iter().enumerate() {
        watch::look_at(gavel, number, known).await;
    }
    for (number, known) in known().iter().enumerate() {
        buyer_was_told_the_truth(gavel, number, known).await;
    }
    let taken = gavel.world.state().taken.clone();
    for (key, outcome) in taken {
        agent_was_told_the_truth(gavel, key, outcome).await;
    }
    fairness::calls(gavel).await;
    doctor(gavel).await;
}

async fn doctor(gavel: &Gavel) {
    let terms = Terms { currency: "USD" };
    for finding in gavel.store.examine(terms).await.unwrap().findings {
        // Some mistakes need a guard of the schema taken away; that this is noticed finds no mistake.
        if finding.check != "unguarded" {
            gavel.world.wrong(format!("{}: {}", finding.check, finding.sentence));
        }
    }
}

async fn buyer_was_told_the_truth(gavel: &Gavel, number: usize, known: &Known) {
    let wrong = |what: &str| gavel.world.wrong(format!("task {number} {what}"));
    let Some(id) = known.id else { return };
    let Some(task) = gavel.store.task(id).await.unwrap() else {
        if known.posted {
            wrong("was posted and is gone");
        }
        return;
    };
    gavel.world.count(task.state.name());
    if known.cancelled && task.state != TaskState::Cancelled {
        wrong("was cancelled and is not");
    }
    if known.approved && task.state != TaskState::Completed {
        wrong("was approved and is not completed");
    }
    if known.seen.failed_by_us() {
        return; // a selection may have been taken back
    }
    let won = gavel.store.selected_bid(id).await.unwrap().map(|bid| bid.id);
    if known.selected.len() > 1 {
        wrong("was told of two selections");
    }
    if known.selected.last().is_some_and(|last| won != Some(*last)) {
        wrong("has not the winner that was told");
    }
}

async fn agent_was_told_the_truth(gavel: &Gavel, key: ExchangeKey, outcome: Outcome) {
    let dispatch = gavel.store.dispatch(key).await.unwrap();
    let ended = dispatch.and_then(|dispatch| dispatch.exchange).and_then(|exchange| exchange.ended);
    if ended.as_ref().map(|ended| ended.outcome) != Some(outcome) {
        gavel.world.wrong(format!("{key}: {outcome:?} was taken, and it ended as {ended:?}"));
    }
}
