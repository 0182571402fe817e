//! A text read once: words and their stems, lines and what they are, sentences, paragraphs.

use crate::words::{Commonness, commonness};
use rust_stemmers::{Algorithm, Stemmer};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

/// Words longer than this are not stemmed or looked up: no language has them, attackers do.
const STEM_BYTES_MAX: usize = 40;
/// Tags longer than this are read as text.
const TAG_BYTES_MAX: usize = 400;

/// A text read once.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    /// What was read.
    pub(crate) source: &'a str,
    /// Every word in order.
    pub(crate) words: Vec<Word>,
    /// The distinct words (lower case), by [`Word::kind`].
    pub(crate) kinds: Vec<Kind>,
    /// The distinct stems, by [`Kind::stem`].
    pub(crate) stems: Vec<Stem>,
    /// Every line in order.
    pub(crate) lines: Vec<Line>,
    /// Ends of sentences: how many words came before.
    pub(crate) sentence_ends: Vec<usize>,
    /// Letters by script.
    pub(crate) scripts: Scripts,
}

/// Where a word is and which.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: usize,
}

/// A distinct word.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) lower: String,
    pub(crate) stem: usize,
    pub(crate) count: usize,
    /// First seen with a capital: perhaps a name.
    pub(crate) capital: bool,
}

/// A distinct stem.
#[derive(Debug)]
pub(crate) struct Stem {
    pub(crate) text: String,
    pub(crate) count: usize,
    pub(crate) commonness: Commonness,
}

/// A line without its end.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Its bytes, without white space around.
    pub(crate) span: Range<usize>,
    pub(crate) role: Role,
    /// Which of [`Text::words`] are in it.
    pub(crate) words: Range<usize>,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Blank,
    Heading,
    Item,
    Row,
    Fence,
    Code,
    Prose,
}

/// Letters by script, for telling languages apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scripts {
    pub(crate) latin: usize,
    pub(crate) cyrillic: usize,
    pub(crate) greek: usize,
    pub(crate) arabic: usize,
    pub(crate) hebrew: usize,
    pub(crate) han: usize,
    pub(crate) kana: usize,
    pub(crate) hangul: usize,
    pub(crate) devanagari: usize,
    pub(crate) thai: usize,
}

/// The stem of a lower-case word, by the English rules: harmless to other languages.
pub(crate) fn stem(lower: &str) -> Cow<'_, str> {
    static STEMMER: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));
    let plain = lower.len() <= STEM_BYTES_MAX && lower.bytes().all(|b| b.is_ascii_lowercase() || b == b'\'');
    if plain { STEMMER.stem(lower) } else { Cow::Borrowed(lower) }
}

impl<'a> Text<'a> {
    /// Reads a text in one pass.
    pub(crate) fn read(source: &'a str) -> Self {
        Reader::new(source).read()
    }

    /// The stem of a word.
    pub(crate) fn stem_of(&self, word: Word) -> usize {
        self.kinds[word.kind].stem
    }

    /// The lines that are not blank.
    pub(crate) fn written(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter().filter(|line| line.role != Role::Blank)
    }

    /// How many lines have a role.
    pub(crate) fn count(&self, role: Role) -> usize {
        self.lines.iter().filter(|line| line.role == role).count()
    }

    /// The text of a line.
    pub(crate) fn of(&self, line: &Line) -> &'a str {
        &self.source[line.span.clone()]
    }

    /// Blocks between blank lines that differ from one another: a copied paragraph adds nothing.
    pub(crate) fn distinct_paragraphs(&self) -> usize {
        let mut seen = HashSet::new();
        let blocks = self.lines.split(|line| line.role == Role::Blank);
        blocks
            .filter_map(|block| Some(block.first()?.words.start..block.last()?.words.end))
            .filter(|words| !words.is_empty() && seen.insert(self.kinds_of(words.clone())))
            .count()
    }

    /// List items that differ from one another.
    pub(crate) fn distinct_items(&self) -> usize {
        let mut seen = HashSet::new();
        let items = self.lines.iter().filter(|line| line.role == Role::Item && !line.words.is_empty());
        items.filter(|line| seen.insert(self.kinds_of(line.words.clone()))).count()
    }

    /// The sentences, as ranges of words, without empty ones.
    pub(crate) fn sentences(&self) -> impl Iterator<Item = Range<usize>> {
        let ends = self.sentence_ends.iter().copied().chain([self.words.len()]);
        ends.scan(0, |start, end| Some(std::mem::replace(start, end)..end)).filter(|range| !range.is_empty())
    }

    /// The words of a range as a sequence to compare.
    pub(crate) fn kinds_of(&self, words: Range<usize>) -> Vec<usize> {
        self.words[words].iter().map(|word| word.kind).collect()
    }
}

