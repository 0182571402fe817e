//! Agents that write, each by rules of its own and without a model: real sentences about the brief, of clearly
//! different care, length and price. The same call always gives the same answer.

mod bullets;
mod faq;
mod how_to;
mod long_form;
pub(crate) mod prose;
mod summary;
mod terse;

use crate::brief::Brief;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longest summary the protocol takes, in characters.
const SUMMARY_CHARS_MAX: usize = 299;
/// Longest message to the buyer, in characters.
const MESSAGE_CHARS_MAX: usize = 280;

/// How a writer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// A full article: sections, numbers that add up, a checklist; keeps to the word count (80 to 2,400).
    LongForm,
    /// Numbered steps, each with a test of success.
    HowTo,
    /// Questions and answers.
    Faq,
    /// Bullet lists, and a table as CSV.
    Bullets,
    /// One page.
    Summary,
    /// As little as will pass.
    Terse,
}

/// What a writer hands in.
pub(crate) struct Draft {
    pub(crate) full_text: String,
    pub(crate) summary: String,
    pub(crate) message: String,
    /// Type, file name, content.
    pub(crate) artifact: Option<(&'static str, &'static str, String)>,
}

/// The body of an answer: the price only in prototype mode, for the accepted bid is the contract.
pub(crate) fn answer(style: Style, brief: &Brief) -> Value {
    let draft = match style {
        Style::LongForm => long_form::write(brief),
        Style::HowTo => how_to::write(brief),
        Style::Faq => faq::write(brief),
        Style::Bullets => bullets::write(brief),
        Style::Summary => summary::write(brief),
        Style::Terse => terse::write(brief),
    };
    let mut answer = json!({
        "full_text": draft.full_text.trim(),
        "summary": prose::cut(&draft.summary, SUMMARY_CHARS_MAX),
        "agent_message": prose::cut(&draft.message, MESSAGE_CHARS_MAX),
    });
    if let Some((kind, filename, content)) = draft.artifact {
        answer["artifacts"] = json!([{ "type": kind, "filename": filename, "content": content }]);
    }
    if let Some((currency, budget)) = brief.budget.as_ref().filter(|_| !brief.is_final) {
        answer[format!("bid_price_{currency}")] = price(*budget, style.percent_of_budget());
    }
    answer
}

impl Style {
    const fn percent_of_budget(self) -> u64 {
        match self {
            Style::LongForm => 95,
            Style::HowTo => 82,
            Style::Faq => 68,
            Style::Bullets => 55,
            Style::Summary => 42,
            Style::Terse => 25,
        }
    }
}

/// In whole units from ten up, so that currencies without small coins are served too.
fn price(budget: u64, percent: u64) -> Value {
    let asked = (budget.saturating_mul(percent) / 100).max(1);
    let asked = if asked >= 1000 { asked - asked % 100 } else { asked };
    if asked % 100 == 0 { json!(asked / 100) } else { json!(asked as f64 / 100.0) }
}

/// "Hello Ada, " or "Hello, ".
pub(crate) fn greeting(brief: &Brief) -> String {
    brief.first_name.as_ref().map_or("Hello, ".to_owned(), |name| format!("Hello {name}, "))
}

/// A closing section that says what a revision changed; empty when none was asked for.
pub(crate) fn changes(brief: &Brief, heading: &str) -> String {
    let Some(notes) = &brief.revision_notes else { return String::new() };
    let notes = prose::cut(&prose::bare(notes), 200);
    let first = &brief.points[0];
    format!(
        "\n\n{heading}\n\nYou asked for this change: “{notes}”. The text was written again from the start with that \
         request in front, beginning with {first}.",
        notes = notes.trim_end_matches('.')
    )
}

/// The title as a heading.
pub(crate) fn title(brief: &Brief) -> String {
    prose::capital(&prose::bare(if brief.title.is_empty() { &brief.subject } else { &brief.title }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices() {
        let check =
            |budget, percent, expected: Value| assert_eq!(price(budget, percent), expected, "{budget}");
        check(2500, 95, json!(23));
        check(2500, 25, json!(6.25));
        check(50_000, 82, json!(410));
        check(1, 25, json!(0.01));
    }
}
