//! The checklist of a brief: what is checked, and how well one work meets each item.

use crate::evidence::Measured;
use crate::format;
use crate::gates::{Gate, GateKind};
use crate::language;
use crate::quantity::Quantity;
use crate::text::{Line, Role, Text, stem};
use crate::words::{Commonness, commonness};
use crate::work::Work;
use gavel_domain::Ppm;
use gavel_domain::score::Dimension;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

/// Words of a line that may be a heading without being marked as one.
const TITLE_WORDS_MAX: usize = 8;
/// Words of a marked heading.
const HEADING_WORDS_MAX: usize = 40;

/// One thing every bid of the task is checked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistItem {
    /// Unique within the checklist.
    pub id: String,
    /// What is checked: `kind` and `params`.
    #[serde(flatten)]
    pub check: Check,
    /// How much it counts, in thousandths.
    pub weight_milli: u32,
    /// The field of the brief it comes from.
    pub source: String,
    /// The item in words, for the buyer.
    pub text: String,
}

/// What is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "params", rename_all = "snake_case")]
pub enum Check {
    /// The number of words.
    WordCount {
        /// How many.
        count: Quantity,
    },
    /// A word or phrase that must occur, in any inflection.
    Keyword {
        /// The phrase.
        term: String,
    },
    /// Something that must be spoken of; its words may stand apart.
    Include {
        /// What.
        term: String,
    },
    /// A word or phrase that must not occur.
    Forbidden {
        /// The phrase.
        term: String,
    },
    /// A section with this name.
    Section {
        /// Its name.
        name: String,
    },
    /// The number of sections.
    SectionCount {
        /// How many.
        count: Quantity,
    },
    /// The number of list items, rows or files.
    Items {
        /// How many.
        count: Quantity,
    },
    /// The number of paragraphs.
    Paragraphs {
        /// How many.
        count: Quantity,
    },
    /// The number of sentences.
    Sentences {
        /// How many.
        count: Quantity,
    },
    /// The form of the text or of a file beside it.
    Format {
        /// Which.
        format: TextFormat,
    },
    /// The language.
    Language {
        /// ISO 639-1.
        code: String,
    },
    /// No passages left to be filled in.
    NoPlaceholders,
    /// Finished: no outline, no promise, no broken end.
    Complete,
    /// The format that was asked for (again, as a rule).
    RequestedFormat,
}

/// Forms that can be told from the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFormat {
    /// Headings, lists or emphasis in markdown.
    Markdown,
    /// Elements in angle brackets.
    Html,
    /// JSON, alone or in a code block.
    Json,
    /// Rows of equal length.
    Csv,
    /// A table.
    Table,
    /// A list.
    List,
    /// No markup.
    Plain,
}

impl TextFormat {
    /// The format a buyer named; `None` for what cannot be told from text.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_lowercase().trim_start_matches('.') {
            "markdown" | "md" | "text/markdown" => Some(Self::Markdown),
            "html" | "text/html" => Some(Self::Html),
            "json" | "application/json" => Some(Self::Json),
            "csv" | "text/csv" => Some(Self::Csv),
            "table" => Some(Self::Table),
            "list" | "bullets" | "bullet_points" | "bullet points" | "bulleted list" => Some(Self::List),
            "plain" | "text" | "txt" | "plain_text" | "plain text" | "text/plain" => Some(Self::Plain),
            several => Self::only_one(several),
        }
    }

    /// The one format among several words; none where there are two.
    fn only_one(words: &str) -> Option<Self> {
        let named = |word: &str| match word {
            "markdown" => Some(Self::Markdown),
            "html" => Some(Self::Html),
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "table" => Some(Self::Table),
            _ => None,
        };
        let mut found = words.split(|c: char| !c.is_alphanumeric()).filter_map(named);
        found.next().filter(|first| found.all(|other| other == *first))
    }

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Table => "a table",
            Self::List => "a list",
            Self::Plain => "plain text",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WordCount { count } => write!(f, "has {count} words"),
            Self::Keyword { term } => write!(f, "mentions \"{term}\""),
            Self::Include { term } => write!(f, "covers \"{term}\""),
            Self::Forbidden { term } => write!(f, "avoids \"{term}\""),
            Self::Section { name } => write!(f, "has a section \"{name}\""),
            Self::SectionCount { count } => write!(f, "has {count} sections"),
            Self::Items { count } => write!(f, "has {count} items"),
            Self::Paragraphs { count } => write!(f, "has {count} paragraphs"),
            Self::Sentences { count } => write!(f, "has {count} sentences"),
            Self::Format { format } => write!(f, "is {}", format.name()),
            Self::Language { code } => write!(f, "is written in {code}"),
            Self::NoPlaceholders => f.write_str("has no passages left to be filled in"),
            Self::Complete => f.write_str("is finished"),
            Self::RequestedFormat => f.write_str("has the format that was asked for"),
        }
    }
}

