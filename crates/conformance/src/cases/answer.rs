//! The answer: one ordinary prototype, looked at from all sides.

use crate::case::{Case, EVERY, Look, Needs, Play, SYNC, Severity, Verdict};
use crate::contact::unanswered;
use crate::judge::{PRICE, answered, must_answer, object, only, told, unjudged};
use crate::kit::Kit;
use crate::stage::Asked;
use gavel_contract::agent::answer;
use gavel_contract::agent::message::{MESSAGE_CHARS_MAX, sanitise};
use gavel_dispatcher::transport::FailureKind;
use serde_json::{Map, Value};

const fn case(name: &'static str, about: &'static str, fix: &'static str, look: Look) -> Case {
    Case {
        name,
        group: "answer",
        about,
        fix,
        severity: Severity::Must,
        via: EVERY,
        needs: Needs::Nothing,
        play: Play::Prototype(look),
    }
}

const fn should(case: Case) -> Case {
    Case { severity: Severity::Should, ..case }
}

const fn sync(case: Case) -> Case {
    Case { via: SYNC, ..case }
}

pub(super) const CASES: &[Case] = &[
    case(
        "answer-valid",
        "an ordinary prototype call is answered, and the answer can be used",
        "answer 200 with a JSON object of full_text (50 characters or more) and summary",
        usable,
    ),
    sync(case(
        "answer-200",
        "the answer has status 200: no redirect, no other 2xx",
        "answer 200; redirects are never followed, so register the URL that answers itself",
        status,
    )),
    sync(case(
        "answer-not-encoded",
        "the answer is not compressed",
        "turn compression off for this route: the platform asks for Accept-Encoding: identity and unpacks nothing",
        encoding,
    )),
    sync(should(case(
        "answer-content-type",
        "the answer is labelled application/json",
        "send Content-Type: application/json",
        content_type,
    ))),
    case(
        "answer-size",
        "the answer has at most 4 MiB",
        "leave out what the buyer does not read; an artifact has at most 1 MiB",
        size,
    ),
    case(
        "answer-object",
        "the body is one JSON object in UTF-8, no known key twice",
        "send what your JSON library makes of one object; nothing before or behind it, no Markdown fence around it",
        one_object,
    ),
    case(
        "answer-full-text",
        "full_text is a string of 50 to 500,000 characters",
        "put the work itself into full_text; where there is nothing to show, answer an error instead of an empty text",
        |asked, kit| readable(asked, kit, "full_text"),
    ),
    case(
        "answer-summary",
        "summary is a string and not empty",
        "add a summary of one to three sentences",
        |asked, kit| readable(asked, kit, "summary"),
    ),
    should(case(
        "answer-summary-length",
        "summary has fewer than 300 characters",
        "cut it yourself, at a word; the platform cuts at 299 characters wherever that falls",
        |asked, kit| unwarned(asked, kit, "summary", "summary_truncated"),
    )),
    case(
        "answer-message",
        "agent_message is missing, null or a string",
        "send agent_message as one string",
        |asked, kit| readable(asked, kit, "agent_message"),
    ),
    should(case(
        "answer-message-clean",
        "agent_message has at most 280 characters, and no links or addresses",
        "write plain words to the buyer: links and addresses are taken out, then it is cut",
        |asked, kit| looked(asked, kit, |body| clean_message(body).into()),
    )),
    case(
        "answer-artifacts",
        "artifacts is a list of at most 20, each of at most 1 MiB",
        "send a list, even of one; leave it out where there is none",
        |asked, kit| readable(asked, kit, "artifacts"),
    ),
    should(case(
        "answer-artifacts-kept",
        "each artifact has a type (markdown, csv, html, json), a filename and content as text",
        "write the type in lower case and content as a string; everything else is dropped or renamed",
        |asked, kit| unwarned(asked, kit, "artifacts", "artifact_"),
    )),
    should(case(
        "answer-token-usage",
        "token_usage has numbers of tokens, a model's name and cost_usd",
        "send whole numbers of tokens and cost_usd as a number, or leave token_usage out",
        |asked, kit| unwarned(asked, kit, "token_usage", "token_usage_dropped"),
    )),
    case(
        "answer-price",
        "the price is missing, or a number above 0 and at most the budget",
        "bid a JSON number of at most budget_..., under bid_price_ and the same currency",
        |asked, kit| readable(asked, kit, PRICE),
    ),
    case(
        "answer-secrets",
        "neither key nor secret is in the answer",
        "do not log or answer the headers of a call; keep keys out of your prompt",
        secrets,
    ),
];

fn usable(asked: &Asked, kit: &Kit) -> Verdict {
    unjudged(asked, kit).or_else(|| unanswered(asked)).unwrap_or_else(|| must_answer(asked, kit))
}

