//! The life of a task as one table of state x event. No I/O: callers ask [`TaskState::after`], then write the
//! answer with a guard on the state they read.

use std::fmt;

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskState {
    /// Posted, not yet looked at.
    Open,
    /// Triage decides whom to ask.
    Matching,
    /// Agents are working on prototypes.
    Prototyping,
    /// The buyer looks at the gallery.
    Review,
    /// A winner is recorded; its price is being held.
    Accepted,
    /// The winner finishes the work, the buyer answers.
    Delivering,
    /// Approved and paid.
    Completed,
    /// Ended by the buyer or an operator before a winner was chosen.
    Cancelled,
    /// Ended by time, by lack of agents or bids, or by a failed delivery.
    Expired,
}

/// What happens to a task. `Remix`, `HoldFailed` and `Refund` have their arrows; nothing causes them yet (remixes,
/// payment providers that can refuse, disputes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskEvent {
    /// The loop picked the task up.
    Start,
    /// Agents were chosen and invited.
    Invite,
    /// Triage found nobody to ask.
    NobodyEligible,
    /// Every invitation ended, the deadline passed or the close policy was met; there is a bid.
    ClosePhase,
    /// The phase ended without a valid bid.
    NoValidBids,
    /// The buyer asks for another round.
    Remix,
    /// The buyer picked a bid.
    Select,
    /// The winner's price is held (or money is off).
    FundsHeld,
    /// The price could not be held.
    HoldFailed,
    /// The buyer (or silence, by policy) approved the delivery.
    Approve,
    /// The final call failed for good.
    DeliveryFailed,
    /// A dispute was resolved for the buyer.
    Refund,
    /// The buyer or an operator ended the task.
    Cancel,
    /// The window of the state lapsed and its policy is to expire.
    Lapse,
}

/// An event that has no arrow from the state it met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a task that is {from} cannot take the event {event}")]
pub struct IllegalTransition {
    /// The state the task was in.
    pub from: TaskState,
    /// The event that has no arrow there.
    pub event: TaskEvent,
}

impl TaskState {
    /// All states, in the order of a life.
    pub const ALL: [TaskState; 9] = [
        TaskState::Open,
        TaskState::Matching,
        TaskState::Prototyping,
        TaskState::Review,
        TaskState::Accepted,
        TaskState::Delivering,
        TaskState::Completed,
        TaskState::Cancelled,
        TaskState::Expired,
    ];

    /// The state after `event`, or why there is none. Selecting while agents still work is
    /// [`TaskEvent::ClosePhase`] followed by [`TaskEvent::Select`]: two arrows, one transaction.
    pub fn after(self, event: TaskEvent) -> Result<TaskState, IllegalTransition> {
        use {TaskEvent as E, TaskState as S};
        Ok(match (self, event) {
            (S::Open, E::Start) => S::Matching,
            (S::Matching, E::Invite) => S::Prototyping,
            (S::Matching, E::NobodyEligible) => S::Expired,
            (S::Prototyping, E::ClosePhase) => S::Review,
            (S::Prototyping, E::NoValidBids) => S::Expired,
            (S::Review, E::Remix) => S::Matching,
            (S::Review, E::Select) => S::Accepted,
            (S::Accepted, E::FundsHeld) => S::Delivering,
            (S::Accepted, E::HoldFailed) => S::Review,
            (S::Delivering, E::Approve) => S::Completed,
            (S::Delivering, E::DeliveryFailed | E::Refund) => S::Expired,
            (S::Open | S::Matching | S::Prototyping | S::Review, E::Cancel) => S::Cancelled,
            (S::Open | S::Matching | S::Prototyping | S::Review | S::Delivering, E::Lapse) => S::Expired,
            (from, event) => return Err(IllegalTransition { from, event }),
        })
    }

    /// Nothing more can happen.
    pub const fn is_final(self) -> bool {
        matches!(self, TaskState::Completed | TaskState::Cancelled | TaskState::Expired)
    }