impl ChecklistItem {
    /// The dimension the item counts in.
    pub fn dimension(&self) -> Dimension {
        self.check.dimension()
    }
}

impl Check {
    /// The dimension it counts in.
    pub fn dimension(&self) -> Dimension {
        match self {
            Check::Format { .. } | Check::RequestedFormat => Dimension::FormatCompliance,
            _ => Dimension::TaskCompletion,
        }
    }
}

/// How well one work meets one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Met {
    /// From not at all to fully.
    pub(crate) value: Ppm,
    /// What was found.
    pub(crate) measured: Measured,
    /// Where, in bytes of the canonical text.
    pub(crate) span: Option<Range<usize>>,
}

/// A work as the checks see it.
pub(crate) struct Subject<'a> {
    pub(crate) work: &'a Work,
    pub(crate) text: &'a Text<'a>,
    pub(crate) gates: &'a [Gate],
    stems: HashMap<&'a str, usize>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(work: &'a Work, text: &'a Text<'a>, gates: &'a [Gate]) -> Self {
        let stems = text.stems.iter().enumerate().map(|(i, stem)| (stem.text.as_str(), i)).collect();
        Self { work, text, gates, stems }
    }

    /// Runs one check.
    pub(crate) fn check(&self, check: &Check, checklist: &[ChecklistItem]) -> Met {
        let text = self.text;
        match check {
            Check::WordCount { count } => counted(*count, text.words.len()),
            Check::Keyword { term } => self.keyword(term),
            Check::Include { term } => self.include(term),
            Check::Forbidden { term } => self.forbidden(term),
            Check::Section { name } => self.section(name),
            Check::SectionCount { count } => counted(*count, sections(text)),
            Check::Items { count } => counted(*count, self.items()),
            Check::Paragraphs { count } => counted(*count, text.distinct_paragraphs()),
            Check::Sentences { count } => counted(*count, text.sentences().count()),
            Check::Format { format } => self.format(*format),
            Check::Language { code } => self.language(code),
            Check::NoPlaceholders => self.without(&[GateKind::Placeholder]),
            Check::Complete => self.without(&[
                GateKind::Empty,
                GateKind::Stub,
                GateKind::Outline,
                GateKind::Truncated,
                GateKind::Refusal,
            ]),
            Check::RequestedFormat => self.requested_format(checklist),
        }
    }

    fn keyword(&self, term: &str) -> Met {
        match self.find(term) {
            Found::Phrase(times, span) => {
                Met { value: Ppm::ONE, measured: Measured::Count(times), span: Some(span) }
            }
            // All its words, but apart: a reader may take it for the phrase.
            Found::Apart => met(Ppm::new(500_000), Measured::Count(0)),
            Found::Missing { .. } => met(Ppm::ZERO, Measured::Count(0)),
        }
    }

    fn include(&self, term: &str) -> Met {
        match self.find(term) {
            Found::Phrase(times, span) => {
                Met { value: Ppm::ONE, measured: Measured::Count(times), span: Some(span) }
            }
            Found::Apart => met(Ppm::ONE, Measured::Count(1)),
            Found::Missing { present, of } => met(share(present, of), Measured::Count(present)),
        }
    }

    fn forbidden(&self, term: &str) -> Met {
        match self.find(term) {
            Found::Phrase(times, span) => {
                Met { value: Ppm::ZERO, measured: Measured::Count(times), span: Some(span) }
            }
            Found::Apart | Found::Missing { .. } => met(Ppm::ONE, Measured::Count(0)),
        }
    }

    /// Where the words of a term stand, compared by stems.
    fn find(&self, term: &str) -> Found {
        let wanted = Text::read(term);
        let ids: Vec<Option<usize>> = wanted
            .words
            .iter()
            .map(|w| self.stems.get(wanted.stems[wanted.stem_of(*w)].text.as_str()).copied())
            .collect();
        if let Some(ids) = ids.iter().copied().collect::<Option<Vec<_>>>().filter(|ids| !ids.is_empty()) {
            return self.find_phrase(&ids);
        }
        let matters =
            |w: &crate::text::Word| wanted.stems[wanted.stem_of(*w)].commonness != Commonness::Function;
        let content = wanted.words.iter().zip(&ids).filter(|(word, _)| matters(word));
        let (present, of) = content.fold((0, 0), |(p, n), (_, id)| (p + usize::from(id.is_some()), n + 1));
        Found::Missing { present, of }
    }

    fn find_phrase(&self, ids: &[usize]) -> Found {
        let words = &self.text.words;
        let mut at = words
            .windows(ids.len())
            .filter(|run| run.iter().zip(ids).all(|(w, id)| self.text.stem_of(*w) == *id));
        match at.next() {
            Some(run) => Found::Phrase(1 + at.count(), run[0].start..run[run.len() - 1].end),
            None => Found::Apart,
        }
    }

    /// A heading (or a short line) that says the name; half for one that is only spoken of.
    fn section(&self, name: &str) -> Met {
        let stems = content_stems(name);
        let wanted: Option<Vec<usize>> = stems.iter().map(|s| self.stems.get(s.as_str()).copied()).collect();
        let wanted = wanted.filter(|wanted| !wanted.is_empty());
        let says = |line: &&Line| {
            let words = &self.text.words[line.words.clone()];
            let has = |stem: &usize| words.iter().any(|w| self.text.stem_of(*w) == *stem);
            is_title(line) && wanted.as_ref().is_some_and(|wanted| wanted.iter().all(has))
        };
        if let Some(line) = self.text.lines.iter().find(says) {
            return Met { value: Ppm::ONE, measured: Measured::Count(1), span: Some(line.span.clone()) };
        }
        match self.find(name) {
            Found::Phrase(_, span) => {
                Met { value: Ppm::new(400_000), measured: Measured::Count(0), span: Some(span) }
            }
            _ => met(Ppm::ZERO, Measured::Count(0)),
        }
    }

    fn items(&self) -> usize {
        let rows = self.text.count(Role::Row).saturating_sub(2);
        self.text.distinct_items().max(rows).max(self.work.artifacts.len())
    }

    fn format(&self, format: TextFormat) -> Met {
        met(format::fits(self.work, self.text, format), Measured::Text(format.name().to_owned()))
    }

    fn language(&self, code: &str) -> Met {
        let found = language::of(self.text);
        let fits = found.zip(language::named(code)).is_none_or(|(found, expected)| found.may_be(expected));
        let measured = Measured::Text(found.map_or("unknown", |f| f.code()).to_owned());
        met(if fits { Ppm::ONE } else { Ppm::ZERO }, measured)
    }

    fn without(&self, kinds: &[GateKind]) -> Met {
        let gate = self.gates.iter().find(|gate| kinds.contains(&gate.kind));
        let measured = Measured::Count(gate.map_or(0, |gate| gate.spans.len().max(1)));
        let span = gate.and_then(|gate| gate.spans.first().cloned());
        Met { value: if gate.is_some() { Ppm::ZERO } else { Ppm::ONE }, measured, span }
    }

    fn requested_format(&self, checklist: &[ChecklistItem]) -> Met {
        let asked = checklist.iter().find_map(|item| match item.check {
            Check::Format { format } => Some(format),
            _ => None,
        });
        asked.map_or_else(|| met(Ppm::ONE, Measured::Count(0)), |format| self.format(format))
    }
}

