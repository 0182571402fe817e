//! Faults no other merit makes up for. Each caps the composite and shows where it was found.
//!
//! A gate that fires on good work does more harm than one that misses bad work, so each must fire on at most one in a
//! hundred answers that people preferred, and all together on at most three; `tests/human.rs` counts.

mod ending;
mod noise;
mod said;
mod unmet;

use crate::brief::CompiledBrief;
use crate::code::is_code;
use crate::language;
use crate::limits::SPANS_PER_GATE;
use crate::text::{Line, Role, Text, item_body};
use crate::verdict::ItemResult;
use gavel_domain::Ppm;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::ops::Range;

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
    /// Words in no order.
    Salad,
    /// A promise, or a scrap of what was asked for.
    Stub,
    /// The same blocks again and again.
    Repeated,
    /// Passages left to be filled in.
    Placeholder,
    /// Headings and catchwords where flowing text was asked for.
    Outline,
    /// What the author of the task knows to be indispensable is missing or wrong.
    Essential,
    /// A demand of the brief not met at all.
    Unmet,
    /// Breaks off.
    Truncated,
}

impl GateKind {
    /// All, in order.
    pub const ALL: [GateKind; 12] = [
        GateKind::Empty,
        GateKind::Refusal,
        GateKind::Language,
        GateKind::Echo,
        GateKind::Salad,
        GateKind::Stub,
        GateKind::Repeated,
        GateKind::Placeholder,
        GateKind::Outline,
        GateKind::Essential,
        GateKind::Unmet,
        GateKind::Truncated,
    ];

    /// What the composite is cut to.
    pub const fn cap(self) -> Ppm {
        Ppm::new(match self {
            GateKind::Empty => 150_000,
            GateKind::Refusal => 200_000,
            GateKind::Language | GateKind::Echo | GateKind::Salad => 250_000,
            GateKind::Stub => 300_000,
            GateKind::Repeated => 350_000,
            GateKind::Placeholder => 420_000,
            GateKind::Outline => 450_000,
            GateKind::Essential => 480_000,
            GateKind::Unmet => 570_000,
            GateKind::Truncated => 580_000,
        })
    }

    /// So grave that no other merit makes a work with it usable.
    pub const fn is_high(self) -> bool {
        !matches!(self, GateKind::Essential | GateKind::Unmet | GateKind::Truncated)
    }

    const fn text(self) -> &'static str {
        match self {
            GateKind::Empty => "there is nothing to read",
            GateKind::Refusal => "this is a refusal, not the work",
            GateKind::Language => "this is not in the language that was asked for",
            GateKind::Echo => "this gives the brief back and adds nothing",
            GateKind::Salad => "the words are in no order",
            GateKind::Repeated => "half of this or more was said before",
            GateKind::Essential => "what this task cannot do without is missing or wrong",
            GateKind::Unmet => "a demand of the brief is met by less than half, or not at all",
            GateKind::Stub => "this is a promise or a scrap, not the work",
            GateKind::Placeholder => "passages are left to be filled in",
            GateKind::Outline => "these are catchwords where flowing text was asked for",
            GateKind::Truncated => "the text breaks off",
        }
    }
}

/// All gates of the text that fire; spans are in bytes of the canonical text.
pub(crate) fn gates(brief: &CompiledBrief, text: &Text<'_>, echo: Ppm) -> Vec<Gate> {
    let fire = |kind: GateKind| match kind {
        GateKind::Empty => empty(text),
        GateKind::Refusal => said::refusal(brief, text),
        GateKind::Language => off_language(brief, text),
        GateKind::Echo => echoed(brief, text, echo),
        GateKind::Salad => noise::salad(text),
        GateKind::Stub => said::stub(brief, text),
        GateKind::Repeated => noise::repeated(brief, text),
        GateKind::Placeholder => said::placeholders(brief, text),
        GateKind::Outline => outline(brief, text),
        GateKind::Truncated => ending::truncated(text),
        // Known only when the checklist is.
        GateKind::Essential | GateKind::Unmet => None,
    };
    let fired = GateKind::ALL.into_iter().filter_map(|kind| Some((kind, fire(kind)?)));
    fired.map(|(kind, spans)| Gate::new(kind, spans)).collect()
}

