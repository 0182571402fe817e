//! What is written down about a task as it happens: the live gallery and "why?" read the same rows.

use crate::{TaskId, Timestamp, lifecycle::TaskState, lifecycle::words};
use serde_json::Value;

/// One thing that happened to a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The task.
    pub task: TaskId,
    /// 1, 2, 3... within the task, without a gap.
    pub seq: i64,
    /// What happened.
    pub kind: EventKind,
    /// The state it left, for changes of state.
    pub from: Option<TaskState>,
    /// The state it entered, for changes of state.
    pub to: Option<TaskState>,
    /// Who did it.
    pub actor: Actor,
    /// Why, as a code or a sentence.
    pub reason: Option<String>,
    /// More, per kind.
    pub data: Value,
    /// When.
    pub at: Timestamp,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The task changed its state (or was posted).
    State,
    /// Agents were invited.
    Invited,
    /// An invitation ended.
    Outcome,
    /// A bid was judged.
    Scored,
    /// A delivery changed its status.
    Delivery,
}

impl EventKind {
    /// All.
    pub const ALL: [EventKind; 5] =
        [EventKind::State, EventKind::Invited, EventKind::Outcome, EventKind::Scored, EventKind::Delivery];
    /// The SSE event name.
    pub const fn name(self) -> &'static str {
        match self {
            EventKind::State => "state",
            EventKind::Invited => "invited",
            EventKind::Outcome => "outcome",
            EventKind::Scored => "scored",
            EventKind::Delivery => "delivery",
        }
    }
}
words!(EventKind, "event kind");

/// Who made something happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The one who posted the task.
    Buyer,
    /// Gavel itself.
    Gavel,
    /// An operator.
    Operator,
}

impl Actor {
    /// All.
    pub const ALL: [Actor; 3] = [Actor::Buyer, Actor::Gavel, Actor::Operator];
    /// The word in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Actor::Buyer => "buyer",
            Actor::Gavel => "gavel",
            Actor::Operator => "operator",
        }
    }
}
words!(Actor, "actor");
