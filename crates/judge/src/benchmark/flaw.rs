//! Good work spoilt by rule, to see that the judge tells the difference.

use super::Instance;
use crate::hidden::HiddenKind;
use crate::number;
use crate::text::{Role, Text, item_body};
use crate::work::Work;
use gavel_domain::invitation::Artifact;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Good pieces about matters nobody asks for here.
const OFF_TOPIC: [&str; 2] =
    [include_str!("../../data/off_topic/lighthouses.md"), include_str!("../../data/off_topic/compost.md")];
/// Words of a line that are left in an outline.
const CATCHWORDS: usize = 4;
/// Shorter lines are not worth a placeholder.
const FILLED_WORDS_MIN: usize = 6;
/// So much of a text is left when it breaks off, in percent.
const KEPT_PERCENT: usize = 50;

/// A way to spoil good work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Headings and catchwords instead of text.
    Outline,
    /// Passages left to be filled in.
    Placeholder,
    /// It breaks off half-way.
    Truncated,
    /// It is about something else.
    OffTopic,
    /// The words without the form: no headings, tables or files.
    WrongFormat,
    /// The form and the words with other figures.
    WrongFacts,
}

impl Flaw {
    /// All six.
    pub const ALL: [Flaw; 6] = [
        Flaw::Outline,
        Flaw::Placeholder,
        Flaw::Truncated,
        Flaw::OffTopic,
        Flaw::WrongFormat,
        Flaw::WrongFacts,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Flaw::Outline => "outline",
            Flaw::Placeholder => "placeholder",
            Flaw::Truncated => "truncated",
            Flaw::OffTopic => "off_topic",
            Flaw::WrongFormat => "wrong_format",
            Flaw::WrongFacts => "wrong_facts",
        }
    }

    /// The good work of an instance, spoilt so.
    pub(super) fn spoil(self, instance: &Instance) -> Work {
        let good = &instance.good;
        let text_alone = |full_text| Work { full_text, artifacts: Vec::new() };
        match self {
            Flaw::Outline => text_alone(outline(&good.full_text)),
            Flaw::Placeholder => everywhere(good, with_placeholders),
            Flaw::Truncated => everywhere(good, broken_off),
            Flaw::OffTopic => text_alone(off_topic(instance)),
            Flaw::WrongFormat => text_alone(without_form(good)),
            Flaw::WrongFacts => wrong_facts(instance),
        }
    }
}

fn everywhere(work: &Work, change: impl Fn(&str) -> String) -> Work {
    let artifacts =
        work.artifacts.iter().map(|file| Artifact { content: change(&file.content), ..file.clone() });
    Work { full_text: change(&work.full_text), artifacts: artifacts.collect() }
}

