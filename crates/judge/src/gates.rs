//! Faults no other merit makes up for. Each caps the composite and shows where it was found.
//!
//! A gate that fires on good work does more harm than one that misses bad work, so each must fire on at most one in a
//! hundred answers that people preferred, and all together on at most three; `tests/human.rs` counts.

use crate::brief::CompiledBrief;
use crate::language;
use crate::limits::SPANS_PER_GATE;
use crate::text::{Line, Role, Text, item_body};
use crate::words::Commonness;
use gavel_domain::Ppm;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::LazyLock;

/// A fault that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Which.
    pub kind: GateKind,
    /// The composite is at most this.
    #[serde(with = "crate::evidence::ppm")]
    pub cap: Ppm,
    /// Where: the first few places, in bytes of `full_text` as it was sent.
    pub spans: Vec<Range<usize>>,
    /// The fault in words.
    pub text: String,
}

/// The faults, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// Nothing to read.
    Empty,
    /// A refusal instead of the work.
    Refusal,
    /// Another language than the one that was asked for.
    Language,
    /// The brief given back.
    Echo,
    /// A promise, or a scrap of what was asked for.
    Stub,
    /// Passages left to be filled in.
    Placeholder,
    /// Headings and catchwords where flowing text was asked for.
    Outline,
    /// Breaks off.
    Truncated,
}

impl GateKind {
    /// All, in order.
    pub const ALL: [GateKind; 8] = [
        GateKind::Empty,
        GateKind::Refusal,
        GateKind::Language,
        GateKind::Echo,
        GateKind::Stub,
        GateKind::Placeholder,
        GateKind::Outline,
        GateKind::Truncated,
    ];

    /// What the composite is cut to.
    pub const fn cap(self) -> Ppm {
        Ppm::new(match self {
            GateKind::Empty => 150_000,
            GateKind::Refusal => 200_000,
            GateKind::Language | GateKind::Echo => 250_000,
            GateKind::Stub => 300_000,
            GateKind::Placeholder => 420_000,
            GateKind::Outline => 450_000,
            GateKind::Truncated => 580_000,
        })
    }

    const fn text(self) -> &'static str {
        match self {
            GateKind::Empty => "there is nothing to read",
            GateKind::Refusal => "this is a refusal, not the work",
            GateKind::Language => "this is not in the language that was asked for",
            GateKind::Echo => "this gives the brief back and adds nothing",
            GateKind::Stub => "this is a promise or a scrap, not the work",
            GateKind::Placeholder => "passages are left to be filled in",
            GateKind::Outline => "these are catchwords where flowing text was asked for",
            GateKind::Truncated => "the text breaks off",
        }
    }
}

/// All gates that fire; spans are in bytes of the canonical text.
pub(crate) fn gates(brief: &CompiledBrief, text: &Text<'_>, echo: Ppm) -> Vec<Gate> {
    let fire = |kind: GateKind| match kind {
        GateKind::Empty => empty(text),
        GateKind::Refusal => refusal(text),
        GateKind::Language => off_language(brief, text),
        GateKind::Echo => echoed(brief, text, echo),
        GateKind::Stub => stub(brief, text),
        GateKind::Placeholder => placeholders(brief, text),
        GateKind::Outline => outline(brief, text),
        GateKind::Truncated => truncated(text),
    };
    let fired = GateKind::ALL.into_iter().filter_map(|kind| Some((kind, fire(kind)?)));
    fired.map(|(kind, spans)| Gate { kind, cap: kind.cap(), spans, text: kind.text().to_owned() }).collect()
}

/// `None`: does not fire. The list holds where it was seen, if that is a place.
type Fired = Option<Vec<Range<usize>>>;

/// The whole of a short text, or its beginning.
fn beginning(text: &Text<'_>) -> Vec<Range<usize>> {
    let last = text.words.len().min(40).checked_sub(1);
    last.map(|last| text.words[0].start..text.words[last].end).into_iter().collect()
}