fn status(asked: &Asked, kit: &Kit) -> Verdict {
    unjudged(asked, kit).unwrap_or_else(|| match (&asked.trouble, asked.status) {
        (Some(_), _) | (None, 400..) => see_valid(),
        (None, 200) => Verdict::Passed,
        (None, _) => unanswered(asked)
            .unwrap_or_else(|| Verdict::Failed(format!("it was {}{}", told(asked), location(asked)))),
    })
}

fn location(asked: &Asked) -> String {
    asked.header("location").map(|to| format!(" (it leads to {to})")).unwrap_or_default()
}

fn encoding(asked: &Asked, kit: &Kit) -> Verdict {
    if asked.trouble.is_some() || asked.status != 200 {
        return see_valid();
    }
    answered(asked, kit).map(drop).into()
}

fn content_type(asked: &Asked, _: &Kit) -> Verdict {
    if asked.trouble.is_some() || asked.status != 200 {
        return see_valid();
    }
    match asked.header("content-type") {
        Some(label) if label.to_ascii_lowercase().starts_with("application/json") => Verdict::Passed,
        Some(label) => Verdict::Failed(format!("it is labelled {label}")),
        None => Verdict::Failed("it has no Content-Type".to_owned()),
    }
}

fn size(asked: &Asked, _: &Kit) -> Verdict {
    match &asked.trouble {
        Some(trouble) if is_too_large(asked) => Verdict::Failed(trouble.clone()),
        Some(_) => see_valid(),
        None if asked.status != 200 => see_valid(),
        None => Verdict::Passed,
    }
}

fn is_too_large(asked: &Asked) -> bool {
    asked.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::TooLarge)
}

fn secrets(asked: &Asked, kit: &Kit) -> Verdict {
    if asked.trouble.is_some() || asked.status != 200 {
        return see_valid();
    }
    match kit.leaked(&asked.headers, &asked.body) {
        Some(what) => Verdict::Failed(format!("{what} stands in it")),
        None => Verdict::Passed,
    }
}

fn see_valid() -> Verdict {
    Verdict::Skipped("there is no answer to look at: see answer-valid".to_owned())
}

/// The codes of a body that is not one object.
const NO_OBJECT: [&str; 3] = ["invalid_json", "not_object", "duplicate_key"];

fn one_object(asked: &Asked, kit: &Kit) -> Verdict {
    let Ok(body) = answered(asked, kit) else { return see_valid() };
    match answer::read(body, &asked.order.expectation(kit)) {
        Err(why) if NO_OBJECT.contains(&why.code()) => Verdict::Failed(why.to_string()),
        Ok(_) | Err(_) => Verdict::Passed,
    }
}

/// A look at the object that was answered.
fn looked(asked: &Asked, kit: &Kit, look: impl FnOnce(&Map<String, Value>) -> Verdict) -> Verdict {
    if answered(asked, kit).is_err() {
        return see_valid();
    }
    let none = || Verdict::Skipped("the body is no JSON object: see answer-object".to_owned());
    object(asked).map_or_else(none, |body| look(&body))
}

/// Nothing about this field makes the answer one that cannot be used.
fn readable(asked: &Asked, kit: &Kit, field: &str) -> Verdict {
    let expectation = asked.order.expectation(kit);
    looked(asked, kit, |body| {
        only(body, &expectation, field).map(drop).map_err(|rejected| rejected.to_string()).into()
    })
}

/// Nothing of this field was dropped or cut. One that cannot be used at all has a case of its own.
fn unwarned(asked: &Asked, kit: &Kit, field: &str, warning: &str) -> Verdict {
    let expectation = asked.order.expectation(kit);
    looked(asked, kit, |body| match only(body, &expectation, field) {
        Err(_) => Verdict::Skipped(format!("{field} cannot be used as it is: see answer-{field}")),
        Ok(reading) => {
            let told = reading.warnings.into_iter().find(|told| told.starts_with(warning));
            told.map_or(Verdict::Passed, Verdict::Failed)
        }
    })
}

fn clean_message(body: &Map<String, Value>) -> Result<(), String> {
    let Some(message) = body.get("agent_message").and_then(Value::as_str) else { return Ok(()) };
    let length = message.chars().count();
    if length > MESSAGE_CHARS_MAX {
        return Err(format!("it has {length} characters"));
    }
    let words: Vec<&str> = message.split_whitespace().collect();
    match sanitise(message) {
        Some(kept) if kept.split_whitespace().eq(words.iter().copied()) => Ok(()),
        _ if words.is_empty() => Ok(()),
        kept => Err(format!("of {message:?} the buyer sees {:?}", kept.unwrap_or_default())),
    }
}
