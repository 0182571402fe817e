//! The checks of a task as they are written, made into what the judge holds against a work.

use super::fill::{chosen, fill};
use super::values::{Row, Values};
use crate::checklist::{Check, TextFormat};
use crate::hidden::{HiddenCheck, HiddenKind, Statement};
use crate::quantity::Quantity;
use gavel_domain::invitation::ArtifactKind;
use gavel_domain::score::Dimension;
use serde_json::{Map, Value};

/// How much a check counts unless it says otherwise, in thousandths.
const WEIGHT_MILLI: u32 = 600;

/// A check as it is written: its kind and what that needs; `must`, `weight`, `dimension` and `text`; `for` and `if` make
/// it once for each row of a table.
pub(super) type Entry = Map<String, Value>;

/// The checks of one instance.
pub(super) fn made(entries: &[Entry], values: &Values) -> Vec<HiddenCheck> {
    let mut checks = Vec::new();
    for entry in entries {
        for row in rows(entry, values) {
            let fields = Fields { left: entry.clone(), values, row };
            match fields.check(checks.len() + 1) {
                Ok(check) => checks.push(check),
                Err(problem) => values.remark(format!("a check {}: {problem}", shown(entry))),
            }
        }
    }
    checks
}

/// The kind of file a word names.
pub(super) fn file_kind(name: &str) -> Option<ArtifactKind> {
    ArtifactKind::ALL.into_iter().find(|kind| kind.name() == name)
}

/// What tells an entry from the others, in quotes, for the line number.
fn shown(entry: &Entry) -> String {
    let first = ["says", "text", "row", "name", "term", "begins", "at", "kind"].iter().find_map(|key| {
        match entry.get(*key)? {
            Value::String(text) => Some(text.clone()),
            Value::Array(items) => items.first()?.as_str().map(str::to_owned),
            _ => None,
        }
    });
    format!("\"{}\"", first.unwrap_or_default())
}

/// `None`: once, without a row.
fn rows<'v>(entry: &Entry, values: &'v Values) -> Vec<Option<&'v Row>> {
    let Some(table) = entry.get("for").and_then(Value::as_str) else { return vec![None] };
    let condition = entry.get("if").and_then(Value::as_str);
    let rows = values.table(table).map(|all| chosen(all, condition, values));
    match rows {
        Some(Ok(rows)) => rows.into_iter().map(Some).collect(),
        Some(Err(problem)) => {
            values.remark(format!("a check {}: {problem}", shown(entry)));
            Vec::new()
        }
        None => {
            values.remark(format!("a check {}: there is no table {table:?}", shown(entry)));
            Vec::new()
        }
    }
}

/// The fields of an entry that were not taken yet.
struct Fields<'v> {
    left: Entry,
    values: &'v Values,
    row: Option<&'v Row>,
}

