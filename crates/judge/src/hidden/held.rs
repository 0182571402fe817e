//! Hidden checks held against a work: its text and the files beside it.

use super::{HiddenCheck, HiddenKind, Statement};
use crate::canonical::Canonical;
use crate::checklist::{ChecklistItem, Met, Subject, content_stems, counted, met, share};
use crate::evidence::Measured;
use crate::format;
use crate::number::{self, Number};
use crate::quality::sentence_length;
use crate::quantity::Quantity;
use crate::tables::{self, Table};
use crate::text::{Line, Role, Text, item_body};
use crate::work::Work;
use gavel_domain::Ppm;
use gavel_domain::invitation::ArtifactKind;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// So many words may lie between a statement and what stands beside it.
const NEAR_WORDS: usize = 20;
/// Characters of a line between its beginning and the colon after it: "Headline 12:".
const COLON_CHARS_MAX: usize = 12;

/// The files of a work as texts: tables as rows, pages without their elements.
pub(crate) fn sources(work: &Work) -> Vec<String> {
    let file = |artifact: &gavel_domain::invitation::Artifact| match artifact.kind {
        ArtifactKind::Csv => as_rows(&artifact.content),
        ArtifactKind::Html => tables::page_as_text(&Canonical::of(&artifact.content).text),
        ArtifactKind::Markdown | ArtifactKind::Json => Canonical::of(&artifact.content).text,
    };
    work.artifacts.iter().map(file).collect()
}

fn as_rows(body: &str) -> String {
    let Some(table) = tables::csv(body) else { return body.to_owned() };
    let row = |cells: &Vec<String>| format!("| {} |\n", cells.join(" | "));
    std::iter::once(&table.header).chain(&table.rows).map(row).collect()
}

/// A work read for its hidden checks.
pub(crate) struct Reading<'a> {
    subject: &'a Subject<'a>,
    /// The text, then its files.
    pages: Vec<Page<'a>>,
    tables: Vec<Table>,
    documents: Vec<Value>,
}

