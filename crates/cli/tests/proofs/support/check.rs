//! What must hold between what was told and what is there, whatever was killed in between. Pure: a list of sentences,
//! empty when all is well. `check_tests.rs` feeds it histories with a fault each.

use super::found::{Call, Found, Task};
use super::told::{Fact, Told};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Sends of one call, those after a restart included.
const SENDS_MAX: usize = 2;

/// Everything that is wrong. `slack`: how long a send that had left may take to arrive.
pub(crate) fn check(told: &[Told], found: &Found, slack: Duration) -> Vec<String> {
    let mut faults = Faults::default();
    posted(told, found, &mut faults);
    for told in told {
        kept(told, found, &mut faults);
    }
    for (id, task) in &found.tasks {
        let of_task: Vec<&Told> = told.iter().filter(|told| told.task == *id).collect();
        one_winner(id, task, &of_task, &mut faults);
        one_story(id, task, &of_task, &mut faults);
        deadlines_stand(id, task, &of_task, &mut faults);
        nothing_open(id, task, &mut faults);
    }
    calls(found, &mut faults);
    results(told, found, slack, &mut faults);
    books(found, &mut faults);
    faults.0
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn unless(&mut self, holds: bool, sentence: impl FnOnce() -> String) {
        if !holds {
            self.0.push(sentence());
        }
    }
}

/// One task for each key, and none that nobody posted.
fn posted(told: &[Told], found: &Found, faults: &mut Faults) {
    let mut by_key: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for told in told {
        if let Fact::Posted { key } = &told.fact {
            by_key.entry(key).or_default().insert(&told.task);
        }
    }
    for (key, tasks) in &by_key {
        faults.unless(tasks.len() == 1, || format!("key {key} gave {} tasks: {tasks:?}", tasks.len()));
    }
    let known: BTreeSet<&str> = by_key.into_values().flatten().collect();
    for id in found.tasks.keys() {
        faults
            .unless(known.contains(id.as_str()), || format!("task {id} is there and nobody was told of it"));
    }
}

/// What was acknowledged, or shown, is there.
fn kept(told: &Told, found: &Found, faults: &mut Faults) {
    let id = &told.task;
    let Some(task) = found.tasks.get(id) else {
        return faults.unless(false, || format!("task {id} is lost; told: {:?}", told.fact));
    };
    let holds = match &told.fact {
        Fact::Posted { .. } => matches!(task.status.as_str(), "completed" | "cancelled" | "expired"),
        Fact::Bid { id, agent } => task.bids.iter().any(|bid| bid.id == *id && bid.agent == *agent),
        Fact::Deadline { .. } | Fact::Event { .. } => true, // below, beside what others saw
        Fact::Selected { bid } => task.bids.iter().any(|b| b.id == *bid && b.selected),
        Fact::Cancelled => task.status == "cancelled",
        Fact::Delivered => matches!(task.delivery.as_deref(), Some("ready" | "approved")),
        Fact::Approved => task.status == "completed",
    };
    faults.unless(holds, || format!("task {id} is {}, but was told: {:?}", task.status, told.fact));
}

fn one_winner(id: &str, task: &Task, told: &[&Told], faults: &mut Faults) {
    let winners = task.bids.iter().filter(|bid| bid.selected).count();
    faults.unless(winners <= 1, || format!("task {id} has {winners} winners"));
    let chosen: BTreeSet<&str> = told.iter().filter_map(|told| selected(told)).collect();
    faults.unless(chosen.len() <= 1, || format!("task {id}: selections of {chosen:?} were all acknowledged"));
    let bidders: BTreeSet<&str> = task.bids.iter().map(|bid| bid.agent.as_str()).collect();
    faults.unless(bidders.len() == task.bids.len(), || format!("task {id}: an agent has two bids"));
}

fn selected(told: &Told) -> Option<&str> {
    match &told.fact {
        Fact::Selected { bid } => Some(bid),
        _ => None,
    }
}

/// Events are 1, 2, 3..., each state follows from the one before, and they were told as they stand.
fn one_story(id: &str, task: &Task, told: &[&Told], faults: &mut Faults) {
    let numbers: Vec<i64> = task.events.iter().map(|(seq, _)| *seq).collect();
    let expected: Vec<i64> = (1..).take(numbers.len()).collect();
    faults.unless(numbers == expected, || format!("task {id}: events {numbers:?}"));
    let mut state = &Value::Null;
    for (seq, event) in task.events.iter().filter(|(_, event)| !event["to"].is_null()) {
        faults.unless(event["from"] == *state, || format!("task {id}, event {seq}: from {state} {event}"));
        state = &event["to"];
    }
    faults.unless(*state == *task.status, || format!("task {id} is {}, its events say {state}", task.status));
    let mut last = 0;
    for told in told {
        let Fact::Event { seq, document } = &told.fact else { continue };
        faults.unless(*seq == last + 1, || format!("task {id}: event {seq} was told after {last}"));
        last = *seq;
        let stands = task.events.iter().any(|(known, event)| known == seq && event == document);
        faults.unless(stands, || format!("task {id}: event {seq} was told as {document}"));
    }
}

