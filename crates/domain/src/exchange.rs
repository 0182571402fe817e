//! One call of an invitation from the first send to its one ending, whatever carries it: a POST that is answered, a
//! POST and a signed callback, or a worker that fetches.

use crate::agent::ExecutionMode;
use crate::invitation::{Answer, Ending, Mode, Outcome};
use crate::lifecycle::TaskState;
use crate::limits::SENDS_MAX;
use crate::{AgentId, InvitationId, Timestamp};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Names an exchange. As text it is the `webhook-id`: the same on a second send and on every fetch, another for each
/// mode and revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExchangeKey {
    /// The invitation.
    pub invitation: InvitationId,
    /// Prototype or final.
    pub mode: Mode,
    /// 0 for the prototype and the first final call, then one per revision.
    pub revision: u32,
}

impl fmt::Display for ExchangeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inv_{}_{}_{}", self.invitation.uuid().simple(), self.mode.name(), self.revision)
    }
}

/// A text that names no exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an exchange is named inv_<invitation>_<mode>_<revision>")]
pub struct NoExchangeKey;

impl FromStr for ExchangeKey {
    type Err = NoExchangeKey;
    fn from_str(text: &str) -> Result<Self, NoExchangeKey> {
        let mut parts = text.strip_prefix("inv_").ok_or(NoExchangeKey)?.split('_');
        let (Some(invitation), Some(mode), Some(revision), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoExchangeKey);
        };
        let key = ExchangeKey {
            invitation: InvitationId::from_uuid(Uuid::try_parse(invitation).map_err(|_| NoExchangeKey)?),
            mode: mode.parse().map_err(|_| NoExchangeKey)?,
            revision: revision.parse().map_err(|_| NoExchangeKey)?,
        };
        // One name each: `_00` or an upper-case id would be second ones.
        if key.to_string() == text { Ok(key) } else { Err(NoExchangeKey) }
    }
}

/// Where an exchange stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Which.
    pub key: ExchangeKey,
    /// Whose.
    pub agent: AgentId,
    /// What carries it.
    pub execution_mode: ExecutionMode,
    /// When it ends, whatever has arrived by then; never moved. A result that arrives at this instant counts.
    pub deadline_at: Timestamp,
    /// Whether that is the call's own limit (then passing it is the agent's timeout). Not so where the phase ends then,
    /// nor where the call had to wait for a place at its agent: nobody is charged for a wait.
    pub deadline_is_own_limit: bool,
    /// When the agent's place was taken: at the first send or fetch, or when a final call was offered to a worker.
    pub began_at: Option<Timestamp>,
    /// When an asynchronous agent took the brief.
    pub acknowledged_at: Option<Timestamp>,
    /// How often a worker fetched it; the number of the present lease.
    pub lease: u32,
    /// Until when the worker has it for itself.
    pub lease_until: Option<Timestamp>,
    /// The code of the last result that was refused, while nothing better came.
    pub refused: Option<String>,
    /// The message whose result ended it.
    pub answered_by: Option<String>,
    /// How it ended; `None` while it is open.
    pub ended: Option<Ending>,
}

/// A result that came to our door, by callback or from a worker, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    /// Names the message: the same when the agent sends it again because our answer was lost.
    pub message_id: String,
    /// The lease without which it does not count: a worker declines only what it holds. A result needs none.
    pub lease: Option<u32>,
    /// What it comes to. `invalid_response` leaves the exchange open.
    pub outcome: Outcome,
    /// The finer code.
    pub code: String,
    /// The work, exactly when the outcome is valid.
    pub answer: Option<Answer>,
    /// What was dropped or cut, or what is wrong, in words for the developer.
    pub warnings: Vec<String>,
    /// The start of a body that is not taken, without the developer's secrets.
    pub error_body: Option<String>,
    /// When it was received; the agent's own time decides nothing.
    pub at: Timestamp,
}

/// What became of a result at our door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It ended the exchange.
    Accepted,
    /// It breaks the contract and changes nothing; a better one may come while there is time.
    Refused,
    /// The very message that was accepted before, and what it came to then: it is accepted again and changes nothing.
    Repeated(Outcome),
    /// Another message was accepted before, and what that came to.
    Answered(Outcome),
    /// The worker does not hold the lease it needs for this.
    NotHeld {
        /// The number of the lease that was given last.
        present: u32,
    },
    /// The deadline has passed, or nobody waits for it any more.
    TooLate,
}

impl Exchange {
    /// Whether a send of ours decides what comes next. Otherwise the result is awaited at our door: from a worker, or
    /// from an asynchronous agent that has the brief, or may have it from sends whose answers a restart has lost.
    pub fn awaits_send(&self, sends_made: u32) -> bool {
        self.ended.is_none()
            && match self.execution_mode {
                ExecutionMode::Sync => true,
                ExecutionMode::Async => self.acknowledged_at.is_none() && sends_made < SENDS_MAX,
                ExecutionMode::Pull => false,
            }
    }