/// How much lower the cap is where all that is indispensable is missing, than where hardly anything is.
const ESSENTIAL_LESS: u32 = 140_000;

/// The gate for hidden checks that must be met, if one is not: the more are not, the lower the cap.
pub(crate) fn essential(brief: &CompiledBrief, results: &[ItemResult]) -> Option<Gate> {
    let must = || brief.hidden().iter().zip(results).filter(|(check, _)| check.must);
    let failed: Vec<_> = must().filter(|(_, result)| result.value < HALF).collect();
    let (first, _) = failed.first()?;
    let less = ESSENTIAL_LESS * u32::try_from(failed.len()).unwrap_or(1)
        / u32::try_from(must().count()).unwrap_or(1);
    let kind = GateKind::Essential;
    let spans = failed.iter().filter_map(|(_, result)| result.span.clone()).take(SPANS_PER_GATE).collect();
    let more = failed.len() - 1;
    let others = if more == 0 { String::new() } else { format!(" ({more} more such checks fail)") };
    let text = format!("{}: a good work {}, this one does not{others}", kind.text(), first.text);
    Some(Gate { kind, cap: Ppm::new(kind.cap().get().saturating_sub(less)), spans, text })
}

/// Less of something is not to have it.
const HALF: Ppm = Ppm::new(500_000);

/// The gate for a demand that is not met at all, if there is one.
pub(crate) fn unmet(brief: &CompiledBrief, text: &Text<'_>, results: &[ItemResult]) -> Option<Gate> {
    unmet::leaves_unmet(brief, text, results).then(|| Gate::new(GateKind::Unmet, Vec::new()))
}

impl Gate {
    fn new(kind: GateKind, spans: Vec<Range<usize>>) -> Self {
        Self { kind, cap: kind.cap(), spans, text: kind.text().to_owned() }
    }
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

fn off_language(brief: &CompiledBrief, text: &Text<'_>) -> Fired {
    let (expected, found) = (brief.language?, language::of(text)?);
    (!found.may_be(expected) && !is_code(text)).then(|| beginning(text))
}

/// Nearly all of the work stands in the brief, and nearly all of the brief in the work, its instruction with it.
/// Corrected or shortened texts share much with their brief, but not that.
fn echoed(brief: &CompiledBrief, text: &Text<'_>, echo: Ppm) -> Fired {
    let new = text.stems.iter().filter(|stem| !brief.stems.contains_key(&stem.text)).count();
    let covered = text.stems.len() - new;
    let all =
        echo >= Ppm::new(900_000) && new * 20 <= text.stems.len() && covered * 10 >= brief.stems.len() * 8;
    (all && text.words.len() >= 8 && says_the_instruction(brief, text)).then(|| beginning(text))
}

/// The first and the last sentence of a brief are where it says what is to be done.
fn says_the_instruction(brief: &CompiledBrief, text: &Text<'_>) -> bool {
    let said: HashSet<&str> = text.stems.iter().map(|stem| stem.text.as_str()).collect();
    let says = |sentence: &HashSet<String>| {
        sentence.iter().filter(|stem| said.contains(stem.as_str())).count() * 10 >= sentence.len() * 9
    };
    brief.instruction.iter().all(says)
}

/// Fewer lines are not an outline but a short answer.
const OUTLINE_LINES_MIN: usize = 4;
/// Words of a catchword line.
const CATCHWORD_WORDS_MAX: usize = 9;

fn outline(brief: &CompiledBrief, text: &Text<'_>) -> Fired {
    // As many words as were asked for are not an outline, however they are laid out.
    let long_enough = brief.words.is_some_and(|asked| text.words.len() as u64 >= asked.min.max(1));
    if !brief.wants_prose || long_enough || is_code(text) {
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

#[cfg(test)]
mod tests;
