//! A brief compiled once per task: the checklist every bid is held against, and what the measures need to know.

use crate::checklist::{Check, ChecklistItem, TextFormat};
use crate::hidden::HiddenCheck;
use crate::language::{self, Language};
use crate::quantity::Quantity;
use crate::text::Text;
use crate::words::Commonness;
use gavel_domain::score::Dimension;
use gavel_domain::task::Brief;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// Terms read from one list; a brief with more is read so far.
const TERMS_MAX: usize = 50;
/// Characters of one term.
const TERM_CHARS_MAX: usize = 100;
/// A bare "length" below this is not one in words: it may be pages or minutes.
const LENGTH_MIN: u64 = 50;
/// How deep requirements are searched for text.
const DEPTH_MAX: usize = 16;
/// Work that must have this many words is prose, whatever else is said of it.
const PROSE_WORDS_MIN: u64 = 100;

/// A brief compiled once per task. Every bid of the task is judged against the same one.
#[derive(Debug)]
pub struct CompiledBrief {
    checklist: Vec<ChecklistItem>,
    /// What the author of the task knows beside it.
    hidden: Vec<HiddenCheck>,
    /// Stems of the brief, numbered.
    pub(crate) stems: HashMap<String, u32>,
    /// Runs of four stems of the brief.
    pub(crate) shingles: HashSet<[u32; 4]>,
    /// Idf (thousandths) by number of stem; nothing for what only carries grammar.
    pub(crate) matter: Vec<u64>,
    /// The text of the brief in lower case, to excuse what it speaks of itself.
    pub(crate) lower: String,
    /// The stems of the first and of the last sentence of the description.
    pub(crate) instruction: [HashSet<String>; 2],
    /// How many words are asked for.
    pub(crate) words: Option<Quantity>,
    /// The language the work must be in, where that is clear.
    pub(crate) language: Option<&'static Language>,
    /// Flowing text is wanted, not a list.
    pub(crate) wants_prose: bool,
    /// SHA-256 of all that was compiled.
    pub(crate) hash: [u8; 32],
}

impl CompiledBrief {
    /// What every bid is checked for, in the order the buyer sees.
    pub fn checklist(&self) -> &[ChecklistItem] {
        &self.checklist
    }

    /// The same with checks that only the judge sees.
    #[must_use]
    pub fn with_hidden(mut self, checks: Vec<HiddenCheck>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.hash);
        checks.iter().for_each(|check| hasher.update(format!("{check:?}\n").as_bytes()));
        self.hash = hasher.finalize().into();
        self.hidden = checks;
        self
    }

    /// What only the judge sees.
    pub fn hidden(&self) -> &[HiddenCheck] {
        &self.hidden
    }

    /// The weight of the items of one dimension, in thousandths.
    pub(crate) fn weight_of(&self, dimension: Dimension) -> u64 {
        let listed = self.checklist.iter().map(|item| (item.dimension(), item.weight_milli));
        let hidden = self.hidden.iter().map(|check| (check.dimension, check.weight_milli));
        listed.chain(hidden).filter(|(of, _)| *of == dimension).map(|(_, weight)| u64::from(weight)).sum()
    }
}

/// Compiles a brief. Requirements the judge does not know are passed over without penalty.
pub fn compile(brief: &Brief) -> CompiledBrief {
    let mut builder = Builder::default();
    builder.fields("requirements", &brief.requirements);
    match &brief.output_spec {
        Some(Value::Object(fields)) => builder.fields("output_spec", fields),
        Some(Value::String(text)) => builder.field("output_spec", "format", &Value::String(text.clone())),
        _ => {}
    }
    builder.quality_rules(&brief.quality_rules);
    let prose = format!("{}\n{}", brief.title, brief.description);
    let mut all = prose.clone();
    brief.requirements.values().chain(&brief.output_spec).for_each(|value| append_text(value, &mut all, 0));
    let read = Text::read(&all);
    let (stems, matter, shingles) = numbered(&read);
    let (words, named) = (builder.words, builder.language);
    CompiledBrief {
        words,
        instruction: instruction(&Text::read(&brief.description)),
        language: named.or_else(|| implied_language(&prose)),
        wants_prose: wants_prose(&read, words, &builder.items),
        checklist: builder.items,
        hidden: Vec::new(),
        stems,
        matter,
        shingles,
        lower: all.to_lowercase(),
        hash: hash(brief),
    }
}