/// The state of the one pass.
struct Reader<'a> {
    text: Text<'a>,
    kind_ids: HashMap<String, usize>,
    stem_ids: HashMap<String, usize>,
    lower: String,
    in_code: bool,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str) -> Self {
        let text = Text {
            source,
            words: Vec::with_capacity(source.len() / 6),
            kinds: Vec::new(),
            stems: Vec::new(),
            lines: Vec::new(),
            sentence_ends: Vec::new(),
            scripts: Scripts::default(),
        };
        Self {
            text,
            kind_ids: HashMap::new(),
            stem_ids: HashMap::new(),
            lower: String::new(),
            in_code: false,
        }
    }

    fn read(mut self) -> Text<'a> {
        let mut start = 0;
        for line in self.text.source.split_inclusive('\n') {
            self.line(start, line);
            start += line.len();
        }
        self.text
    }

    fn line(&mut self, start: usize, line: &str) {
        let trimmed = line.trim();
        let start = start + (line.len() - line.trim_start().len());
        let role = self.role(trimmed);
        let first_word = self.text.words.len();
        if role != Role::Fence {
            self.words(start, trimmed);
        }
        let words = first_word..self.text.words.len();
        // A line that is no flowing prose is a sentence of its own; so is the last line before a blank one.
        if role != Role::Prose && role != Role::Code {
            self.end_sentence();
        }
        self.text.lines.push(Line { span: start..start + trimmed.len(), role, words });
    }

    fn role(&mut self, line: &str) -> Role {
        if line.starts_with("```") || line.starts_with("~~~") {
            self.in_code = !self.in_code;
            return Role::Fence;
        }
        if self.in_code {
            return Role::Code;
        }
        role_outside_code(line)
    }

    /// The words of one line; tags are skipped.
    fn words(&mut self, offset: usize, line: &str) {
        let mut at = 0;
        while let Some(c) = line[at..].chars().next() {
            let next = at + c.len_utf8();
            if c == '<' {
                at = skip_tag(line, at).unwrap_or(next);
            } else if is_ideograph(c) {
                self.word(offset, line, at..next);
                at = next;
            } else if c.is_alphanumeric() {
                let end = word_end(line, at);
                self.word(offset, line, at..end);
                at = end;
            } else {
                if ends_sentence(c, &line[next..]) {
                    self.end_sentence();
                }
                at = next;
            }
        }
    }

    fn word(&mut self, offset: usize, line: &str, span: Range<usize>) {
        let word = &line[span.clone()];
        self.lower.clear();
        if word.is_ascii() {
            self.lower.push_str(word);
            self.lower.make_ascii_lowercase();
            self.text.scripts.latin += word.bytes().filter(u8::is_ascii_alphabetic).count();
        } else {
            for c in word.chars() {
                self.text.scripts.count(c);
                if c == '\u{2019}' {
                    self.lower.push('\'');
                } else {
                    self.lower.extend(c.to_lowercase());
                }
            }
        }
        let kind = match self.kind_ids.get(&self.lower) {
            Some(kind) => *kind,
            None => self.new_kind(word.starts_with(char::is_uppercase)),
        };
        self.text.kinds[kind].count += 1;
        let stem = self.text.kinds[kind].stem;
        self.text.stems[stem].count += 1;
        self.text.words.push(Word { start: offset + span.start, end: offset + span.end, kind });
    }

    fn new_kind(&mut self, capital: bool) -> usize {
        let stem = stem(&self.lower);
        let stem = match self.stem_ids.get(stem.as_ref()) {
            Some(id) => *id,
            None => {
                let id = self.text.stems.len();
                let commonness = commonness(&stem);
                self.text.stems.push(Stem { text: stem.to_string(), count: 0, commonness });
                self.stem_ids.insert(stem.into_owned(), id);
                id
            }
        };
        let id = self.text.kinds.len();
        self.text.kinds.push(Kind { lower: self.lower.clone(), stem, count: 0, capital });
        self.kind_ids.insert(self.lower.clone(), id);
        id
    }

    fn end_sentence(&mut self) {
        let here = self.text.words.len();
        if self.text.sentence_ends.last() != Some(&here) {
            self.text.sentence_ends.push(here);
        }
    }
}

fn role_outside_code(line: &str) -> Role {
    if line.is_empty() {
        Role::Blank
    } else if is_heading(line) {
        Role::Heading
    } else if item_body(line).is_some() {
        Role::Item
    } else if line.starts_with('|') && line.len() > 1 {
        Role::Row
    } else {
        Role::Prose
    }
}

fn is_heading(line: &str) -> bool {
    let hashes = line.bytes().take_while(|b| *b == b'#').count();
    let marked = (1..=6).contains(&hashes) && line[hashes..].starts_with(' ');
    let bold = line.len() > 4 && line.len() < 120 && line.starts_with("**") && {
        let inner = line.trim_end_matches(':');
        inner.ends_with("**") && !inner[2..inner.len() - 2].contains("**")
    };
    let html = line.len() > 3 && line.starts_with("<h") && matches!(line.as_bytes()[2], b'1'..=b'6');
    marked || bold || html
}

