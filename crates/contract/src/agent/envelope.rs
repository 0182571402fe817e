//! What an agent is sent: exactly twelve keys, always all of them.

use super::message::cut;
use bytes::Bytes;
use gavel_domain::TaskId;
use gavel_domain::invitation::Mode;
use gavel_domain::money::{Currency, Money};
use gavel_domain::task::{Attachment, Brief};
use serde_json::{Map, Value, json};
use std::fmt;

/// Fewest characters of a title that agents are promised.
pub const TITLE_CHARS_MIN: usize = 5;
/// Most characters of a title that agents are promised.
pub const TITLE_CHARS_MAX: usize = 200;
/// Fewest characters of a description that agents are promised.
pub const DESCRIPTION_CHARS_MIN: usize = 20;
/// Most characters of a description that agents are promised.
pub const DESCRIPTION_CHARS_MAX: usize = 5_000;
/// Most characters of revision notes: half of a description, so that notes and brief both stay readable.
pub const REVISION_NOTES_CHARS_MAX: usize = DESCRIPTION_CHARS_MAX / 2;

/// Rules every brief has unless the buyer lifts them.
pub const QUALITY_RULES: [&str; 3] =
    ["no_placeholder_content", "complete_deliverable", "match_requested_format"];

/// The body of a dispatch, serialised once: the same bytes are signed and sent to every agent.
///
/// Money is in units of the currency (25.0), which also names its key (`budget_usd`). The promises about lengths hold
/// whatever the brief says: what is too short is filled with what else the buyer wrote, what is too long is cut.
pub fn envelope(
    task: TaskId,
    brief: &Brief,
    budget: Money,
    currency: &Currency,
    mode: Mode,
    revision_notes: Option<&str>,
) -> Bytes {
    let notes = revision_notes.map(str::trim).filter(|notes| !notes.is_empty());
    let notes = notes.map(|notes| cut(notes, REVISION_NOTES_CHARS_MAX));
    let mut body = Map::new();
    body.insert("task_id".to_owned(), json!(task.to_string()));
    body.insert("title".to_owned(), json!(title(brief)));
    body.insert("description".to_owned(), json!(description(brief, notes.as_deref())));
    body.insert("category".to_owned(), json!(brief.category));
    body.insert("task_type".to_owned(), json!(brief.task_type));
    body.insert("requirements".to_owned(), Value::Object(requirements(brief, notes.as_deref())));
    body.insert(format!("budget_{}", currency.suffix()), json!(budget.to_f64(currency)));
    body.insert("attachments".to_owned(), brief.attachments.iter().map(attachment).collect());
    body.insert("quality_rules".to_owned(), Value::Object(quality_rules(brief)));
    body.insert("mode".to_owned(), json!(mode.name()));
    body.insert("user_first_name".to_owned(), json!(brief.user_first_name));
    body.insert("output_spec".to_owned(), json!(brief.output_spec));
    Bytes::from(Value::Object(body).to_string())
}

/// Where an asynchronous agent's result is to come, and what it is to be signed with.
#[derive(Clone)]
pub struct Callback {
    /// Opaque to the agent.
    pub url: String,
    /// A `whsec_` secret for this call alone.
    pub secret: String,
    /// Time for the whole exchange, in seconds.
    pub timeout_seconds: i64,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback(..)")
    }
}

/// The three keys that asynchronous agents get beside the twelve.
pub const CALLBACK_KEYS: [&str; 3] = ["callback_url", "callback_secret", "execution_timeout_seconds"];

/// The envelope of an asynchronous agent: the same, with the three keys of its callback.
pub fn with_callback(envelope: &[u8], callback: &Callback) -> Bytes {
    // Ours, so it is an object.
    let mut body: Map<String, Value> = serde_json::from_slice(envelope).unwrap_or_default();
    let values = [json!(callback.url), json!(callback.secret), json!(callback.timeout_seconds)];
    body.extend(CALLBACK_KEYS.map(str::to_owned).into_iter().zip(values));
    Bytes::from(Value::Object(body).to_string())
}

fn title(brief: &Brief) -> String {
    let mut title = brief.title.trim().to_owned();
    if length(&title) < TITLE_CHARS_MIN {
        title = format!("Task: {}", joined([&title, brief.task_type.trim()], " - "));
    }
    cut(title.trim(), TITLE_CHARS_MAX)
}