#[derive(Default)]
struct Builder {
    items: Vec<ChecklistItem>,
    words: Option<Quantity>,
    language: Option<&'static Language>,
}

impl Builder {
    fn fields(&mut self, source: &str, fields: &Map<String, Value>) {
        for (key, value) in fields {
            self.field(source, key, value);
        }
    }

    /// One structured requirement, by any of the names buyers give it.
    fn field(&mut self, source: &str, key: &str, value: &Value) {
        let source = format!("{source}.{key}");
        match normal(key).as_str() {
            "word_count" | "words" | "wordcount" | "word_limit" | "length" | "target_words"
            | "target_word_count" | "word_count_range" | "word_range" | "number_of_words" => {
                self.word_count(&source, read_words(key, value));
            }
            "min_words" | "minimum_words" | "min_word_count" | "minimum_word_count" => {
                self.word_count(&source, least(value))
            }
            "max_words" | "maximum_words" | "max_word_count" | "maximum_word_count" => {
                self.word_count(&source, most(value))
            }
            "keywords" | "seo_keywords" | "required_keywords" | "target_keywords" | "key_terms"
            | "must_mention" | "primary_keyword" | "secondary_keywords" | "focus_keyword" => {
                self.terms(&source, value, 2000, |term| Check::Keyword { term });
            }
            "must_include" | "include" | "required_elements" | "must_contain" | "required_phrases"
            | "key_points" => {
                self.terms(&source, value, 2000, |term| Check::Include { term });
            }
            "forbidden_words" | "forbidden" | "avoid_words" | "banned_words" | "words_to_avoid"
            | "must_not_include" | "do_not_use" | "exclude_words" | "negative_keywords" => {
                self.terms(&source, value, 1000, |term| Check::Forbidden { term });
            }
            "sections" | "required_sections" | "headings" | "mandatory_sections" => {
                self.sections(&source, value)
            }
            "format" | "output_format" | "file_format" | "deliverable_format" => self.format(&source, value),
            "language" | "lang" | "locale" | "output_language" | "target_language" => {
                self.language(&source, value);
            }
            "items" | "item_count" | "count" | "num_items" | "number_of_items" | "list_items"
            | "quantity" => {
                self.counted(&source, value, |count| Check::Items { count });
            }
            "paragraphs" | "paragraph_count" => {
                self.counted(&source, value, |count| Check::Paragraphs { count })
            }
            "sentences" | "sentence_count" => {
                self.counted(&source, value, |count| Check::Sentences { count })
            }
            _ => {}
        }
    }

    fn quality_rules(&mut self, rules: &Map<String, Value>) {
        for (rule, value) in rules.iter().filter(|(_, value)| **value == Value::Bool(true)) {
            let _ = value;
            let check = match normal(rule).as_str() {
                "no_placeholder_content" => Check::NoPlaceholders,
                "complete_deliverable" => Check::Complete,
                "match_requested_format"
                    if self.items.iter().any(|i| matches!(i.check, Check::Format { .. })) =>
                {
                    Check::RequestedFormat
                }
                _ => continue,
            };
            self.push(&format!("quality_rules.{rule}"), 500, check);
        }
    }

    fn word_count(&mut self, source: &str, count: Option<Quantity>) {
        let Some(count) = count else { return };
        // A least and a most given apart are one demand.
        let joined = self.words.map_or(count, |known| known.and(count));
        self.items.retain(|item| !matches!(item.check, Check::WordCount { .. }));
        self.words = Some(joined);
        self.push(source, 2000, Check::WordCount { count: joined });
    }

    fn terms(&mut self, source: &str, value: &Value, weight: usize, check: impl Fn(String) -> Check) {
        let terms = terms(value);
        for term in &terms {
            self.push(source, (weight / terms.len()).max(1), check(term.clone()));
        }
    }

