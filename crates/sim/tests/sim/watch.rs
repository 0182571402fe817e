//! What must hold after every commit.

use crate::life::Gavel;
use crate::world::{Known, World};
use gavel_domain::event::{Event, EventKind};
use gavel_domain::lifecycle::{TaskEvent, TaskState};
use gavel_domain::task::Task;
use gavel_domain::{BidId, Timestamp};
use std::collections::BTreeMap;

/// What was seen of a task so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    seq: i64,
    state: Option<TaskState>,
    winner: Option<BidId>,
    outcomes: BTreeMap<String, String>,
    /// Under how many changes this deadline stood.
    deadline: Option<(usize, Timestamp)>,
    changes: usize,
    failed_by_us: bool,
    /// What was told last of the delivery.
    delivery: String,
}

/// More events than any task of these worlds has.
const EVENTS: i64 = 1_000;

/// Looks at every task that has not ended; what has is looked at once more at the end.
pub(crate) async fn look(gavel: &Gavel) {
    let tasks = gavel.world.state().tasks.clone();
    for (number, known) in tasks.iter().enumerate() {
        if !known.seen.state.is_some_and(TaskState::is_final) {
            look_at(gavel, number, known).await;
        }
    }
}

/// Nothing that was may have changed, and nothing may come that cannot follow.
pub(crate) async fn look_at(gavel: &Gavel, number: usize, known: &Known) {
    let (Some(id), mut seen) = (known.id, known.seen.clone()) else { return };
    let Ok(Some(task)) = gavel.store.task(id).await else { return };
    for event in gavel.store.events_after(id, seen.seq, EVENTS).await.unwrap_or_default() {
        follow(&gavel.world, number, &mut seen, &event);
    }
    judged(gavel, number, &task).await;
    match gavel.store.task(id).await {
        Ok(Some(after)) if after == task => deadline(&gavel.world, number, &mut seen, &task),
        _ => {} // it has changed while the events were read
    }
    winner(gavel, number, &mut seen, &task).await;
    let known = &mut gavel.world.state().tasks[number];
    if known.id == Some(id) {
        known.seen = seen; // its buyer has not begun anew
    }
}

fn follow(world: &World, number: usize, seen: &mut Seen, event: &Event) {
    let what = match (event.from, event.to) {
        (Some(from), Some(to)) => format!("{from} -> {to}"),
        _ => event.data.to_string(),
    };
    let reason = event.reason.as_deref().unwrap_or_default();
    world.trace(format!("task {number} #{} {} {what} {reason}", event.seq, event.kind.name()));
    world.count("events");
    if event.seq != seen.seq + 1 {
        world.wrong(format!("task {number}: event {} follows {}", event.seq, seen.seq));
    }
    seen.seq = event.seq;
    let followed = match event.kind {
        EventKind::State => seen.changes_to(event),
        EventKind::Delivery => seen.delivers(event),
        EventKind::Outcome => seen.is_told(event),
        _ => Ok(()),
    };
    if let Err(wrong) = followed {
        world.wrong(format!("task {number}: {wrong}"));
    }
}

impl Seen {
    /// The outcome that was told of each invitation.
    pub(crate) fn outcomes(&self) -> &BTreeMap<String, String> {
        &self.outcomes
    }

    pub(crate) fn failed_by_us(&self) -> bool {
        self.failed_by_us
    }

    fn changes_to(&mut self, event: &Event) -> Result<(), String> {
        let (Some(from), Some(to)) = (event.from, event.to) else { return Ok(()) };
        let legal = TaskEvent::ALL.iter().any(|&by| from.after(by) == Ok(to));
        let before = self.state.replace(to);
        if !legal || before.is_some_and(|before| before != from) {
            return Err(format!("it was {before:?} and went {from} -> {to}"));
        }
        self.changes += 1;
        let reason = event.reason.as_deref().unwrap_or_default();
        self.failed_by_us |= reason == "platform_fault";
        let of_delivery = match (from, to) {
            (TaskState::Delivering, TaskState::Completed) => "approved",
            (TaskState::Delivering, TaskState::Expired) if reason == "answer_window_lapsed" => "ready",
            (TaskState::Delivering, TaskState::Expired) => "failed",
            _ => return Ok(()),
        };
        if self.delivery != of_delivery {
            return Err(format!("it is {to} ({reason}), and its delivery was {:?}", self.delivery));
        }
        Ok(())
    }

    fn delivers(&mut self, event: &Event) -> Result<(), String> {
        self.changes += 1;
        let status = event.data["status"].as_str().unwrap_or_default().to_owned();
        let before = std::mem::replace(&mut self.delivery, status.clone());
        match (before.as_str(), status.as_str()) {
            ("" | "revision_requested", "ready" | "failed")
            | ("ready", "revision_requested" | "approved") => Ok(()),
            _ => Err(format!("its delivery was {before:?} and became {status}")),
        }
    }

    fn is_told(&mut self, event: &Event) -> Result<(), String> {
        let word = |field: &str| event.data[field].as_str().unwrap_or_default().to_owned();
        match self.outcomes.insert(word("invitation_id"), word("outcome")) {
            None => Ok(()),
            Some(before) => Err(format!("{before} was told, and then {}", event.data)),
        }
    }
}

/// What is in is judged before its phase ends, unless the buyer ends it with a selection.
async fn judged(gavel: &Gavel, number: usize, task: &Task) {
    if task.state != TaskState::Review {
        return;
    }
    let left = gavel.store.unscored_bids(task.id, task.round).await.unwrap_or_default();
    if !left.is_empty() {
        gavel.world.wrong(format!("task {number} is in review with {} bids that nobody judged", left.len()));
    }
}

fn deadline(world: &World, number: usize, seen: &mut Seen, task: &Task) {
    let Some(now) = task.expires_at else { return };
    if let Some((changes, before)) = seen.deadline
        && changes == seen.changes
        && now > before
    {
        world.wrong(format!("task {number}: the deadline {before} was moved to {now}"));
    }
    seen.deadline = Some((seen.changes, now));
}

async fn winner(gavel: &Gavel, number: usize, seen: &mut Seen, task: &Task) {
    use TaskState::{Accepted, Completed, Delivering, Review};
    if task.state == Review {
        seen.winner = None; // a selection may be taken back
    }
    if !matches!(task.state, Accepted | Delivering | Completed) {
        return;
    }
    let Ok(won) = gavel.store.selected_bid(task.id).await else { return };
    let won = won.map(|bid| bid.id);
    if won.is_none() || seen.winner.is_some() && seen.winner != won {
        gavel.world.wrong(format!("task {number}: {:?} had won, and now {won:?} has", seen.winner));
    }
    seen.winner = won;
}