/// A text with what is looked up in it.
struct Page<'a> {
    text: &'a Text<'a>,
    numbers: Vec<Number>,
    stems: HashMap<&'a str, usize>,
    /// Words of each stem, in order.
    places: Vec<Vec<usize>>,
    /// For each line the first row of its table, itself where it is none.
    heads: Vec<usize>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(subject: &'a Subject<'a>, files: &'a [Text<'a>]) -> Self {
        let pages: Vec<Page<'a>> = std::iter::once(subject.text).chain(files).map(Page::new).collect();
        let source = subject.text.source;
        let page = source.contains("</t").then(|| tables::page_as_text(source));
        let own = tables::in_text(page.as_deref().unwrap_or(source));
        let tables = files.iter().flat_map(|file| tables::in_text(file.source)).chain(own).collect();
        Self { subject, pages, tables, documents: format::documents(subject.work, subject.text) }
    }

    /// Runs one check.
    pub(crate) fn check(&self, check: &HiddenCheck, checklist: &[ChecklistItem]) -> Met {
        match &check.kind {
            HiddenKind::Fact(statement) => self.fact(statement),
            HiddenKind::NoFact(statement) => {
                let said = self.fact(statement);
                Met { value: Ppm::new(1_000_000 - said.value.get()), ..said }
            }
            HiddenKind::Cell { row, column, value } => self.cell(row, column, value),
            HiddenKind::Rows { columns, count } => self.rows(columns, *count),
            HiddenKind::Columns { names } => self.columns(names),
            HiddenKind::Cites { sources, least } => self.cites(sources, *least),
            HiddenKind::Order { sections } => self.order(sections),
            HiddenKind::SectionWords { name, count } => self.section_words(name, *count),
            HiddenKind::Lines { begins, count, chars } => self.lines(begins, *count, *chars),
            HiddenKind::File { kind } => {
                let found = self.subject.work.artifacts.iter().filter(|a| a.kind == *kind).count();
                met(share(found.min(1), 1), Measured::Count(found))
            }
            HiddenKind::Json { at, value, count } => self.json(at, value, *count),
            HiddenKind::ShortSentences { words } => {
                let (_, middle) = sentence_length(self.subject.text);
                counted(Quantity { min: 0, max: Some(*words as u64) }, middle)
            }
            HiddenKind::Listed(check) => self.subject.check(check, checklist),
        }
    }

    fn fact(&self, statement: &Statement) -> Met {
        let mut found =
            self.pages.iter().enumerate().filter_map(|(i, page)| Some((i, page.says(statement)?)));
        match found.next() {
            // Only the text itself has places that can be shown.
            Some((page, span)) => {
                Met { value: Ppm::ONE, measured: Measured::Count(1), span: Some(span).filter(|_| page == 0) }
            }
            None => met(Ppm::ZERO, Measured::Count(0)),
        }
    }

    fn cell(&self, keys: &[String], column: &str, values: &[String]) -> Met {
        let cells = self.tables.iter().filter_map(|table| Some((table, table.column(column)?)));
        let cells = cells.flat_map(|(table, at)| table.rows_of(keys).filter_map(move |row| row.get(at)));
        let mut found = None;
        for cell in cells {
            if values.iter().any(|value| tables::says(cell, value)) {
                return met(Ppm::ONE, Measured::Text(cell.clone()));
            }
            found = found.or(Some(cell));
        }
        met(Ppm::ZERO, Measured::Text(found.map_or_else(|| "no such cell".to_owned(), Clone::clone)))
    }

    fn rows(&self, columns: &[String], count: Quantity) -> Met {
        let has = |table: &&Table| columns.iter().all(|name| table.column(name).is_some());
        let rows = self.tables.iter().filter(has).map(|table| table.rows.len());
        // The table that fits best is the one that is meant.
        let best = rows.max_by_key(|rows| count.fit(*rows as u64)).unwrap_or(0);
        counted(count, best)
    }

    fn columns(&self, names: &[String]) -> Met {
        let of = |table: &Table| names.iter().filter(|name| table.column(name).is_some()).count();
        let found = self.tables.iter().map(of).max().unwrap_or(0);
        met(share(found, names.len()), Measured::Count(found))
    }

    fn cites(&self, sources: &[String], least: usize) -> Met {
        let cited: BTreeSet<String> = self.pages.iter().flat_map(Page::citations).collect();
        let known = |sign: &String| sources.iter().any(|source| source.to_lowercase() == *sign);
        let alike = |sign: &String| sources.iter().any(|source| same_sort(source, sign));
        let foreign = cited.iter().any(|sign| alike(sign) && !known(sign));
        let found = cited.iter().filter(|sign| known(sign)).count();
        met(if foreign { Ppm::ZERO } else { share(found, least) }, Measured::Count(found))
    }

    fn order(&self, sections: &[String]) -> Met {
        let page = &self.pages[0];
        let at: Vec<Option<usize>> = sections.iter().map(|name| Some(page.section(name)?.start)).collect();
        let in_order = at.windows(2).filter(|pair| matches!(pair, [Some(a), Some(b)] if a < b)).count();
        met(share(in_order, sections.len().saturating_sub(1)), Measured::Count(in_order))
    }

    fn section_words(&self, name: &str, count: Quantity) -> Met {
        let words = |page: &Page<'_>| page.section(name).map(|span| page.words_in(&span).len());
        counted(count, self.pages.iter().filter_map(words).max().unwrap_or(0))
    }

    fn lines(&self, begins: &str, count: Quantity, chars: Option<usize>) -> Met {
        let begins = begins.to_lowercase();
        let mut after: Vec<&str> = Vec::new();
        for page in &self.pages {
            after.extend(page.text.written().filter_map(|line| rest_of(page.text.of(line), &begins)));
        }
        let fits = |rest: &&str| chars.is_none_or(|most| rest.chars().count() <= most);
        let good = after.iter().filter(|rest| fits(rest)).count();
        let all = share(good, after.len()).get();
        met(Ppm::new(all.min(count.fit(after.len() as u64))), Measured::Count(good))
    }

    fn json(&self, at: &str, values: &[String], count: Option<Quantity>) -> Met {
        let fits = |found: &Value| {
            let said = written(found);
            let has = values.is_empty() || values.iter().any(|value| tables::says(&said, value));
            let size =
                found.as_array().map(Vec::len).or_else(|| found.as_object().map(|fields| fields.len()));
            let counts = count.map_or(1_000_000, |count| count.fit(size.unwrap_or(0) as u64));
            if has { Ppm::new(counts) } else { Ppm::ZERO }
        };
        let mut found = self.documents.iter().filter_map(|document| document.pointer(at));
        let first = found.clone().next().map_or_else(|| "nothing".to_owned(), written);
        let value = found.by_ref().map(fits).max().unwrap_or(Ppm::ZERO);
        met(value, Measured::Text(first.chars().take(200).collect()))
    }
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `S1` and `s12`: the same letters before the digits.
fn same_sort(source: &str, sign: &str) -> bool {
    let letters = |text: &str| text.to_lowercase().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    letters(source) == letters(sign)
}