fn empty(text: &Text<'_>) -> Fired {
    text.words.is_empty().then(Vec::new)
}

/// How many words a refusal has at most; longer texts say something beside it.
const REFUSAL_WORDS_MAX: usize = 60;

fn refusal(text: &Text<'_>) -> Fired {
    static REFUSES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?ix)\b(?:
                (?:sorry|apologi[sz]e|unfortunately|regret)\b[^.!?]{0,60}\b
                    (?:can(?:no|['’])t|unable|not\sable|won['’]t|will\snot|not\spossible)
              | as\san\sai\b[^.!?]{0,60}\b(?:can(?:no|['’])t|unable|not\sable|do(?:\sno|n['’])t\shave)
              | i\s(?:can(?:no|['’])t|am\s(?:unable|not\sable)\sto|won['’]t)\s
                    (?:help|assist|complete|fulfil|fulfill|comply|provide|create|write|generate|do\sthis|do\sthat)
            )",
        )
        .ok()
    });
    let matched = REFUSES.as_ref()?.find(text.source)?;
    let opening = text.words.iter().take_while(|word| word.end <= matched.start()).count() <= 12;
    (text.words.len() <= REFUSAL_WORDS_MAX && opening).then(|| vec![matched.range()])
}

fn off_language(brief: &CompiledBrief, text: &Text<'_>) -> Fired {
    let (expected, found) = (brief.language?, language::of(text)?);
    (!found.may_be(expected)).then(|| beginning(text))
}

/// Nearly all of the work stands in the brief, and nearly all of the brief in the work. Corrected or shortened texts
/// share much with their brief, but not its instruction.
fn echoed(brief: &CompiledBrief, text: &Text<'_>, echo: Ppm) -> Fired {
    let new = text.stems.iter().filter(|stem| !brief.stems.contains_key(&stem.text)).count();
    let covered = text.stems.len() - new;
    let all =
        echo >= Ppm::new(900_000) && new * 20 <= text.stems.len() && covered * 10 >= brief.stems.len() * 8;
    (all && text.words.len() >= 8).then(|| beginning(text))
}

/// The least a work may have of the words that were asked for, in percent.
const SCRAP_PERCENT: u64 = 20;
/// How many words a promise has at most.
const PROMISE_WORDS_MAX: usize = 120;

fn stub(brief: &CompiledBrief, text: &Text<'_>) -> Fired {
    static PROMISES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?ix)\b(?:
                (?:once|if|when|after|upon)\s(?:i\sam\s|i['’]m\s|we\sare\s|this\sbid\sis\s|my\sbid\sis\s|being\s)?
                    (?:selected|selection|chosen|hired|awarded|accepted)
              | (?:the|a|my|our)\s(?:final|full|complete|finished)\s
                    (?:version|text|piece|article|document|work|draft|deliverable|report)\swill\s
              | (?:i|we)(?:\swill|['’]ll|\swould|\sam\sgoing\sto|\sare\sgoing\sto|\scan)\s
                    (?:write|deliver|prepare|produce|create|provide|draft|send)\s
                    (?:you\s)?(?:a|an|the|your|this)\s(?:\w+\s){0,5}
                    (?:piece|article|document|work|draft|deliverable|report|text|content|copy|version|post|proposal)
            )",
        )
        .ok()
    });
    let words = text.words.len() as u64;
    let scrap = brief.words.is_some_and(|wanted| words * 100 < wanted.min * SCRAP_PERCENT);
    let promises: Vec<_> =
        PROMISES.as_ref()?.find_iter(text.source).take(SPANS_PER_GATE).map(|found| found.range()).collect();
    // One promise may be a civil opening; two, or one with nothing else, are all there is.
    let only_promises = promises.len() >= 2 || text.words.len() <= 40;
    let promised = !promises.is_empty() && only_promises && text.words.len() <= PROMISE_WORDS_MAX;
    match (promised, scrap) {
        (true, _) => Some(promises),
        (false, true) => Some(beginning(text)),
        (false, false) => None,
    }
}