enum Found {
    /// How often, and where first.
    Phrase(usize, Range<usize>),
    /// All its words, never together.
    Apart,
    /// So many of its words that matter.
    Missing { present: usize, of: usize },
}

pub(crate) fn met(value: Ppm, measured: Measured) -> Met {
    Met { value, measured, span: None }
}

pub(crate) fn counted(count: Quantity, found: usize) -> Met {
    met(Ppm::new(count.fit(found as u64)), Measured::Count(found))
}

/// A part of a whole, rounded down; all of nothing.
pub(crate) fn share(part: usize, whole: usize) -> Ppm {
    if whole == 0 {
        return Ppm::ONE;
    }
    Ppm::new(u32::try_from(part.min(whole) as u128 * 1_000_000 / whole as u128).unwrap_or(0))
}

/// Marked headings; where there are none, short lines that end with a colon.
fn sections(text: &Text<'_>) -> usize {
    let marked = text.count(Role::Heading);
    let plain = |line: &&Line| line.role == Role::Prose && is_title(line) && text.of(line).ends_with(':');
    if marked > 0 { marked } else { text.lines.iter().filter(plain).count() }
}

fn is_title(line: &Line) -> bool {
    let most = match line.role {
        Role::Heading => HEADING_WORDS_MAX,
        Role::Prose | Role::Item => TITLE_WORDS_MAX,
        Role::Blank | Role::Row | Role::Fence | Role::Code => 0,
    };
    (1..=most).contains(&line.words.len())
}

/// The stems that carry matter; all of them where none does, as in "Why us".
pub(crate) fn content_stems(name: &str) -> Vec<String> {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    let stems: Vec<String> = words.map(|word| stem(word).into_owned()).collect();
    let matter = stems.iter().filter(|stem| commonness(stem) != Commonness::Function);
    let matter: Vec<String> = matter.cloned().collect();
    if matter.is_empty() { stems } else { matter }
}

#[cfg(test)]
mod tests;
