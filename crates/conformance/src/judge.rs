//! What came back, held against the contract. Pure.

use crate::case::Verdict;
use crate::kit::Kit;
use crate::stage::Asked;
use gavel_contract::agent::answer::{self, Reading};
use serde_json::Value;
use std::time::Duration;

/// How much of an agent's words is shown.
const SHOWN_CHARS: usize = 200;

/// A usable answer, or why it is none.
///
/// # Errors
/// A sentence for the agent's developer.
pub fn valid(asked: &Asked, kit: &Kit) -> Result<Reading, String> {
    let body = answered(asked, kit)?;
    answer::read(body, &asked.order.expectation(kit))
        .map_err(|rejected| format!("the answer cannot be used ({}): {rejected}", rejected.code()))
}

/// The body of a 200 that is not encoded.
///
/// # Errors
/// What came instead.
pub fn answered<'a>(asked: &'a Asked, kit: &Kit) -> Result<&'a [u8], String> {
    if let Some(trouble) = &asked.trouble {
        return Err(trouble.clone());
    }
    if asked.status != 200 {
        return Err(format!("only 200 is an answer; it was {}{}", told(asked), hint(asked, kit)));
    }
    match asked.header("content-encoding").filter(|named| is_encoding(named)) {
        Some(named) => Err(format!("the body is encoded ({named}) although only identity is accepted")),
        None => Ok(&asked.body),
    }
}

/// The verdict on a call that has to be answered. A refusal says nothing where the agent was given a key or a secret
/// that it cannot know.
pub fn must_answer(asked: &Asked, kit: &Kit) -> Verdict {
    match unjudged(asked, kit) {
        Some(skipped) => skipped,
        None => valid(asked, kit).map(drop).into(),
    }
}

/// Why this exchange says nothing of the agent, where it does not.
pub fn unjudged(asked: &Asked, kit: &Kit) -> Option<Verdict> {
    let why =
        "the agent refuses a key or a signature it does not know, as it should; give --key and --secret";
    let unknown = !(kit.key_known && kit.secret_known);
    (unknown && asked.trouble.is_none() && is_refusal(asked)).then(|| Verdict::Skipped(why.to_owned()))
}

/// The verdict on a call that has to be refused, with nothing done.
pub fn must_refuse(asked: &Asked) -> Verdict {
    if let Some(trouble) = &asked.trouble {
        return Verdict::Failed(trouble.clone());
    }
    if !is_refusal(asked) {
        return Verdict::Failed(format!("it was {}", told(asked)));
    }
    match object(asked).is_some_and(|body| body.contains_key("full_text")) {
        true => Verdict::Failed("it was refused, but the work was done and sent".to_owned()),
        false => Verdict::Passed,
    }
}

/// The verdict on a call whose fault has to be told with a 4xx.
pub fn must_reject(asked: &Asked, kit: &Kit) -> Verdict {
    if let Some(skipped) = unjudged(asked, kit) {
        return skipped;
    }
    match &asked.trouble {
        Some(trouble) => Verdict::Failed(trouble.clone()),
        None if (400..500).contains(&asked.status) => Verdict::Passed,
        None => Verdict::Failed(format!("it was {}", told(asked))),
    }
}

/// The verdict on a call that the agent has to decline.
pub fn must_decline(asked: &Asked, kit: &Kit) -> Verdict {
    if let Some(skipped) = unjudged(asked, kit) {
        return skipped;
    }
    match &asked.trouble {
        Some(trouble) => Verdict::Failed(trouble.clone()),
        None if asked.status == 422 => Verdict::Passed,
        None => Verdict::Failed(format!("it was {}", told(asked))),
    }
}

/// The verdict on a call that may be answered or refused, but not end in confusion.
pub fn answered_or_refused(asked: &Asked, kit: &Kit) -> Verdict {
    if asked.trouble.is_none() && is_refusal(asked) { Verdict::Passed } else { must_answer(asked, kit) }
}

/// Whether the agent took the caller for a stranger.
pub fn is_refusal(asked: &Asked) -> bool {
    matches!(asked.status, 401 | 403)
}

/// The JSON object that came, where one did.
pub fn object(asked: &Asked) -> Option<serde_json::Map<String, Value>> {
    serde_json::from_slice(&asked.body).ok()
}

/// What was answered, in words: the status and the start of the body.
pub fn told(asked: &Asked) -> String {
    let status = asked.status;
    if object(asked).is_some_and(|body| body.contains_key("full_text")) {
        return format!("answered {status} with finished work");
    }
    let text = String::from_utf8_lossy(&asked.body);
    let words: Vec<&str> = text.split_whitespace().collect();
    let start: String = words.join(" ").chars().take(SHOWN_CHARS).collect();
    if start.is_empty() { format!("answered {status}") } else { format!("answered {status}: {start}") }
}

/// Seconds with a tenth.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Agents of the first version of the protocol read the budget by another name.
fn hint(asked: &Asked, kit: &Kit) -> &'static str {
    let usd = kit.given.currency.code() == "USD";
    let about_a_key = String::from_utf8_lossy(&asked.body).contains("budget_");
    if asked.status == 500 && usd && !about_a_key {
        "; an agent written for version 1 of the protocol fails here because it reads budget_aud: try --currency AUD"
    } else {
        ""
    }
}

fn is_encoding(named: &str) -> bool {
    !named.trim().is_empty() && !named.trim().eq_ignore_ascii_case("identity")
}