fn placeholders(brief: &CompiledBrief, text: &Text<'_>) -> Fired {
    // Fields such as "[Your Name]" are what letters and templates are made of: only open work is meant here.
    static MARKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?x)
                \b(?:TODO|FIXME|TKTK|XXXX+)\b
              | (?i:lorem\sipsum)
              | \{\{\s{0,3}[A-Za-z_][\w\ .-]{0,40}\}\}
              | \$\{[a-z_][\w.]{0,40}\}
              | (?i:[\[<(]\s{0,2}(?:please\s)?(?:insert|add|fill\sin|write|include|provide|expand|more)\s[^\]>)\n]{0,40}?
                    (?:detail|text|content|statistic|stat|data|number|figure|example|quote|paragraph|section|fact|info|
                       description|source|citation|research|story|anecdote|argument|analysis|conclusion|introduction|
                       here|point)[^\]>)\n]{0,40}[\]>)])
              | (?i:[\[<(]\s{0,2}(?:tbd|tba|tbc|placeholder|to\sbe\s(?:added|completed|written|determined|filled|confirmed|
                    expanded|continued)|coming\ssoon|content\s(?:goes\s)?here|text\s(?:goes\s)?here|your\s(?:text|content)\shere)
                    [^\]>)\n]{0,40}[\]>)])
              | (?i:\b(?:expand|complete|finish|fill\sin|flesh\sout)\s(?:this|the\srest\sof\sthis)\s
                    (?:section|part|paragraph|bit)\b)
              | (?i:\b(?:your|more|main|body)\s(?:text|content)\s(?:goes\s)?here\b)
              | (?i:\bplaceholder\s(?:text|content|paragraph|copy)\b)
              | (?i:\bthis\s(?:section|part|paragraph)\s(?:will\sbe|is\sto\sbe|needs\sto\sbe|to\sbe)\s
                    (?:added|completed|written|expanded|filled|finished))
            ",
        )
        .ok()
    });
    let excused = |found: &str| brief.lower.contains(&found.to_lowercase());
    let in_code = |at: usize| {
        let line = text.lines.partition_point(|line| line.span.end < at);
        text.lines.get(line).is_some_and(|line| line.role == Role::Code)
    };
    let found = MARKS.as_ref()?.find_iter(text.source).take(SPANS_PER_GATE * 4);
    let open: Vec<_> = found
        .filter(|found| !in_code(found.start()) && !excused(found.as_str()))
        .map(|found| found.range())
        .take(SPANS_PER_GATE)
        .collect();
    (!open.is_empty()).then_some(open)
}

/// Fewer lines are not an outline but a short answer.
const OUTLINE_LINES_MIN: usize = 4;
/// Words of a catchword line.
const CATCHWORD_WORDS_MAX: usize = 9;

fn outline(brief: &CompiledBrief, text: &Text<'_>) -> Fired {
    if !brief.wants_prose {
        return None;
    }
    let lines: Vec<&Line> = text.written().filter(|line| !line.words.is_empty()).collect();
    let catchwords = lines.iter().filter(|line| is_catchword(text, line)).count();
    let listed = lines.iter().filter(|line| matches!(line.role, Role::Item | Role::Heading)).count();
    let many = lines.len() >= OUTLINE_LINES_MIN;
    (many && catchwords * 100 >= lines.len() * 85 && listed * 2 >= lines.len())
        .then(|| lines.iter().take(SPANS_PER_GATE).map(|line| line.span.clone()).collect())
}

/// A heading, or a short line that does not end like a sentence.
fn is_catchword(text: &Text<'_>, line: &Line) -> bool {
    let content = text.of(line);
    let ends = item_body(content).unwrap_or(content).ends_with(['.', '!', '?', ':', ';', '"', '\u{201D}']);
    line.role == Role::Heading || (line.words.len() <= CATCHWORD_WORDS_MAX && !(ends && line.words.len() > 3))
}