fn outline(full_text: &str) -> String {
    let text = Text::read(full_text);
    let lines = text.written().filter(|line| line.role != Role::Row).map(|line| {
        let content = text.of(line);
        let body = item_body(content).unwrap_or(content);
        match line.role {
            Role::Heading => content.to_owned(),
            _ => format!("- {}", body.split_whitespace().take(CATCHWORDS).collect::<Vec<_>>().join(" ")),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every second longer line is left open, and the cells of every second row.
fn with_placeholders(content: &str) -> String {
    let mut long = 0;
    let lines = content.lines().map(|line| {
        let row = line.starts_with('|') || line.contains(',') && !line.contains(". ") && !line.ends_with('.');
        if row && !line.contains("---")
            || line.split_whitespace().count() >= FILLED_WORDS_MIN && !line.starts_with('#')
        {
            long += 1;
        }
        match (long % 2 == 0 && long > 0, row) {
            (true, false) if line.split_whitespace().count() >= FILLED_WORDS_MIN => {
                "[Insert details here]".to_owned()
            }
            (true, true) if !line.contains("---") => {
                line.chars().map(|c| if c.is_ascii_digit() { '?' } else { c }).collect()
            }
            _ => line.to_owned(),
        }
    });
    let changed = lines.collect::<Vec<_>>().join("\n");
    if changed.contains("[Insert") { changed } else { format!("{changed}\n\n[Insert details here]") }
}

fn broken_off(content: &str) -> String {
    let kept: String = content.chars().take(content.chars().count() * KEPT_PERCENT / 100).collect();
    // In the middle of a word, without a mark that could pass for an end.
    let open = |c: char| !c.is_alphanumeric();
    kept.trim_end_matches(open).to_owned()
}

/// The one of the pieces that shares the fewest words with the brief.
fn off_topic(instance: &Instance) -> String {
    let brief = format!("{} {}", instance.brief.title, instance.brief.description);
    let brief = Text::read(&brief);
    let known: BTreeSet<&str> = brief.stems.iter().map(|stem| stem.text.as_str()).collect();
    let shared = |piece: &&&str| {
        Text::read(piece).stems.iter().filter(|stem| known.contains(stem.text.as_str())).count()
    };
    OFF_TOPIC.iter().min_by_key(shared).map_or_else(String::new, |piece| piece.trim().to_owned())
}

/// All words in one block.
fn without_form(work: &Work) -> String {
    let files = work.artifacts.iter().map(|file| file.content.as_str());
    let lines = std::iter::once(work.full_text.as_str()).chain(files).flat_map(str::lines);
    let plain = lines.map(|line| {
        let content = line.trim().trim_start_matches('#').trim_start();
        let body = item_body(content).unwrap_or(content);
        body.replace(['|', '*', '`', '{', '}', '[', ']', '<', '>', '"'], " ")
            .replace("---", " ")
            .replace(',', ", ")
    });
    plain
        .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Every figure that matters is another one. Where none does, the phrases that matter change places.
fn wrong_facts(instance: &Instance) -> Work {
    let said = instance.checks.iter().filter_map(|check| match &check.kind {
        HiddenKind::Fact(statement) => Some(&statement.says),
        HiddenKind::Cell { value, .. } | HiddenKind::Json { value, .. } => Some(value),
        _ => None,
    });
    let said: BTreeSet<&str> = said.flatten().map(String::as_str).collect();
    let figures: BTreeSet<i128> = said.iter().filter_map(|said| number::exact(said)).collect();
    if figures.is_empty() {
        let phrases: Vec<&str> = said.into_iter().collect();
        return everywhere(&instance.good, |content| rotated(content, &phrases));
    }
    everywhere(&instance.good, |content| with_other_figures(content, &figures))
}

fn with_other_figures(content: &str, figures: &BTreeSet<i128>) -> String {
    let (mut out, mut from) = (String::with_capacity(content.len()), 0);
    for number in number::numbers(content) {
        if number.values.iter().flatten().any(|value| figures.contains(value)) {
            out.push_str(&content[from..number.span.start]);
            out.push_str(&another(&content[number.span.clone()]));
            from = number.span.end;
        }
    }
    out.push_str(&content[from..]);
    out
}

/// The same form with other digits; the first is never nothing.
fn another(digits: &str) -> String {
    let change = |(at, c): (usize, char)| match c.to_digit(10) {
        Some(digit) if at == 0 => char::from_digit(digit % 8 + 2, 10).unwrap_or(c),
        Some(digit) => char::from_digit((digit + 3) % 10, 10).unwrap_or(c),
        None => c,
    };
    digits.char_indices().map(change).collect()
}

/// Each phrase where the next one stood.
fn rotated(content: &str, phrases: &[&str]) -> String {
    let mut out = content.to_owned();
    // By way of signs that no text has, so that nothing is replaced twice.
    for (at, phrase) in phrases.iter().enumerate() {
        out = out.replace(phrase, &format!("\u{E000}{at}\u{E001}"));
    }
    for at in 0..phrases.len() {
        out = out.replace(&format!("\u{E000}{at}\u{E001}"), phrases[(at + 1) % phrases.len()]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spoilt_texts() {
        let text = "# Notes\n\nThe shop sold 120 cakes for 1,440.50 in May and it was glad.\n\nIt is open until six on most days of the week.\n\n- Bring a warm coat and two pairs of gloves.\n- Go.";
        assert_eq!(
            outline(text),
            "# Notes\n- The shop sold 120\n- It is open until\n- Bring a warm coat\n- Go."
        );
        assert!(with_placeholders(text).contains("sold 120 cakes"));
        assert!(with_placeholders(text).contains("\n[Insert details here]\n"));
        assert!(broken_off(text).len() < text.len() * 6 / 10);
        assert!(broken_off(text).ends_with(char::is_alphanumeric));
        let work = Work { full_text: text.into(), artifacts: Vec::new() };
        assert!(without_form(&work).starts_with("Notes The shop sold 120 cakes for 1, 440.50 in May"));
        assert!(!without_form(&work).contains('\n'));
        let figures = BTreeSet::from([1_200_000, 14_405_000]);
        assert!(with_other_figures(text, &figures).contains("sold 353 cakes for 3,773.83 in May"));
        assert_eq!(rotated("Ann, then Bo, then Ann", &["Ann", "Bo"]), "Bo, then Ann, then Bo");
    }

    #[test]
    fn names() {
        for flaw in Flaw::ALL {
            assert_eq!(serde_json::to_value(flaw).unwrap(), flaw.name());
        }
    }
}