    fn sections(&mut self, source: &str, value: &Value) {
        match value {
            Value::Number(_) => self.counted(source, value, |count| Check::SectionCount { count }),
            _ => self.terms(source, value, 1500, |name| Check::Section { name }),
        }
    }

    fn format(&mut self, source: &str, value: &Value) {
        let field = |name| value.get(name).and_then(Value::as_str);
        let only = value.as_array().and_then(|values| values.first().filter(|_| values.len() == 1)?.as_str());
        let name = value.as_str().or(only).or_else(|| field("type")).or_else(|| field("format"));
        let named = name.and_then(TextFormat::named);
        if let Some(format) = named {
            self.push(source, 1500, Check::Format { format });
        }
    }

    fn language(&mut self, source: &str, value: &Value) {
        let Some(language) = value.as_str().and_then(language::named) else { return };
        self.language = Some(language);
        self.push(source, 1500, Check::Language { code: language.code.to_owned() });
    }

    fn counted(&mut self, source: &str, value: &Value, check: impl Fn(Quantity) -> Check) {
        if let Some(count) = Quantity::read_count(value) {
            self.push(source, 1500, check(count));
        }
    }

    fn push(&mut self, source: &str, weight: usize, check: Check) {
        let id = format!("c{:02}", self.items.len() + 1);
        let weight_milli = u32::try_from(weight).unwrap_or(1);
        self.items.push(ChecklistItem {
            id,
            text: check.to_string(),
            check,
            weight_milli,
            source: source.to_owned(),
        });
    }
}

/// `wordCount`, `Word Count` and `word-count` are `word_count`.
fn normal(key: &str) -> String {
    let mut normal = String::with_capacity(key.len() + 4);
    let mut after_lower = false;
    for c in key.chars().take(TERM_CHARS_MAX) {
        match c {
            '-' | ' ' | '_' => normal.push('_'),
            c if c.is_uppercase() => {
                if after_lower {
                    normal.push('_');
                }
                normal.extend(c.to_lowercase());
            }
            c => normal.push(c),
        }
        after_lower = c.is_lowercase();
    }
    normal
}

/// "length" is a number of words only when it says so or is a bare number that can be: "two pages" is not.
fn read_words(key: &str, value: &Value) -> Option<Quantity> {
    let other_unit = |text: &str| {
        let lower = text.to_lowercase();
        let units =
            ["page", "char", "minute", "second", "paragraph", "sentence", "slide", "line", "hour", "token"];
        units.iter().any(|unit| lower.contains(unit))
    };
    match value {
        Value::String(text) if other_unit(text) => None,
        _ if normal(key) != "length" => Quantity::read(value),
        Value::Number(number) if number.as_u64().is_some_and(|n| n >= LENGTH_MIN) => Quantity::read(value),
        Value::String(text) if text.to_lowercase().contains("word") => Quantity::read(value),
        _ => None,
    }
}

fn least(value: &Value) -> Option<Quantity> {
    Quantity::read_count(value).map(|q| Quantity { min: q.min, max: None })
}

fn most(value: &Value) -> Option<Quantity> {
    Quantity::read_count(value).map(|q| Quantity { min: 0, max: Some(q.max.unwrap_or(q.min)) })
}

/// The terms of a list, of a comma-separated text, or the names in a list of objects.
fn terms(value: &Value) -> Vec<String> {
    let listed: Vec<&str> = match value {
        Value::String(text) => text.split([',', ';', '\n']).collect(),
        Value::Array(values) => values.iter().filter_map(term_of).collect(),
        // {"primary": "...", "secondary": ["...", "..."]}
        Value::Object(fields) => fields.values().flat_map(several).filter_map(term_of).collect(),
        _ => Vec::new(),
    };
    let mut seen = HashSet::new();
    let cleaned = listed.into_iter().map(|term| term.trim().chars().take(TERM_CHARS_MAX).collect::<String>());
    let worded = cleaned.filter(|term| term.chars().any(char::is_alphanumeric));
    worded.filter(|term| seen.insert(term.to_lowercase())).take(TERMS_MAX).collect()
}