/// What follows the mark of a list item.
pub(crate) fn item_body(line: &str) -> Option<&str> {
    for mark in ["- ", "* ", "+ ", "\u{2022}", "\u{2013} ", "\u{25CF}", "\u{25AA}", "<li>"] {
        if let Some(body) = line.strip_prefix(mark) {
            return Some(body.trim_start());
        }
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let body = line[digits..].strip_prefix(['.', ')'])?;
    ((1..=3).contains(&digits) && body.starts_with(' ')).then(|| body.trim_start())
}

/// The end of the tag that starts at `at`, if one does.
fn skip_tag(line: &str, at: usize) -> Option<usize> {
    let rest = &line.as_bytes()[at + 1..];
    let named = rest.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'/' || *b == b'!');
    if !named {
        return None;
    }
    let length = rest.iter().take(TAG_BYTES_MAX).position(|b| matches!(b, b'>' | b'<'))?;
    (rest[length] == b'>').then_some(at + 1 + length + 1)
}

fn word_end(line: &str, start: usize) -> usize {
    let mut end = start;
    let mut chars = line[start..].chars().peekable();
    while let Some(c) = chars.next() {
        let joins = matches!(c, '\'' | '\u{2019}') && chars.peek().is_some_and(|next| next.is_alphabetic());
        if !(c.is_alphanumeric() || joins) || is_ideograph(c) {
            break;
        }
        end += c.len_utf8();
    }
    end
}

/// Scripts written without spaces: every sign counts as a word.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

fn ends_sentence(c: char, rest: &str) -> bool {
    match c {
        '\u{3002}' | '\u{FF01}' | '\u{FF1F}' | '\u{0964}' => true,
        '.' | '!' | '?' | '\u{061F}' => rest
            .chars()
            .next()
            .is_none_or(|next| next.is_whitespace() || matches!(next, '"' | '\u{201D}' | ')' | '*')),
        _ => false,
    }
}

impl Scripts {
    fn count(&mut self, c: char) {
        let counter = match c {
            'a'..='z' | 'A'..='Z' | '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' => &mut self.latin,
            '\u{370}'..='\u{3FF}' => &mut self.greek,
            '\u{400}'..='\u{52F}' => &mut self.cyrillic,
            '\u{590}'..='\u{5FF}' => &mut self.hebrew,
            '\u{600}'..='\u{77F}' => &mut self.arabic,
            '\u{900}'..='\u{97F}' => &mut self.devanagari,
            '\u{E00}'..='\u{E7F}' => &mut self.thai,
            '\u{3041}'..='\u{30FF}' => &mut self.kana,
            '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}' => &mut self.han,
            '\u{AC00}'..='\u{D7AF}' => &mut self.hangul,
            _ => return,
        };
        *counter += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let check = |text: &str, expected: &[&str]| {
            let read = Text::read(text);
            let words: Vec<_> = read.words.iter().map(|w| &text[w.start..w.end]).collect();
            assert_eq!(words, expected, "{text:?}");
        };
        check("", &[]);
        check(
            "Don't stop, it\u{2019}s 5.5 well-made!",
            &["Don't", "stop", "it\u{2019}s", "5", "5", "well", "made"],
        );
        check("<p class=\"x\">Hi</p> a < b", &["Hi", "a", "b"]);
        check("\u{65E5}\u{672C} go", &["\u{65E5}", "\u{672C}", "go"]);
        check("```rust\nlet x\n```", &["let", "x"]);
    }

    #[test]
    fn roles() {
        let check = |line: &str, expected| assert_eq!(Text::read(line).lines[0].role, expected, "{line:?}");
        check("# Title", Role::Heading);
        check("**Title:**", Role::Heading);
        check("**bold** and **bold**", Role::Prose);
        check("<h2>x</h2>", Role::Heading);
        check("- x", Role::Item);
        check("12. x", Role::Item);
        check("1999. x", Role::Prose);
        check("3.5 x", Role::Prose);
        check("| a | b |", Role::Row);
        check("```", Role::Fence);
        check("   ", Role::Blank);
        check("Plain.", Role::Prose);
    }

    #[test]
    fn sentences_and_paragraphs() {
        let check = |text: &str, sentences: usize, paragraphs: usize, items: usize| {
            let read = Text::read(text);
            let found = (read.sentences().count(), read.distinct_paragraphs(), read.distinct_items());
            assert_eq!(found, (sentences, paragraphs, items), "{text:?}");
        };
        check("", 0, 0, 0);
        check("One. Two! 3.5 is three? And", 4, 1, 0);
        check("Same words.\n\nSame words.\n\nOther words.", 3, 2, 0);
        check("- one\n- two\n- one", 3, 1, 2);
    }
}
