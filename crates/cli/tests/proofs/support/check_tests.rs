//! The checker sees what it is there to see: one sound history, and the same with one fault each.

use super::check::check;
use super::found::{Bid, Books, Call, Found, Taken, Task};
use super::told::{Fact, Told};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const SLACK: Duration = Duration::from_millis(500);

/// A whole life: two agents bid, one by callback; the first is selected, delivers and is approved.
struct Run {
    told: Vec<Told>,
    found: Found,
}

fn told(at_ms: u64, fact: Fact) -> Told {
    Told { at: Duration::from_millis(at_ms), task: "t1".to_owned(), fact }
}

fn call(at_ms: u64, agent: &str, mode: &str) -> Call {
    Call {
        at: Duration::from_millis(at_ms),
        agent: agent.to_owned(),
        task: "t1".to_owned(),
        mode: mode.to_owned(),
        name: format!("{agent}-{mode}"),
        deadline: Some("12:00".to_owned()),
        fetched: false,
        body: b"{}".to_vec(),
    }
}

fn bid(agent: &str, selected: bool) -> Bid {
    Bid { id: format!("bid-{agent}"), agent: agent.to_owned(), selected, cents: 2_500 }
}

fn sound() -> Run {
    let states = ["open", "matching", "prototyping", "review", "accepted", "delivering", "completed"];
    let from = std::iter::once(json!(null)).chain(states.map(|state| json!(state)));
    let events = (1..).zip(states.iter().zip(from));
    let events = events.map(|(seq, (to, from))| (seq, json!({ "from": from, "to": to })));
    let invitation = |agent: &str| (agent.to_owned(), ("12:00".to_owned(), Some("valid".to_owned())));
    let task = Task {
        status: "completed".to_owned(),
        events: events.collect(),
        bids: vec![bid("ann", true), bid("ben", false)],
        invitations: BTreeMap::from([invitation("ann"), invitation("ben")]),
        delivery: Some("approved".to_owned()),
    };
    let taken = Taken {
        at: Duration::from_millis(50),
        name: "ben-prototype".to_owned(),
        outcome: "valid".to_owned(),
    };
    let watched =
        |seq: usize| told(5, Fact::Event { seq: seq as i64 + 1, document: task.events[seq].1.clone() });
    let shown = |agent: &str| Fact::Bid { id: format!("bid-{agent}"), agent: agent.to_owned() };
    let told = vec![
        told(0, Fact::Posted { key: "k".to_owned() }),
        told(0, Fact::Posted { key: "k".to_owned() }),
        watched(0),
        watched(1),
        told(10, Fact::Deadline { agent: "ann".to_owned(), at: "12:00".to_owned() }),
        told(40, shown("ann")),
        told(60, shown("ben")),
        told(70, Fact::Selected { bid: "bid-ann".to_owned() }),
        told(90, Fact::Delivered),
        told(99, Fact::Approved),
    ];
    let found = Found {
        tasks: BTreeMap::from([("t1".to_owned(), task)]),
        calls: vec![
            call(20, "ann", "prototype"),
            call(20, "ben", "prototype"),
            call(30, "ben", "prototype"), // again after a restart, before its result was taken
            call(80, "ann", "final"),
        ],
        taken: vec![taken],
        books: Books { transfers: 2, buyers_cents: -2_500 },
    };
    Run { told, found }
}

impl Run {
    fn faults(&self) -> Vec<String> {
        check(&self.told, &self.found, SLACK)
    }

    fn task(&mut self) -> &mut Task {
        self.found.tasks.get_mut("t1").unwrap()
    }
}

#[test]
fn a_sound_run_has_no_faults() {
    assert_eq!(sound().faults(), Vec::<String>::new());
}

/// What a broken Gavel would leave behind, and a part of the sentence that tells it.
type Breakage = (fn(&mut Run), &'static str);

const BREAKAGES: &[Breakage] = &[
    (|run| run.found.tasks.clear(), "task t1 is lost"),
    (|run| run.told[1].task = "t2".to_owned(), "key k gave 2 tasks"),
    (|run| drop(run.told.drain(..2)), "nobody was told of it"),
    (|run| run.task().status = "delivering".to_owned(), "was told: Approved"),
    (|run| run.told.push(told(99, Fact::Cancelled)), "was told: Cancelled"),
    (|run| drop(run.task().bids.remove(0)), "was told: Selected"),
    (|run| run.task().delivery = Some("failed".to_owned()), "was told: Delivered"),
    (|run| run.task().bids[1].selected = true, "has 2 winners"),
    (|run| run.told.push(told(71, Fact::Selected { bid: "bid-ben".to_owned() })), "were all acknowledged"),
    (|run| run.task().bids.push(bid("ben", false)), "an agent has two bids"),
    (|run| drop(run.task().events.remove(2)), "events [1, 2, 4"),
    (|run| run.task().events[3].1["from"] = json!("open"), "event 4: from"),
    (|run| run.task().events.truncate(6), "its events say"),
    (|run| run.told.swap(2, 3), "event 2 was told after 0"),
    (|run| run.task().events[1].1["reason"] = json!("other"), "event 2 was told as"),
    (
        |run| run.task().invitations.get_mut("ann").unwrap().0 = "12:05".to_owned(),
        "the deadline of ann moved",
    ),
    (|run| run.task().invitations.get_mut("ben").unwrap().1 = None, "ben is still asked"),
    (|run| run.found.calls[2].deadline = Some("12:05".to_owned()), "had the deadlines"),
    (|run| run.found.calls.push(call(31, "ben", "prototype")), "was sent 3 times"),
    (|run| run.found.calls[2].name = "other".to_owned(), "under two names"),
    (|run| run.found.calls[2].body = b"{ }".to_vec(), "with two texts"),
    (|run| run.found.calls[3].task = "t9".to_owned(), "which is not there"),
    (|run| run.found.calls[2].at += SLACK * 2, "ben was asked again"),
    (|run| run.found.calls.push(call(900, "ann", "prototype")), "ann was asked again"),
    (|run| run.found.taken[0].name = "nobody".to_owned(), "which nobody was sent"),
    (|run| run.task().bids.truncate(1), "ben's prototype of task t1 was taken and is lost"),
    (|run| run.found.books.transfers = 3, "3 transfers for 1 tasks"),
    (|run| run.found.books.buyers_cents = -5_000, "buyers paid 5000 cents for work of 2500"),
];

#[test]
fn every_breakage_is_told() {
    for (number, (break_it, expected)) in BREAKAGES.iter().enumerate() {
        let mut run = sound();
        break_it(&mut run);
        let faults = run.faults();
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{number}, {expected:?}: {faults:#?}");
    }
}