/// A short description is filled up with what else the buyer wrote; notes are appended, and never pushed out.
fn description(brief: &Brief, notes: Option<&str>) -> String {
    let mut text = brief.description.trim().to_owned();
    if length(&text) < DESCRIPTION_CHARS_MIN {
        let wanted: Vec<String> = brief.requirements.iter().map(requirement).collect();
        text = joined([text.as_str(), brief.title.trim(), &wanted.join("; ")], "\n");
    }
    if length(&text) < DESCRIPTION_CHARS_MIN {
        let kind = format!("Category: {}. Task type: {}.", brief.category, brief.task_type);
        text = joined([text.as_str(), &kind], "\n");
    }
    let appended =
        notes.map(|notes| format!("\n\nRevision requested by the buyer:\n{notes}")).unwrap_or_default();
    let room = DESCRIPTION_CHARS_MAX - length(&appended);
    format!("{}{appended}", cut(&text, room))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn joined<const N: usize>(parts: [&str; N], between: &str) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(between)
}

/// A requirement in words: text without its quotes.
fn requirement((key, value): (&String, &Value)) -> String {
    match value {
        Value::String(text) => format!("{key}: {text}"),
        other => format!("{key}: {other}"),
    }
}

fn requirements(brief: &Brief, notes: Option<&str>) -> Map<String, Value> {
    let mut requirements = brief.requirements.clone();
    if let Some(notes) = notes {
        requirements.insert("revision_notes".to_owned(), json!(notes));
    }
    requirements
}

fn attachment(a: &Attachment) -> Value {
    json!({ "filename": a.filename, "url": a.url, "content_type": a.content_type })
}

