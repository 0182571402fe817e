//! Whether a text breaks off.

use super::Fired;
use crate::code::{is_code, is_code_line};
use crate::text::{Line, Role, Text};
use crate::words::Commonness;

/// Shorter texts may end as they like: titles, answers, names.
const TRUNCATED_WORDS_MIN: usize = 25;
/// A last line this short may end with a comma.
const SIGN_OFF_WORDS_MAX: usize = 4;

/// Sentences of the last line that must be ended to expect it of the last one.
const ENDED_SENTENCES_MIN: usize = 2;
/// Fewer words are an exclamation, not a broken sentence.
const BROKEN_WORDS_MIN: usize = 3;

pub(super) fn truncated(text: &Text<'_>) -> Fired {
    let last = text.written().next_back()?;
    let content = text.of(last);
    let final_char = content.chars().next_back()?;
    let word = text.words.get(last.words.clone())?.last()?;
    let open_end =
        final_char.is_alphanumeric() || matches!(final_char, ',' | '-' | '\u{2013}' | '(' | '\u{2022}' | ';');
    let flowing = matches!(last.role, Role::Prose | Role::Item) && !looks_like_address(content);
    let short = text.words.len() < TRUNCATED_WORDS_MIN;
    if short || !open_end || !flowing || is_code_line(text, last) || is_code(text) {
        return None;
    }
    // "See you soon," is how a letter ends.
    let comma = matches!(final_char, ',' | '(') && last.words.len() > SIGN_OFF_WORDS_MAX;
    let written = &text.source[word.start..word.end];
    let answer = is_answer(written);
    let broken =
        comma || !answer && (dangles(written) || breaks_a_sentence(text, last) || breaks_a_habit(text, last));
    let span = word.start..word.end;
    broken.then(|| [span].into())
}

/// "The answer is B", "2004-2008": complete without a full stop.
fn is_answer(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit()) || (word.len() == 1 && word != "I" && word != "a")
}

fn looks_like_address(line: &str) -> bool {
    let last = line.rsplit(char::is_whitespace).next().unwrap_or_default();
    last.starts_with(['#', '@']) || last.contains("://") || last.contains('@') || last.contains(".com")
}

/// Ends with a word after which something must come.
fn dangles(word: &str) -> bool {
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
    // Written as they are here: "the answer is A" is complete.
    OPEN.contains(&word)
}

/// Other sentences of the last line are ended, its last one is not. One may be a casual way of writing.
fn breaks_a_sentence(text: &Text<'_>, line: &Line) -> bool {
    let ended = text.sentence_ends.partition_point(|end| *end <= line.words.start);
    let ends = text.sentence_ends[ended..].iter().take_while(|end| **end < line.words.end);
    let (sentences, last) = ends.fold((0, line.words.start), |(n, _), end| (n + 1, *end));
    sentences >= ENDED_SENTENCES_MIN && line.words.end - last >= BROKEN_WORDS_MIN
}

/// Lines like the last one end with a full stop throughout; it does not, and it is no closing line. Items of a list
/// are too uneven to have habits.
fn breaks_a_habit(text: &Text<'_>, line: &Line) -> bool {
    if line.role != Role::Prose {
        return false;
    }
    let alike = |other: &&Line| other.role == line.role && other.words.len() >= 6;
    let ends =
        |other: &&Line| text.of(other).ends_with(['.', '!', '?', '"', '\u{201D}', ')', ':', ']', '\u{3002}']);
    let (all, ended) = text
        .lines
        .iter()
        .filter(|other| other.span != line.span)
        .filter(alike)
        .fold((0usize, 0usize), |(all, ended), other| (all + 1, ended + usize::from(ends(&other))));
    let closing = is_name_or_title(text, line);
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
