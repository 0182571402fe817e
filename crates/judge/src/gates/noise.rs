//! Words without sense: shuffled ones, and blocks said again and again.

use super::Fired;
use crate::brief::CompiledBrief;
use crate::code::is_code;
use crate::language;
use crate::limits::SPANS_PER_GATE;
use crate::text::{Role, Text, Word};
use std::collections::HashSet;
use std::ops::Range;

/// Fewer articles tell nothing.
const ARTICLES_MIN: usize = 8;
/// Share of articles before a word that cannot follow one, in percent: in ordinary English it is below three.
const ASTRAY_PERCENT: usize = 20;

/// English articles and possessives call for a noun; where the words are shuffled, any word follows.
pub(super) fn salad(text: &Text<'_>) -> Fired {
    if !language::is_english(text) || is_code(text) {
        return None;
    }
    let (mut articles, mut astray) = (0usize, Vec::new());
    for pair in text.words.windows(2) {
        let [word, next] = pair else { continue };
        if calls_for_a_noun(text, *word) {
            articles += 1;
            if is_astray(text, *word, *next) {
                astray.push(word.start..next.end);
            }
        }
    }
    let many = articles >= ARTICLES_MIN && astray.len() * 100 >= articles * ASTRAY_PERCENT;
    astray.truncate(SPANS_PER_GATE);
    many.then_some(astray)
}

/// Written small: a capital A is often a name, a grade or a note.
fn calls_for_a_noun(text: &Text<'_>, word: Word) -> bool {
    ["the", "a", "an", "my", "your", "its", "our", "their"].contains(&&text.source[word.start..word.end])
}

fn is_astray(text: &Text<'_>, word: Word, next: Word) -> bool {
    const NEVER_AFTER: [&str; 32] = [
        "the", "a", "an", "and", "or", "of", "to", "in", "is", "are", "was", "were", "for", "with", "on",
        "at", "by", "from", "as", "that", "it", "we", "they", "he", "she", "be", "has", "have", "but", "if",
        "can", "this",
    ];
    match &text.source[word.end..next.start] {
        " " => NEVER_AFTER.contains(&&text.source[next.start..next.end]),
        between => {
            between.starts_with(". ") || between.starts_with(", ") && text.kinds[word.kind].lower == "the"
        }
    }
}

/// Shorter texts may say a thing twice.
const REPEATED_WORDS_MIN: usize = 100;
/// Shorter blocks may return: choruses, signatures, headings.
const BLOCK_WORDS_MIN: usize = 20;

/// At least half of the words stand in blocks that were there before. Work that repeats what the brief says is spared:
/// forms and refrains are asked for.
pub(super) fn repeated(brief: &CompiledBrief, text: &Text<'_>) -> Fired {
    if text.words.len() < REPEATED_WORDS_MIN || is_code(text) {
        return None;
    }
    let mut seen = HashSet::new();
    let again: Vec<Range<usize>> = blocks(text)
        .filter(|words| words.len() >= BLOCK_WORDS_MIN && !seen.insert(text.kinds_of(words.clone())))
        .collect();
    let words: usize = again.iter().map(|words| words.len()).sum();
    let asked = brief.lower.contains("repeat") || brief.lower.contains("copies");
    let spans =
        again.iter().take(SPANS_PER_GATE).map(|w| text.words[w.start].start..text.words[w.end - 1].end);
    (words * 2 >= text.words.len() && !asked).then(|| spans.collect())
}

/// The words of each block between blank lines.
fn blocks<'a>(text: &'a Text<'_>) -> impl Iterator<Item = Range<usize>> + 'a {
    let blocks = text.lines.split(|line| line.role == Role::Blank);
    blocks.filter_map(|block| Some(block.first()?.words.start..block.last()?.words.end))
}
