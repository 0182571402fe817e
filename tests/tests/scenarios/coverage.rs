//! What the files must cover together. `outcome` and `cell` claims are proven when a file is played (`play.rs`): the
//! outcome must have come, and the action must have been taken in that state.

use super::format::Scenario;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use std::collections::BTreeSet;

/// What may happen to a task in any state.
const ACTIONS: [&str; 4] = ["cancel", "select", "approve", "restart"];

/// Stories that must be told beside outcomes and cells.
const STORIES: &[&str] = &[
    "early selection",
    "all agents fail",
    "no agents",
    "one agent",
    "revision",
    "third revision refused",
    "approve twice",
    "concurrent select",
    "concurrent approve",
    "review window lapsed",
    "answer window lapsed, silence approves",
    "answer window lapsed, silence expires",
    "close first_k",
    "close score_at_least",
    "close buyer_stop",
    "close deadline",
    "a hanging agent delays nobody",
    "money off",
    "test keys",
    "idempotent create",
    "concurrent create under one key",
    "idempotent select",
    "prototype repeated after a restart",
    "final call repeated after a restart",
    "delivery failed",
    "the bid's price is what counts",
    "own agent",
    "routing",
    "twelve keys",
    "503 after a probe: passing",
    "503 after a probe: failing",
    "503 after a probe: unknown",
    "async: bid, final version, approval",
    "async: revision",
    "async: never calls back",
    "async: late",
    "async: late in final mode",
    "async: the same message again",
    "async: two results",
    "async: wrong signature",
    "async: invalid, then valid",
    "async: error",
    "async: error in final mode",
    "async: restart",
    "async: cancelled",
    "pull: bid, final version, approval",
    "pull: restart",
    "pull: the same result again",
    "pull: declined",
    "pull: a worker dies",
    "pull: never fetched",
    "pull: heartbeats",
    "three ways to work in one task",
    "one call at a time: not asked while busy",
    "one call at a time: the final call waits",
    "webhooks: bids, delivery, approval",
    "webhooks: a revision's delivery",
    "webhooks: approved by silence",
    "webhooks: cancelled",
    "webhooks: expired",
    "webhooks: a restart between everything",
];

/// What no file covers, and what files claim although it is not on the list.
pub(crate) fn gaps(files: &[(String, Scenario)]) -> (Vec<String>, Vec<String>) {
    let claimed: BTreeSet<String> = files.iter().flat_map(|(_, file)| file.covers.clone()).collect();
    let required = required();
    let missing = required.difference(&claimed).cloned().collect();
    (missing, claimed.difference(&required).cloned().collect())
}

fn required() -> BTreeSet<String> {
    let outcomes = Outcome::ALL.into_iter().map(|outcome| outcome_claim(outcome.name()));
    let cells = TaskState::ALL.into_iter().flat_map(|s| ACTIONS.map(|action| cell_claim(s.name(), action)));
    outcomes.chain(cells).chain(STORIES.iter().map(|story| (*story).to_owned())).collect()
}

pub(crate) fn outcome_claim(outcome: &str) -> String {
    format!("outcome {outcome}")
}

pub(crate) fn cell_claim(state: &str, action: &str) -> String {
    format!("cell {state} {action}")
}
