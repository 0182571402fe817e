//! What came back, held against the contract. Pure.

use crate::case::Verdict;
use crate::kit::Kit;
use crate::stage::Asked;
use gavel_contract::agent::answer::{self, Expectation, FULL_TEXT_CHARS_MIN, Reading, Rejected};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How much of an agent's words is shown.
const SHOWN_CHARS: usize = 200;

/// A usable answer, or why it is none.
///
/// # Errors
/// A sentence for the agent's developer.
fn valid(asked: &Asked, kit: &Kit) -> Result<Reading, String> {
    let body = answered(asked, kit)?;
    answer::read(body, &asked.order.expectation(kit)).map_err(|rejected| unusable(&rejected))
}

fn unusable(rejected: &Rejected) -> String {
    format!("the answer cannot be used ({}): {rejected}", rejected.code())
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

/// The verdict on a call that has to be answered as well as the ordinary one was. A fault that the ordinary answer has
/// too is told once, by the cases that look at that.
pub fn no_worse(asked: &Asked, ordinary: &Asked, kit: &Kit) -> Verdict {
    let judged = must_answer(asked, kit);
    if !matches!(judged, Verdict::Failed(_)) || work(asked, kit).is_none() {
        return judged;
    }
    let known: Vec<_> = faults(ordinary, kit).iter().map(Fault::name).collect();
    match faults(asked, kit).into_iter().find(|fault| !known.contains(&fault.name())) {
        Some(Fault { rejected, .. }) => Verdict::Failed(unusable(&rejected)),
        None => Verdict::Passed,
    }
}

/// The text that was answered, whether or not all beside it is right.
pub fn work(asked: &Asked, kit: &Kit) -> Option<String> {
    answered(asked, kit).ok()?;
    let text = object(asked)?.get("full_text")?.as_str()?.to_owned();
    (!text.trim().is_empty()).then_some(text)
}

/// A rule that an answer breaks, and where.
struct Fault {
    field: &'static str,
    rejected: Rejected,
}

impl Fault {
    fn name(&self) -> (&'static str, &'static str) {
        (self.field, self.rejected.code())
    }
}

/// Every rule that an answer breaks: a reader stops at the first.
fn faults(asked: &Asked, kit: &Kit) -> Vec<Fault> {
    let expectation = asked.order.expectation(kit);
    let (body, whole) = (object(asked).unwrap_or_default(), answer::read(&asked.body, &expectation).err());
    let fields = ["full_text", "summary", "agent_message", "artifacts", PRICE];
    let of_fields = fields
        .into_iter()
        .filter_map(|field| only(&body, &expectation, field).err().map(|rejected| Fault { field, rejected }));
    let of_fields: Vec<Fault> = of_fields.collect();
    match whole {
        Some(rejected) if of_fields.is_empty() => vec![Fault { field: "", rejected }],
        _ => of_fields,
    }
}

/// Stands for every field a price may be in.
pub const PRICE: &str = "bid_price_";

/// Reads an answer of which all is right but this field.
///
/// # Errors
/// The first rule that the field breaks.
pub fn only(body: &Map<String, Value>, expectation: &Expectation, field: &str) -> Result<Reading, Rejected> {
    let mut just: Map<String, Value> = Map::new();
    just.insert("full_text".to_owned(), json!("x".repeat(FULL_TEXT_CHARS_MIN)));
    just.insert("summary".to_owned(), json!("A summary."));
    just.remove(field);
    let named = |key: &str| key == field || (field == PRICE && key.starts_with(PRICE));
    just.extend(body.iter().filter(|(key, _)| named(key)).map(|(key, value)| (key.clone(), value.clone())));
    answer::read(Value::Object(just).to_string().as_bytes(), expectation)
}

/// Why this exchange says nothing of the agent, where it does not.
pub fn unjudged(asked: &Asked, kit: &Kit) -> Option<Verdict> {
    let why = "the agent refuses a key or a signature it does not know, as it should; give --key and --secret \
         as the agent has them";
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

/// `1 case`, `2 cases`.
pub fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
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