    /// The word in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            TaskState::Open => "open",
            TaskState::Matching => "matching",
            TaskState::Prototyping => "prototyping",
            TaskState::Review => "review",
            TaskState::Accepted => "accepted",
            TaskState::Delivering => "delivering",
            TaskState::Completed => "completed",
            TaskState::Cancelled => "cancelled",
            TaskState::Expired => "expired",
        }
    }
}

impl TaskEvent {
    /// All events, in the order of a life.
    pub const ALL: [TaskEvent; 14] = [
        TaskEvent::Start,
        TaskEvent::Invite,
        TaskEvent::NobodyEligible,
        TaskEvent::ClosePhase,
        TaskEvent::NoValidBids,
        TaskEvent::Remix,
        TaskEvent::Select,
        TaskEvent::FundsHeld,
        TaskEvent::HoldFailed,
        TaskEvent::Approve,
        TaskEvent::DeliveryFailed,
        TaskEvent::Refund,
        TaskEvent::Cancel,
        TaskEvent::Lapse,
    ];

    /// The word in error messages and event rows.
    pub const fn name(self) -> &'static str {
        match self {
            TaskEvent::Start => "start",
            TaskEvent::Invite => "invite",
            TaskEvent::NobodyEligible => "nobody_eligible",
            TaskEvent::ClosePhase => "close_phase",
            TaskEvent::NoValidBids => "no_valid_bids",
            TaskEvent::Remix => "remix",
            TaskEvent::Select => "select",
            TaskEvent::FundsHeld => "funds_held",
            TaskEvent::HoldFailed => "hold_failed",
            TaskEvent::Approve => "approve",
            TaskEvent::DeliveryFailed => "delivery_failed",
            TaskEvent::Refund => "refund",
            TaskEvent::Cancel => "cancel",
            TaskEvent::Lapse => "lapse",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for TaskEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no state, outcome or status of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a known {kind}")]
pub struct UnknownWord {
    /// What was expected, as a noun.
    pub kind: &'static str,
    /// What was found.
    pub word: String,
}

/// `FromStr` over a type that lists `ALL` its values and knows each one's `name`.
macro_rules! words {
    ($type:ty, $kind:literal) => {
        impl std::str::FromStr for $type {
            type Err = $crate::lifecycle::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .into_iter()
                    .find(|value| value.name() == word)
                    .ok_or_else(|| $crate::lifecycle::UnknownWord { kind: $kind, word: word.to_owned() })
            }
        }
    };
}
pub(crate) use words;

words!(TaskState, "task state");

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    /// The whole table as a picture: a new arrow is a visible change.
    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for state in TaskState::ALL {
            for event in TaskEvent::ALL {
                if let Ok(next) = state.after(event) {
                    table.push_str(&format!("{state} + {event} -> {next}\n"));
                }
            }
        }
        insta::assert_snapshot!(table, @r"
        open + start -> matching
        open + cancel -> cancelled
        open + lapse -> expired
        matching + invite -> prototyping
        matching + nobody_eligible -> expired
        matching + cancel -> cancelled
        matching + lapse -> expired
        prototyping + close_phase -> review
        prototyping + no_valid_bids -> expired
        prototyping + cancel -> cancelled
        prototyping + lapse -> expired
        review + remix -> matching
        review + select -> accepted
        review + cancel -> cancelled
        review + lapse -> expired
        accepted + funds_held -> delivering
        accepted + hold_failed -> review
        delivering + approve -> completed
        delivering + delivery_failed -> expired
        delivering + refund -> expired
        delivering + lapse -> expired
        ");
    }

    #[test]
    fn nothing_leaves_a_final_state() {
        for state in TaskState::ALL.into_iter().filter(|s| s.is_final()) {
            for event in TaskEvent::ALL {
                assert_eq!(state.after(event), Err(IllegalTransition { from: state, event }));
            }
        }
    }

    #[test]
    fn every_state_reads_back_from_its_word() {
        for state in TaskState::ALL {
            assert_eq!(TaskState::from_str(state.name()), Ok(state));
        }
        assert!(TaskState::from_str("done").is_err());
    }
}