/// Shorter texts may end as they like: titles, answers, names.
const TRUNCATED_WORDS_MIN: usize = 25;

fn truncated(text: &Text<'_>) -> Fired {
    let last = text.written().next_back()?;
    let content = text.of(last);
    let final_char = content.chars().next_back()?;
    let word = text.words.get(last.words.clone())?.last()?;
    let open_end =
        final_char.is_alphanumeric() || matches!(final_char, ',' | '-' | '\u{2013}' | '(' | '\u{2022}' | ';');
    let flowing = matches!(last.role, Role::Prose | Role::Item) && !looks_like_address(content);
    if text.words.len() < TRUNCATED_WORDS_MIN || !open_end || !flowing {
        return None;
    }
    let comma = matches!(final_char, ',' | '(');
    let broken =
        comma || dangles(text, word.kind) || breaks_a_sentence(text, last) || breaks_a_habit(text, last);
    broken.then(|| vec![word.start..word.end])
}

fn looks_like_address(line: &str) -> bool {
    let last = line.rsplit(char::is_whitespace).next().unwrap_or_default();
    last.starts_with(['#', '@']) || last.contains("://") || last.contains('@') || last.contains(".com")
}

/// Ends with a word after which something must come.
fn dangles(text: &Text<'_>, kind: usize) -> bool {
    const OPEN: [&str; 34] = [
        "a",
        "an",
        "the",
        "and",
        "or",
        "but",
        "of",
        "for",
        "with",
        "from",
        "to",
        "into",
        "our",
        "your",
        "my",
        "their",
        "its",
        "his",
        "which",
        "that",
        "because",
        "while",
        "is",
        "are",
        "was",
        "were",
        "be",
        "than",
        "by",
        "at",
        "as",
        "if",
        "such",
        "including",
    ];
    // "The answer is A" is complete.
    !text.kinds[kind].capital && OPEN.contains(&text.kinds[kind].lower.as_str())
}

/// Other sentences of the last line are ended, its last one is not.
fn breaks_a_sentence(text: &Text<'_>, line: &Line) -> bool {
    let ended = text.sentence_ends.partition_point(|end| *end <= line.words.start);
    let before = text.sentence_ends[ended..].iter().take_while(|end| **end < line.words.end);
    // What is left after the last full stop, if there is one in this line.
    before.last().is_some_and(|end| {
        let rest = line.words.end - end;
        rest >= 3 && text.words[line.words.start..*end].len() >= 4
    })
}

/// Lines like the last one end with a full stop throughout; it does not, and it is no closing line.
fn breaks_a_habit(text: &Text<'_>, line: &Line) -> bool {
    let alike = |other: &&Line| other.role == line.role && other.words.len() >= 6;
    let ends =
        |other: &&Line| text.of(other).ends_with(['.', '!', '?', '"', '\u{201D}', ')', ':', ']', '\u{3002}']);
    let (all, ended) = text
        .lines
        .iter()
        .filter(|other| other.span != line.span)
        .filter(alike)
        .fold((0usize, 0usize), |(all, ended), other| (all + 1, ended + usize::from(ends(&other))));
    let closing = line.role == Role::Prose && is_name_or_title(text, line);
    all >= 2 && ended * 10 >= all * 9 && !closing
}

/// A signature or a title: few words, most of them with a capital.
fn is_name_or_title(text: &Text<'_>, line: &Line) -> bool {
    let words = &text.words[line.words.clone()];
    let upper = |w: &&crate::text::Word| {
        text.source[w.start..].starts_with(|c: char| c.is_uppercase() || c.is_numeric())
    };
    let small = |w: &&crate::text::Word| text.stems[text.stem_of(**w)].commonness == Commonness::Function;
    let plain = words.iter().filter(|w| !upper(w) && !small(w)).count();
    words.len() <= 12 && plain * 3 <= words.len()
}