fn several(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn term_of(value: &Value) -> Option<&str> {
    let field = |name| value.get(name).and_then(Value::as_str);
    value.as_str().or_else(|| field("name").or_else(|| field("title")).or_else(|| field("keyword")))
}

fn append_text(value: &Value, text: &mut String, depth: usize) {
    match value {
        Value::String(part) => {
            text.push('\n');
            text.push_str(part);
        }
        Value::Array(values) if depth < DEPTH_MAX => {
            values.iter().for_each(|v| append_text(v, text, depth + 1))
        }
        Value::Object(fields) if depth < DEPTH_MAX => {
            fields.values().for_each(|v| append_text(v, text, depth + 1));
        }
        _ => {}
    }
}

type Numbered = (HashMap<String, u32>, Vec<u64>, HashSet<[u32; 4]>);

fn numbered(text: &Text<'_>) -> Numbered {
    let number = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
    let stems = text.stems.iter().enumerate().map(|(i, stem)| (stem.text.clone(), number(i))).collect();
    let matter = text.stems.iter().map(|stem| match stem.commonness {
        Commonness::Function => 0,
        other => other.milli_idf(),
    });
    let ids: Vec<u32> = text.words.iter().map(|word| number(text.stem_of(*word))).collect();
    (stems, matter.collect(), ids.windows(4).map(|w| [w[0], w[1], w[2], w[3]]).collect())
}

fn instruction(description: &Text<'_>) -> [HashSet<String>; 2] {
    let mut sentences = description.sentences();
    let first = sentences.next();
    let last = sentences.last().or_else(|| first.clone());
    [first, last].map(|sentence| {
        let words = description.words[sentence.unwrap_or(0..0)].iter();
        words.map(|word| description.stems[description.stem_of(*word)].text.clone()).collect()
    })
}

/// The brief's own language, unless it speaks of languages or is written in several: then it may want any of them.
fn implied_language(prose: &str) -> Option<&'static Language> {
    let whole = Text::read(prose);
    if language::speaks_of_languages(&whole) {
        return None;
    }
    let found = language::named(language::of(&whole)?.code())?;
    let mut others = prose.lines().filter_map(|line| language::of(&Text::read(line)));
    others.all(|other| other.may_be(found)).then_some(found)
}

fn wants_prose(brief: &Text<'_>, words: Option<Quantity>, items: &[ChecklistItem]) -> bool {
    const PROSE: [&str; 17] = [
        "article",
        "essay",
        "blog",
        "story",
        "report",
        "letter",
        "speech",
        "review",
        "biography",
        "email",
        "newsletter",
        "script",
        "whitepaper",
        "editorial",
        "guide",
        "paragraph",
        "paragraphs",
    ];
    const LISTS: [&str; 21] = [
        "outline",
        "list",
        "lists",
        "bullet",
        "bullets",
        "bulleted",
        "titles",
        "title",
        "headlines",
        "ideas",
        "topics",
        "keywords",
        "table",
        "agenda",
        "checklist",
        "questions",
        "slides",
        "json",
        "csv",
        "points",
        "summarize",
    ];
    let says = |words: &[&str]| brief.kinds.iter().any(|kind| words.contains(&kind.lower.as_str()));
    let wants_list = items.iter().any(|item| match &item.check {
        Check::Items { .. } => true,
        Check::Format { format } => {
            !matches!(format, TextFormat::Markdown | TextFormat::Html | TextFormat::Plain)
        }
        _ => false,
    });
    let long = words.is_some_and(|w| w.min >= PROSE_WORDS_MIN);
    !wants_list && (long || (says(&PROSE) && !says(&LISTS)))
}

fn hash(brief: &Brief) -> [u8; 32] {
    // `Map` keeps its keys sorted, so equal briefs give equal bytes.
    let parts = serde_json::json!([
        brief.title,
        brief.description,
        brief.category,
        brief.task_type,
        brief.requirements,
        brief.output_spec,
        brief.quality_rules
    ]);
    Sha256::digest(parts.to_string().as_bytes()).into()
}

#[cfg(test)]
mod tests;