/// Exactly the three rules, as booleans: strict agents refuse a body with others.
fn quality_rules(brief: &Brief) -> Map<String, Value> {
    let rule = |name: &str| brief.quality_rules.get(name).and_then(Value::as_bool).unwrap_or(true);
    QUALITY_RULES.iter().map(|name| ((*name).to_owned(), json!(rule(name)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brief() -> Brief {
        let requirements = json!({ "tone": "plain", "word_count": 800 });
        Brief {
            title: "A guide to unit tests".to_owned(),
            description: "Write a guide to unit tests for people who never wrote one.".to_owned(),
            category: "content-writing".to_owned(),
            task_type: "blog-post".to_owned(),
            requirements: requirements.as_object().unwrap().clone(),
            user_first_name: Some("Ada".to_owned()),
            ..Brief::default()
        }
    }

    fn sent(brief: &Brief, currency: &str, mode: Mode, notes: Option<&str>) -> Value {
        let task = "01890000-0000-7000-8000-000000000001".parse().unwrap();
        let currency = Currency::new(currency).unwrap();
        serde_json::from_slice(&envelope(task, brief, Money::from_minor(2500), &currency, mode, notes))
            .unwrap()
    }

    #[test]
    fn asynchronous_agents_get_three_more_keys() {
        let task = "01890000-0000-7000-8000-000000000001".parse().unwrap();
        let (currency, price) = (Currency::new("USD").unwrap(), Money::from_minor(2500));
        let plain = envelope(task, &brief(), price, &currency, Mode::Prototype, None);
        let (url, secret) = ("https://gavel.example.com/c/1".to_owned(), "whsec_x".to_owned());
        let callback = Callback { url, secret, timeout_seconds: 600 };
        assert_eq!(format!("{callback:?}"), "Callback(..)");
        let mut body: Value = serde_json::from_slice(&with_callback(&plain, &callback)).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 15);
        let values = CALLBACK_KEYS.map(|key| body.as_object_mut().unwrap().remove(key).unwrap());
        assert_eq!(values, [json!("https://gavel.example.com/c/1"), json!("whsec_x"), json!(600)]);
        assert_eq!(body, serde_json::from_slice::<Value>(&plain).unwrap(), "the twelve are as for everyone");
    }

    #[test]
    fn the_wire_form() {
        insta::assert_json_snapshot!(sent(&brief(), "USD", Mode::Prototype, None), @r#"
        {
          "attachments": [],
          "budget_usd": 25.0,
          "category": "content-writing",
          "description": "Write a guide to unit tests for people who never wrote one.",
          "mode": "prototype",
          "output_spec": null,
          "quality_rules": {
            "complete_deliverable": true,
            "match_requested_format": true,
            "no_placeholder_content": true
          },
          "requirements": {
            "tone": "plain",
            "word_count": 800
          },
          "task_id": "01890000-0000-7000-8000-000000000001",
          "task_type": "blog-post",
          "title": "A guide to unit tests",
          "user_first_name": "Ada"
        }
        "#);
    }

    #[test]
    fn the_currency_names_the_budget_and_notes_reach_the_agent() {
        let sent = sent(&brief(), "AUD", Mode::Final, Some("shorter, please"));
        assert_eq!(sent.as_object().unwrap().len(), 12);
        assert_eq!((&sent["budget_aud"], &sent["mode"]), (&json!(25.0), &json!("final")));
        assert_eq!(sent["requirements"]["revision_notes"], "shorter, please");
        assert!(sent["description"].as_str().unwrap().ends_with("shorter, please"));
    }

    #[test]
    fn a_short_description_is_filled_and_a_long_one_leaves_room_for_notes() {
        let short = Brief { description: "Tests".to_owned(), ..brief() };
        assert!(
            sent(&short, "USD", Mode::Prototype, None)["description"].as_str().unwrap().chars().count() >= 20
        );
        let long = Brief { description: "x".repeat(5000), ..brief() };
        let text = sent(&long, "USD", Mode::Final, Some(&"n".repeat(5000)))["description"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(text.chars().count(), 5000);
    }

    #[test]
    fn the_three_rules_are_the_buyers_to_lift_and_nothing_else_joins_them() {
        let rules = json!({ "complete_deliverable": false, "match_requested_format": "no", "mine": true });
        let brief = Brief { quality_rules: rules.as_object().unwrap().clone(), ..brief() };
        let expected = json!({
            "no_placeholder_content": true, "complete_deliverable": false, "match_requested_format": true
        });
        assert_eq!(sent(&brief, "USD", Mode::Prototype, None)["quality_rules"], expected);
    }

    #[test]
    fn titles() {
        let check = |title: &str, expected: &str| {
            let brief = Brief { title: title.to_owned(), ..brief() };
            assert_eq!(sent(&brief, "USD", Mode::Prototype, None)["title"], expected);
        };
        check("Five!", "Five!");
        check(" Logo ", "Task: Logo - blog-post");
        check("", "Task: blog-post");
        check(&"t".repeat(201), &format!("{}\u{2026}", "t".repeat(199)));
    }

    #[test]
    fn notes_are_bounded_and_blank_ones_are_none() {
        let blank = sent(&brief(), "USD", Mode::Final, Some(" \n"));
        assert_eq!(blank["requirements"].get("revision_notes"), None);
        assert_eq!(blank["description"], brief().description.as_str());
        let long = sent(&brief(), "USD", Mode::Final, Some(&"n".repeat(100_000)));
        let notes = long["requirements"]["revision_notes"].as_str().unwrap();
        assert_eq!(notes.chars().count(), REVISION_NOTES_CHARS_MAX);
        assert!(long["description"].as_str().unwrap().ends_with(notes));
    }

    proptest! {
        #[test]
        fn twelve_keys_and_the_promised_lengths_whatever_the_brief(
            title in "\\PC{0,300}", description in "(?s).{0,30}|x{4990,5010}", notes in "(?s).{0,60}|n{2490,2510}",
            task_type in "[a-z-]{1,12}", value in "\\PC{0,40}"
        ) {
            let mut brief = Brief { title, description, task_type, ..brief() };
            brief.requirements.insert("tone".to_owned(), json!(value));
            let sent = sent(&brief, "USD", Mode::Final, Some(&notes));
            prop_assert_eq!(sent.as_object().unwrap().len(), 12);
            let length = |key: &str| sent[key].as_str().unwrap().chars().count();
            prop_assert!((TITLE_CHARS_MIN..=TITLE_CHARS_MAX).contains(&length("title")));
            prop_assert!((DESCRIPTION_CHARS_MIN..=DESCRIPTION_CHARS_MAX).contains(&length("description")));
        }
    }
}
