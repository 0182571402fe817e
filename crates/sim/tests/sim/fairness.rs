//! How calls ended, and for whose fault.

use crate::life::Gavel;
use chrono::TimeDelta;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{Ending, Mode, Outcome, Probe, Reliability};
use gavel_store::dispatches::Dispatch;
use std::collections::BTreeMap;

/// What comes to the door counts from when it came, and may wait for its turn to be written as long as any writer.
const WRITTEN_AFTER: TimeDelta = TimeDelta::seconds(6);

/// Workers that may have briefs of which they never heard.
pub(crate) async fn excuse_workers(gavel: &Gavel) {
    for task in gavel.world.task_ids() {
        for dispatch in gavel.store.dispatches(task, 1).await.unwrap_or_default() {
            if dispatch.execution_mode == ExecutionMode::Pull && dispatch.invitation.ended.is_none() {
                gavel.world.excuse(prototype(&dispatch));
            }
        }
    }
}

fn prototype(dispatch: &Dispatch) -> ExchangeKey {
    ExchangeKey { invitation: dispatch.invitation.id, mode: Mode::Prototype, revision: 0 }
}

/// Every call that has ended was told of, was not asked for again, and is charged only to who gave cause.
pub(crate) async fn calls(gavel: &Gavel) {
    let known = gavel.world.state().tasks.clone();
    for task in known {
        let Some(id) = task.id else { continue };
        for dispatch in gavel.store.dispatches(id, 1).await.unwrap() {
            if let Some(ended) = dispatch.invitation.ended.clone() {
                told(gavel, &dispatch, &ended, task.seen.outcomes());
                sends(gavel, &dispatch, &ended).await;
                charged(gavel, &dispatch, &ended);
            }
        }
    }
}

fn told(gavel: &Gavel, dispatch: &Dispatch, ended: &Ending, outcomes: &BTreeMap<String, String>) {
    let id = dispatch.invitation.id;
    if outcomes.get(&id.to_string()).map(String::as_str) != Some(ended.outcome.name()) {
        gavel.world.wrong(format!("{id} ended as {:?}, which was not told", ended.outcome));
    }
}

/// Nobody is asked again whose answer is in, and of every send it is known what came of it.
async fn sends(gavel: &Gavel, dispatch: &Dispatch, ended: &Ending) {
    let id = dispatch.invitation.id;
    let written = match dispatch.execution_mode {
        ExecutionMode::Sync => ended.at,
        ExecutionMode::Async | ExecutionMode::Pull => ended.at + WRITTEN_AFTER,
    };
    for attempt in gavel.store.attempts(id).await.unwrap() {
        let asked = attempt.mode == Mode::Prototype && attempt.started_at > written;
        if asked && ended.outcome == Outcome::Valid {
            gavel.world.wrong(format!("{id} was asked again after its answer was in"));
        }
        if attempt.result.is_none() {
            gavel.world.wrong(format!("{id} has ended, and its send {} has not", attempt.number));
        }
    }
}

/// Nobody is charged who gave no cause. Nobody could say whose fault it is where a process stood still, or its clock was
/// set.
fn charged(gavel: &Gavel, dispatch: &Dispatch, ended: &Ending) {
    let key = prototype(dispatch).to_string();
    let state = gavel.world.state();
    let counted = ended.outcome.reliability(Probe::Passing) == Reliability::Counted;
    let begun = dispatch.invitation.created_at;
    let in_a_gap = state.gaps.iter().any(|(from, to)| *from <= ended.at && begun <= *to);
    let excused = in_a_gap || state.excused.contains(&key);
    drop(state);
    gavel.world.count(if excused { "calls excused" } else { "calls not excused" });
    if counted && !excused {
        gavel.world.wrong(format!("{key} is charged with {:?}, and gave no cause", ended.outcome));
    }
}