/// What follows in a line that begins so, without the marks of lists, headings and emphasis, a number and a colon.
fn rest_of<'t>(line: &'t str, begins: &str) -> Option<&'t str> {
    let marks = |c: char| c.is_whitespace() || "#*>_\"\u{201C}\u{201D}".contains(c);
    let body = item_body(line).unwrap_or(line).trim_matches(marks);
    let start = body.get(..begins.len()).filter(|start| start.to_lowercase() == begins)?;
    let rest = &body[start.len()..];
    let colon = rest.char_indices().take(COLON_CHARS_MAX).find(|(_, c)| *c == ':');
    Some(rest[colon.map_or(0, |(at, _)| at + 1)..].trim_matches(marks))
}

impl<'a> Page<'a> {
    fn new(text: &'a Text<'a>) -> Self {
        let stems = text.stems.iter().enumerate().map(|(i, stem)| (stem.text.as_str(), i)).collect();
        let mut places = vec![Vec::new(); text.stems.len()];
        for (at, word) in text.words.iter().enumerate() {
            places[text.stem_of(*word)].push(at);
        }
        Self { text, numbers: number::numbers(text.source), stems, places, heads: heads(text) }
    }

    /// Where a statement is made, if it is.
    fn says(&self, statement: &Statement) -> Option<Range<usize>> {
        let section = match &statement.within {
            Some(name) => self.section(name)?,
            None => 0..self.text.source.len(),
        };
        let mut beside: Vec<Range<usize>> =
            statement.near.iter().flat_map(|label| self.phrase(label)).collect();
        beside.sort_unstable_by_key(|label| label.start);
        let fits = |words: &Range<usize>| {
            let span = self.span(words);
            let inside = section.start <= span.start && span.end <= section.end;
            inside && (statement.near.is_empty() || self.is_near(words, &beside))
        };
        let places = statement.says.iter().flat_map(|said| self.places_of(said));
        places.into_iter().find(fits).map(|words| self.span(&words))
    }

    /// Where a number or phrase stands, as ranges of words.
    fn places_of(&self, said: &str) -> Vec<Range<usize>> {
        let Some(value) = number::exact(said) else { return self.phrase(said) };
        let percent = said.trim_end().ends_with('%');
        let numbers = self.numbers.iter().filter(|number| number.is(value));
        let digits = numbers.map(|number| self.words_in(&number.span)).filter(|words| !words.is_empty());
        let digits = digits.filter(|words| !percent || self.is_percent(words));
        let word = number::word(value).into_iter().flat_map(|word| self.phrase(word));
        digits.chain(word).filter(|words| !words.is_empty()).collect()
    }

    /// A sign or word for it follows, or the head of a column says so.
    fn is_percent(&self, words: &Range<usize>) -> bool {
        let after = self.text.source[self.span(words).end..]
            .trim_start_matches([' ', '*', '_', '\u{a0}', '\u{202f}']);
        let said = ["%", "percent", "per cent", "pct"].iter().any(|sign| after.starts_with(sign));
        let line = self.text.lines.get(self.line_of(words.start));
        said || line.is_some_and(|line| line.role == Role::Row)
    }