    /// What becomes of a result that arrives now, while its task is in `state`.
    pub fn takes(&self, arrived: &Arrived, state: TaskState) -> Taken {
        if let Some(ended) = &self.ended {
            return match &self.answered_by {
                Some(message) if *message == arrived.message_id => Taken::Repeated(ended.outcome),
                Some(_) => Taken::Answered(ended.outcome),
                None => Taken::TooLate,
            };
        }
        let awaited = match self.key.mode {
            Mode::Prototype => TaskState::Prototyping,
            Mode::Final => TaskState::Delivering,
        };
        if state != awaited || arrived.at > self.deadline_at {
            Taken::TooLate
        } else if arrived.lease.is_some_and(|lease| lease != self.lease) {
            Taken::NotHeld { present: self.lease }
        } else if arrived.outcome == Outcome::InvalidResponse {
            Taken::Refused
        } else {
            Taken::Accepted
        }
    }

    /// How it ends when its deadline passes without a usable result, for those exchanges that end elsewhere than in a
    /// send of ours.
    pub fn unanswered(&self, at: Timestamp) -> Ending {
        let (outcome, detail) = match (&self.refused, self.deadline_is_own_limit) {
            (Some(code), _) => (Outcome::InvalidResponse, code.as_str()),
            (None, _) if self.execution_mode == ExecutionMode::Async && self.acknowledged_at.is_none() => {
                (Outcome::PlatformFault, "sends_used_up")
            }
            (None, false) => (Outcome::Late, "phase_closed"),
            (None, true) if self.execution_mode == ExecutionMode::Pull && self.lease == 0 => {
                (Outcome::Unreachable, "never_fetched")
            }
            (None, true) => (Outcome::Timeout, "timeout"),
        };
        Ending { outcome, detail: Some(detail.to_owned()), at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn exchange(execution_mode: ExecutionMode) -> Exchange {
        let invitation = InvitationId::from_uuid(Uuid::from_u128(7));
        Exchange {
            key: ExchangeKey { invitation, mode: Mode::Prototype, revision: 0 },
            agent: AgentId::from_uuid(Uuid::from_u128(8)),
            execution_mode,
            deadline_at: at(600),
            deadline_is_own_limit: true,
            began_at: None,
            acknowledged_at: None,
            lease: 0,
            lease_until: None,
            refused: None,
            answered_by: None,
            ended: None,
        }
    }

    fn arrived(message: &str, outcome: Outcome, seconds: i64) -> Arrived {
        Arrived {
            message_id: message.to_owned(),
            lease: None,
            outcome,
            code: "ok".to_owned(),
            answer: None,
            warnings: Vec::new(),
            error_body: None,
            at: at(seconds),
        }
    }

    #[test]
    fn what_becomes_of_a_result() {
        use {Outcome as O, TaskState as S};
        let open = exchange(ExecutionMode::Async);
        let ended = |outcome, answered_by: Option<&str>| Exchange {
            answered_by: answered_by.map(str::to_owned),
            ended: Some(Ending { outcome, detail: None, at: at(5) }),
            ..open.clone()
        };
        let check = |exchange: &Exchange, (message, outcome, seconds), state, taken| {
            assert_eq!(exchange.takes(&arrived(message, outcome, seconds), state), taken, "{exchange:?}");
        };
        check(&open, ("m1", O::Valid, 30), S::Prototyping, Taken::Accepted);
        check(&open, ("m1", O::Valid, 600), S::Prototyping, Taken::Accepted); // the edge is inside
        check(&open, ("m1", O::Valid, 601), S::Prototyping, Taken::TooLate);
        check(&open, ("m1", O::AgentError, 30), S::Prototyping, Taken::Accepted);
        check(&open, ("m1", O::InvalidResponse, 30), S::Prototyping, Taken::Refused);
        check(&open, ("m1", O::InvalidResponse, 601), S::Prototyping, Taken::TooLate);
        for state in S::ALL.into_iter().filter(|state| *state != S::Prototyping) {
            check(&open, ("m1", O::Valid, 30), state, Taken::TooLate);
        }
        check(&ended(O::Valid, Some("m1")), ("m1", O::Valid, 40), S::Prototyping, Taken::Repeated(O::Valid));
        check(&ended(O::Valid, Some("m1")), ("m1", O::Valid, 900), S::Completed, Taken::Repeated(O::Valid));
        check(&ended(O::Valid, Some("m1")), ("m2", O::Valid, 40), S::Prototyping, Taken::Answered(O::Valid));
        check(
            &ended(O::Valid, Some("m1")),
            ("m1", O::AgentError, 40),
            S::Prototyping,
            Taken::Repeated(O::Valid),
        );
        check(
            &ended(O::AgentError, Some("m1")),
            ("m2", O::Valid, 40),
            S::Prototyping,
            Taken::Answered(O::AgentError),
        );
        check(&ended(O::Superseded, None), ("m1", O::Valid, 40), S::Accepted, Taken::TooLate);
        check(&ended(O::Timeout, None), ("m1", O::Valid, 40), S::Prototyping, Taken::TooLate);
        let finishing = Exchange { key: ExchangeKey { mode: Mode::Final, ..open.key }, ..open.clone() };
        check(&finishing, ("m1", O::Valid, 40), S::Delivering, Taken::Accepted);
        check(&finishing, ("m1", O::Valid, 40), S::Prototyping, Taken::TooLate);
    }

    #[test]
    fn only_the_holder_of_the_lease_declines() {
        let fetched = Exchange { lease: 2, ..exchange(ExecutionMode::Pull) };
        let check = |lease: u32, seconds, taken| {
            let declined = Arrived { lease: Some(lease), ..arrived("d", Outcome::Declined, seconds) };
            assert_eq!(fetched.takes(&declined, TaskState::Prototyping), taken, "{lease}");
        };
        check(2, 30, Taken::Accepted);
        check(1, 30, Taken::NotHeld { present: 2 });
        check(3, 30, Taken::NotHeld { present: 2 });
        check(1, 601, Taken::TooLate);
    }

    #[test]
    fn a_key_is_one_text() {
        let key = exchange(ExecutionMode::Sync).key;
        assert_eq!(key.to_string(), "inv_00000000000000000000000000000007_prototype_0");
        assert_eq!(key.to_string().parse(), Ok(key));
        let refused = [
            "",
            "inv_7_prototype_0",
            "inv_00000000000000000000000000000007_prototype_00",
            "inv_00000000000000000000000000000007_prototype_-1",
            "inv_00000000000000000000000000000007_draft_0",
            "inv_00000000-0000-0000-0000-000000000007_prototype_0",
            "inv_0000000000000000000000000000000A_final_0",
            "inv_00000000000000000000000000000007_prototype_0_1",
            "00000000000000000000000000000007_prototype_0",
        ];
        for text in refused {
            assert_eq!(text.parse::<ExchangeKey>(), Err(NoExchangeKey), "{text}");
        }
    }

    fn acknowledged() -> Exchange {
        Exchange { acknowledged_at: Some(at(1)), ..exchange(ExecutionMode::Async) }
    }

    #[test]
    fn who_is_sent_and_who_fetches() {
        let check = |exchange: Exchange, sends, awaits: bool| {
            assert_eq!(exchange.awaits_send(sends), awaits, "{exchange:?} after {sends}");
        };
        check(exchange(ExecutionMode::Sync), 0, true);
        check(exchange(ExecutionMode::Sync), SENDS_MAX, true); // the dispatcher says that both were lost
        check(exchange(ExecutionMode::Async), 0, true);
        check(exchange(ExecutionMode::Async), SENDS_MAX, false); // it may be at work
        check(exchange(ExecutionMode::Pull), 0, false);
        check(acknowledged(), 1, false);
        let ended = Some(Ending { outcome: Outcome::Valid, detail: None, at: at(2) });
        check(Exchange { ended, ..exchange(ExecutionMode::Sync) }, 0, false);
    }

    #[test]
    fn what_an_unanswered_exchange_comes_to() {
        let check = |exchange: Exchange, outcome, detail: &str| {
            let expected = Ending { outcome, detail: Some(detail.to_owned()), at: at(601) };
            assert_eq!(exchange.unanswered(at(601)), expected, "{exchange:?}");
        };
        let phase = |exchange| Exchange { deadline_is_own_limit: false, ..exchange };
        let offered = Exchange { began_at: Some(at(1)), ..exchange(ExecutionMode::Pull) };
        let fetched = Exchange { lease: 1, ..offered.clone() };
        let refused =
            Exchange { refused: Some("full_text_short".to_owned()), ..exchange(ExecutionMode::Async) };
        check(acknowledged(), Outcome::Timeout, "timeout");
        check(phase(acknowledged()), Outcome::Late, "phase_closed");
        check(exchange(ExecutionMode::Async), Outcome::PlatformFault, "sends_used_up"); // perhaps it never had it
        check(phase(exchange(ExecutionMode::Async)), Outcome::PlatformFault, "sends_used_up");
        check(exchange(ExecutionMode::Pull), Outcome::Unreachable, "never_fetched");
        check(offered.clone(), Outcome::Unreachable, "never_fetched");
        check(phase(offered), Outcome::Late, "phase_closed");
        check(fetched.clone(), Outcome::Timeout, "timeout");
        check(phase(fetched), Outcome::Late, "phase_closed");
        check(refused.clone(), Outcome::InvalidResponse, "full_text_short");
        check(phase(refused), Outcome::InvalidResponse, "full_text_short");
    }
}
