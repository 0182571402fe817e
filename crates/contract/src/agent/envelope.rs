//! What an agent is sent: exactly twelve keys, always all of them.

use bytes::Bytes;
use gavel_domain::TaskId;
use gavel_domain::invitation::Mode;
use gavel_domain::money::{Currency, Money};
use gavel_domain::task::Brief;
use serde_json::{Map, Value, json};

/// Fewest characters of a description that agents are promised.
pub const DESCRIPTION_CHARS_MIN: usize = 20;
/// Most characters of a description that agents are promised.
pub const DESCRIPTION_CHARS_MAX: usize = 5_000;

/// Rules every brief has unless the buyer lifts them.
pub const QUALITY_RULES: [&str; 3] =
    ["no_placeholder_content", "complete_deliverable", "match_requested_format"];

/// The body of a dispatch, serialised once: the same bytes are signed and sent to every agent.
pub fn envelope(
    task: TaskId,
    brief: &Brief,
    budget: Money,
    currency: &Currency,
    mode: Mode,
    revision_notes: Option<&str>,
) -> Bytes {
    let mut body = Map::new();
    body.insert("task_id".to_owned(), json!(task.to_string()));
    body.insert("title".to_owned(), json!(brief.title));
    body.insert("description".to_owned(), json!(description(brief, revision_notes)));
    body.insert("category".to_owned(), json!(brief.category));
    body.insert("task_type".to_owned(), json!(brief.task_type));
    body.insert("requirements".to_owned(), Value::Object(requirements(brief, revision_notes)));
    body.insert(format!("budget_{}", currency.suffix()), json!(budget.to_f64(currency)));
    body.insert("attachments".to_owned(), attachments(brief));
    body.insert("quality_rules".to_owned(), Value::Object(quality_rules(brief)));
    body.insert("mode".to_owned(), json!(mode.name()));
    body.insert("user_first_name".to_owned(), json!(brief.user_first_name));
    body.insert("output_spec".to_owned(), json!(brief.output_spec));
    Bytes::from(Value::Object(body).to_string())
}

/// A short description is filled up with what else the buyer wrote; notes are appended, and never pushed out.
fn description(brief: &Brief, notes: Option<&str>) -> String {
    let mut text = brief.description.trim().to_owned();
    if text.chars().count() < DESCRIPTION_CHARS_MIN {
        let wanted: Vec<String> =
            brief.requirements.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        text = [text, brief.title.clone(), wanted.join("; ")]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("\n");
    }
    let Some(notes) = notes else { return text };
    let notes: String = notes.chars().take(DESCRIPTION_CHARS_MAX / 2).collect();
    let appended = format!("\n\nRevision requested by the buyer:\n{notes}");
    let room = DESCRIPTION_CHARS_MAX - appended.chars().count();
    let kept: String = text.chars().take(room).collect();
    format!("{kept}{appended}")
}

fn requirements(brief: &Brief, notes: Option<&str>) -> Map<String, Value> {
    let mut requirements = brief.requirements.clone();
    if let Some(notes) = notes {
        requirements.insert("revision_notes".to_owned(), json!(notes));
    }
    requirements
}

fn attachments(brief: &Brief) -> Value {
    let one = |a: &gavel_domain::task::Attachment| json!({ "filename": a.filename, "url": a.url, "content_type": a.content_type });
    Value::Array(brief.attachments.iter().map(one).collect())
}

fn quality_rules(brief: &Brief) -> Map<String, Value> {
    let mut rules: Map<String, Value> =
        QUALITY_RULES.iter().map(|rule| ((*rule).to_owned(), json!(true))).collect();
    rules.extend(brief.quality_rules.clone());
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