impl Fields<'_> {
    fn check(mut self, number: usize) -> Result<HiddenCheck, String> {
        self.left.remove("for");
        self.left.remove("if");
        let kind = self.text("kind")?;
        let kind = self.kind(&kind)?;
        let must = self.left.remove("must").is_some_and(|must| must == Value::Bool(true));
        let weight = self.left.remove("weight").and_then(|weight| u32::try_from(weight.as_u64()?).ok());
        let dimension = self.maybe_text("dimension").map(|name| named(&name)).transpose()?;
        let text = self.maybe_text("text").unwrap_or_else(|| kind.to_string());
        if let Some(field) = self.left.keys().next() {
            return Err(format!("{field:?} does not belong there"));
        }
        Ok(HiddenCheck {
            id: format!("k{number:02}"),
            dimension: dimension.unwrap_or(kind.dimension()),
            kind,
            weight_milli: weight.unwrap_or(WEIGHT_MILLI),
            must,
            text,
        })
    }

    fn kind(&mut self, kind: &str) -> Result<HiddenKind, String> {
        Ok(match kind {
            "fact" => HiddenKind::Fact(self.statement()?),
            "no_fact" => HiddenKind::NoFact(self.statement()?),
            "cell" => HiddenKind::Cell {
                row: self.texts("row")?,
                column: self.text("column")?,
                value: self.texts("value")?,
            },
            "rows" => HiddenKind::Rows { columns: self.maybe_texts("columns"), count: self.count()? },
            "columns" => HiddenKind::Columns { names: self.texts("names")? },
            "cites" => {
                let sources = self.texts("sources")?;
                let least = self.whole("least").unwrap_or(sources.len());
                HiddenKind::Cites { sources, least }
            }
            "order" => HiddenKind::Order { sections: self.texts("sections")? },
            "section_words" => HiddenKind::SectionWords { name: self.text("name")?, count: self.count()? },
            "lines" => {
                let (begins, chars) = (self.text("begins")?, self.whole("chars"));
                HiddenKind::Lines { begins, count: self.count()?, chars }
            }
            "file" => {
                let name = self.text("type")?;
                let kind = file_kind(&name).ok_or_else(|| format!("there is no file type {name:?}"))?;
                HiddenKind::File { kind }
            }
            "json" => {
                let (at, value) = (self.text("at")?, self.maybe_texts("value"));
                let count = self.left.contains_key("count").then(|| self.count()).transpose()?;
                HiddenKind::Json { at, value, count }
            }
            "short_sentences" => {
                HiddenKind::ShortSentences { words: self.whole("words").ok_or("\"words\" is missing")? }
            }
            other => HiddenKind::Listed(self.listed(other)?),
        })
    }

    /// What a checklist has too.
    fn listed(&mut self, kind: &str) -> Result<Check, String> {
        Ok(match kind {
            "words" => Check::WordCount { count: self.count()? },
            "keyword" => Check::Keyword { term: self.text("term")? },
            "include" => Check::Include { term: self.text("term")? },
            "forbidden" => Check::Forbidden { term: self.text("term")? },
            "section" => Check::Section { name: self.text("name")? },
            "section_count" => Check::SectionCount { count: self.count()? },
            "items" => Check::Items { count: self.count()? },
            "paragraphs" => Check::Paragraphs { count: self.count()? },
            "sentences" => Check::Sentences { count: self.count()? },
            "language" => Check::Language { code: self.text("code")? },
            "format" => {
                let name = self.text("format")?;
                let format =
                    TextFormat::named(&name).ok_or_else(|| format!("there is no format {name:?}"))?;
                Check::Format { format }
            }
            "no_placeholders" => Check::NoPlaceholders,
            "complete" => Check::Complete,
            other => return Err(format!("there is no kind {other:?}")),
        })
    }

    fn statement(&mut self) -> Result<Statement, String> {
        Ok(Statement {
            says: self.texts("says")?,
            near: self.maybe_texts("near"),
            within: self.maybe_text("within"),
        })
    }

    fn text(&mut self, field: &str) -> Result<String, String> {
        self.maybe_text(field).ok_or_else(|| format!("{field:?} is missing"))
    }

    fn maybe_text(&mut self, field: &str) -> Option<String> {
        let value = self.left.remove(field)?;
        self.filled(&value)
    }

    fn texts(&mut self, field: &str) -> Result<Vec<String>, String> {
        let texts = self.maybe_texts(field);
        if texts.is_empty() { Err(format!("{field:?} is missing")) } else { Ok(texts) }
    }

    /// One text, or several.
    fn maybe_texts(&mut self, field: &str) -> Vec<String> {
        match self.left.remove(field) {
            Some(Value::Array(items)) => items.iter().filter_map(|item| self.filled(item)).collect(),
            Some(one) => self.filled(&one).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn whole(&mut self, field: &str) -> Option<usize> {
        let value = self.left.remove(field)?;
        self.filled(&value)?.parse().ok()
    }

    fn count(&mut self) -> Result<Quantity, String> {
        let value = self.left.remove("count").ok_or("\"count\" is missing")?;
        let value = match &value {
            Value::String(_) => self.filled(&value).map(Value::String).unwrap_or_default(),
            other => other.clone(),
        };
        Quantity::read_count(&value).ok_or_else(|| format!("{value} is no count"))
    }

    fn filled(&self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(fill(text, self.values, self.row)),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

fn named(name: &str) -> Result<Dimension, String> {
    let found = Dimension::ALL.into_iter().find(|dimension| dimension.name() == name);
    found.ok_or_else(|| format!("there is no dimension {name:?}"))
}