fn deadlines_stand(id: &str, task: &Task, told: &[&Told], faults: &mut Faults) {
    for told in told {
        let Fact::Deadline { agent, at } = &told.fact else { continue };
        let now = task.invitations.get(agent).map(|(deadline, _)| deadline);
        faults.unless(now == Some(at), || {
            format!("task {id}: the deadline of {agent} moved from {at} to {now:?}")
        });
    }
}

/// When a task has ended, so has everything that was asked for it.
fn nothing_open(id: &str, task: &Task, faults: &mut Faults) {
    for (agent, (_, outcome)) in &task.invitations {
        faults.unless(outcome.is_some(), || {
            format!("task {id} is {}, and {agent} is still asked", task.status)
        });
    }
}

/// Each call has one name, one text and one deadline, is sent twice at most, and belongs to a task.
fn calls(found: &Found, faults: &mut Faults) {
    let mut by_call: BTreeMap<(&str, &str, &str), Vec<&Call>> = BTreeMap::new();
    for call in &found.calls {
        by_call.entry((&call.task, &call.agent, &call.mode)).or_default().push(call);
        let known = found.tasks.contains_key(&call.task);
        faults.unless(known, || format!("{} was asked about {}, which is not there", call.agent, call.task));
    }
    for (which, calls) in by_call {
        let sends = calls.iter().filter(|call| !call.fetched).count();
        faults.unless(sends <= SENDS_MAX, || format!("{which:?} was sent {sends} times"));
        let same = calls.iter().all(|call| call.name == calls[0].name && call.body == calls[0].body);
        faults.unless(same, || format!("{which:?} was sent under two names, or with two texts"));
        let deadlines: BTreeSet<_> = calls.iter().map(|call| &call.deadline).collect();
        faults.unless(deadlines.len() == 1, || format!("{which:?} had the deadlines {deadlines:?}"));
    }
}

/// What was taken from an agent is there, and the agent was not asked for it again.
fn results(told: &[Told], found: &Found, slack: Duration, faults: &mut Faults) {
    let calls: BTreeMap<&str, &Call> = found.calls.iter().map(|call| (call.name.as_str(), call)).collect();
    let mut accepted: BTreeMap<(&str, &str, &str), Duration> = BTreeMap::new();
    for taken in found.taken.iter().filter(|taken| taken.outcome == "valid") {
        let Some(call) = calls.get(taken.name.as_str()) else {
            faults.unless(false, || format!("a result was taken for {}, which nobody was sent", taken.name));
            continue;
        };
        let task = found.tasks.get(&call.task);
        let there = task.is_some_and(|task| match call.mode.as_str() {
            "prototype" => task.bids.iter().any(|bid| bid.agent == call.agent),
            _ => matches!(task.delivery.as_deref(), Some("ready" | "approved")),
        });
        faults.unless(there, || {
            format!("{}'s {} of task {} was taken and is lost", call.agent, call.mode, call.task)
        });
        earliest(&mut accepted, (&call.task, &call.agent, &call.mode), taken.at);
    }
    for told in told {
        if let Fact::Bid { agent, .. } = &told.fact {
            earliest(&mut accepted, (&told.task, agent, "prototype"), told.at);
        }
    }
    for call in &found.calls {
        let Some(at) = accepted.get(&(call.task.as_str(), call.agent.as_str(), call.mode.as_str())) else {
            continue;
        };
        let late = call.at.saturating_sub(*at);
        faults.unless(late <= slack, || {
            format!("{} was asked again about {} {late:?} after its answer was taken", call.agent, call.task)
        });
    }
}

fn earliest<'a>(
    accepted: &mut BTreeMap<(&'a str, &'a str, &'a str), Duration>,
    which: (&'a str, &'a str, &'a str),
    at: Duration,
) {
    let known = accepted.entry(which).or_insert(at);
    *known = at.min(*known);
}

/// Money is held once where a task went to delivery, and goes one way once: what buyers paid is the price of what they
/// took.
fn books(found: &Found, faults: &mut Faults) {
    let went = |task: &&Task| task.events.iter().any(|(_, event)| event["to"] == "delivering");
    let delivering = found.tasks.values().filter(went).count();
    let expected = i64::try_from(delivering * 2).unwrap_or(i64::MAX);
    let transfers = found.books.transfers;
    faults.unless(transfers == expected, || {
        format!("{transfers} transfers for {delivering} tasks with a winner")
    });
    let completed = found.tasks.values().filter(|task| task.status == "completed");
    let price: i64 =
        completed.flat_map(|task| &task.bids).filter(|bid| bid.selected).map(|bid| bid.cents).sum();
    let paid = -found.books.buyers_cents;
    faults.unless(paid == price, || format!("buyers paid {paid} cents for work of {price}"));
}