    /// Where the words of a phrase stand together, compared by stems.
    fn phrase(&self, phrase: &str) -> Vec<Range<usize>> {
        let wanted = Text::read(phrase);
        let ids: Option<Vec<usize>> = wanted
            .words
            .iter()
            .map(|w| self.stems.get(wanted.stems[wanted.stem_of(*w)].text.as_str()).copied())
            .collect();
        let Some(ids) = ids.filter(|ids| !ids.is_empty()) else { return Vec::new() };
        let words = &self.text.words;
        let runs = self.places[ids[0]].iter().filter(|start| {
            let run = words.get(**start..**start + ids.len()).unwrap_or_default();
            run.len() == ids.len() && run.iter().zip(&ids).all(|(word, id)| self.text.stem_of(*word) == *id)
        });
        runs.map(|start| *start..*start + ids.len()).collect()
    }

    /// A few words apart, in one row of a table, or a cell and the head of its table. The labels are in order.
    fn is_near(&self, words: &Range<usize>, labels: &[Range<usize>]) -> bool {
        let next = labels.partition_point(|label| label.start < words.end);
        let gap = |label: &Range<usize>| {
            label.start.saturating_sub(words.end).max(words.start.saturating_sub(label.end))
        };
        let around = labels[next.saturating_sub(1)..labels.len().min(next + 1)].iter();
        if around.clone().any(|label| gap(label) <= NEAR_WORDS) {
            return true;
        }
        let line = self.line_of(words.start);
        let is_row = self.text.lines.get(line).is_some_and(|line| line.role == Role::Row);
        let holds_one = |line: usize| {
            let words = &self.text.lines[line].words;
            labels.get(labels.partition_point(|l| l.start < words.start)).is_some_and(|l| l.start < words.end)
        };
        is_row && (holds_one(line) || holds_one(self.heads[line]))
    }

    fn line_of(&self, word: usize) -> usize {
        self.text.lines.partition_point(|line| line.words.end <= word)
    }

    fn span(&self, words: &Range<usize>) -> Range<usize> {
        self.text.words[words.start].start..self.text.words[words.end - 1].end
    }

    fn words_in(&self, span: &Range<usize>) -> Range<usize> {
        let words = &self.text.words;
        words.partition_point(|w| w.end <= span.start)..words.partition_point(|w| w.start < span.end)
    }

    /// From the heading that says the name to the next one of its rank or a higher one, in bytes.
    fn section(&self, name: &str) -> Option<Range<usize>> {
        let wanted: Option<Vec<usize>> =
            content_stems(name).iter().map(|stem| self.stems.get(stem.as_str()).copied()).collect();
        let wanted = wanted.filter(|wanted| !wanted.is_empty())?;
        let headings = || self.text.lines.iter().filter(|line| line.role == Role::Heading);
        let says = |line: &&Line| {
            let words = &self.text.words[line.words.clone()];
            wanted.iter().all(|stem| words.iter().any(|word| self.text.stem_of(*word) == *stem))
        };
        // The one that says the least beside it: a title may hold the same words by chance.
        let heading = headings().filter(says).min_by_key(|line| line.words.len())?;
        let rank = rank(self.text.of(heading));
        let next = headings()
            .find(|line| line.span.start > heading.span.start && self::rank(self.text.of(line)) <= rank);
        Some(heading.span.start..next.map_or(self.text.source.len(), |line| line.span.start))
    }

    /// The signs in square brackets, in lower case: `[S1]`, `[S1, S2]`.
    fn citations(&self) -> Vec<String> {
        let brackets = self.text.source.split('[').skip(1).filter_map(|part| part.split_once(']'));
        let signs = brackets.flat_map(|(inside, _)| inside.split([',', ';', ' ']));
        let short = signs.filter(|sign| (2..=8).contains(&sign.len()));
        short.map(str::to_lowercase).collect()
    }
}

fn heads(text: &Text<'_>) -> Vec<usize> {
    let mut head = None;
    let rows = text.lines.iter().enumerate().map(|(at, line)| {
        head = head.filter(|_| line.role == Role::Row).or((line.role == Role::Row).then_some(at));
        head.unwrap_or(at)
    });
    rows.collect()
}

/// Fewer are higher; bold lines are the lowest.
fn rank(heading: &str) -> usize {
    let html = heading.strip_prefix("<h").and_then(|rest| rest.chars().next()?.to_digit(10));
    match heading.bytes().take_while(|b| *b == b'#').count() {
        0 => html.map_or(7, |rank| rank as usize),
        hashes => hashes,
    }
}
