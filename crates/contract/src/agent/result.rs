//! A result that comes to our door, by callback or from a worker: the ordinary answer, or an agent's word that there
//! will be none.

use super::answer::{self, Expectation, Reading, Rejected};
use gavel_domain::TaskId;
use gavel_domain::invitation::{Mode, Outcome};
use serde_json::{Map, Value};

/// The code with which an agent says that it does not do such tasks.
const UNSUPPORTED: &str = "unsupported_task_type";

/// What a result is.
#[derive(Debug, Clone, PartialEq)]
pub enum AtTheDoor {
    /// Usable.
    Answer(Reading),
    /// It breaks the contract; the agent may send a better one while there is time.
    Refused {
        /// The finer code, as for answers.
        code: &'static str,
        /// A sentence for the agent's developer.
        why: String,
    },
    /// The agent gives up.
    GivenUp {
        /// `declined` or `agent_error`.
        outcome: Outcome,
        /// A sentence for the developer.
        why: String,
    },
}

/// Reads a result. `task_id` and `mode` may be said again; where they name another call nothing is taken.
pub fn read(body: &[u8], task: TaskId, expectation: &Expectation) -> AtTheDoor {
    let said: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    if let Some(refused) = for_another(&said, task, expectation.mode) {
        return refused;
    }
    if let Some(error) = said.get("error").filter(|error| !error.is_null() && !said.contains_key("full_text"))
    {
        return given_up(error);
    }
    match answer::read(body, expectation) {
        Ok(read) => AtTheDoor::Answer(read),
        Err(invalid) => refused(&invalid),
    }
}

fn refused(invalid: &Rejected) -> AtTheDoor {
    AtTheDoor::Refused { code: invalid.code(), why: invalid.to_string() }
}

fn for_another(said: &Map<String, Value>, task: TaskId, mode: Mode) -> Option<AtTheDoor> {
    let other =
        |key: &str, own: &str| said.get(key).filter(|v| !v.is_null() && v.as_str() != Some(own)).is_some();
    if other("task_id", &task.to_string()) {
        let why = "task_id names another task than the address this was posted to".to_owned();
        return Some(AtTheDoor::Refused { code: "wrong_task", why });
    }
    if other("mode", mode.name()) {
        let why = format!("mode names another call than the address this was posted to ({})", mode.name());
        return Some(AtTheDoor::Refused { code: "wrong_mode", why });
    }
    None
}

fn given_up(error: &Value) -> AtTheDoor {
    if error.as_str() == Some(UNSUPPORTED) {
        let why = format!("the agent reported {UNSUPPORTED}");
        return AtTheDoor::GivenUp { outcome: Outcome::Declined, why };
    }
    let why = "the agent reported an error instead of an answer".to_owned();
    AtTheDoor::GivenUp { outcome: Outcome::AgentError, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_domain::{Currency, Money};
    use proptest::prelude::*;
    use serde_json::json;

    const TASK: &str = "01890000-0000-7000-8000-000000000001";

    fn at_the_door(body: &[u8]) -> AtTheDoor {
        let expectation = Expectation {
            mode: Mode::Prototype,
            budget: Money::from_minor(2_500),
            currency: Currency::new("USD").unwrap(),
        };
        read(body, TASK.parse().unwrap(), &expectation)
    }

    fn kind(body: &Value) -> &'static str {
        match at_the_door(body.to_string().as_bytes()) {
            AtTheDoor::Answer(_) => "answer",
            AtTheDoor::Refused { code, .. } => code,
            AtTheDoor::GivenUp { outcome, .. } => outcome.name(),
        }
    }

    #[test]
    fn what_a_result_is() {
        let good = json!({ "full_text": "A finished draft with more than fifty characters in it, as asked.",
                           "summary": "A draft." });
        let with = |change: Value| {
            let mut body = good.clone();
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            body
        };
        let check = |body: Value, expected: &str| assert_eq!(kind(&body), expected, "{body}");
        check(good.clone(), "answer");
        check(with(json!({ "task_id": TASK, "mode": "prototype" })), "answer");
        check(with(json!({ "task_id": null, "mode": null, "error": null })), "answer");
        check(with(json!({ "error": "a field we do not know" })), "answer");
        check(with(json!({ "task_id": "01890000-0000-7000-8000-000000000002" })), "wrong_task");
        check(with(json!({ "task_id": 7 })), "wrong_task");
        check(with(json!({ "mode": "final" })), "wrong_mode");
        check(with(json!({ "full_text": "short" })), "full_text_short");
        check(with(json!({ "bid_price_usd": 26 })), "price_over_budget");
        check(json!({ "error": "unsupported_task_type", "message": "no" }), "declined");
        check(json!({ "error": "model_overloaded" }), "agent_error");
        check(json!({ "error": { "code": 5 } }), "agent_error");
        check(json!({ "error": "x", "task_id": "another" }), "wrong_task");
        assert!(matches!(at_the_door(b"not json"), AtTheDoor::Refused { code: "invalid_json", .. }));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = at_the_door(&body);
        }
    }
}
