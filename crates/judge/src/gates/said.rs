//! Faults that are said in words: a refusal, a promise, a passage left open.
//!
//! English only: other languages go free rather than being read wrongly. Letters and blanks of patterns are ASCII ones
//! (`-u`), which makes them several times faster.

use super::{Fired, beginning};
use crate::brief::CompiledBrief;
use crate::limits::SPANS_PER_GATE;
use crate::text::{Role, Text};
use regex::Regex;
use std::sync::LazyLock;

/// How many words a refusal has at most; longer texts say something beside it.
const REFUSAL_WORDS_MAX: usize = 60;
/// How many words may come before it.
const OPENING_WORDS_MAX: usize = 12;

pub(super) fn refusal(brief: &CompiledBrief, text: &Text<'_>) -> Fired {
    static REFUSES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?ix-u)\b(?:
                (?:sorry|apologi[sz]e|unfortunately|regret)\b(?u:[^.!?]){0,60}\b
                    (?:can(?:no|(?u:['’]))t|unable|not\sable|won(?u:['’])t|will\snot|not\spossible)
              | as\san\sai\b(?u:[^.!?]){0,60}\b(?:can(?:no|(?u:['’]))t|unable|not\sable|do(?:\sno|n(?u:['’]))t\shave)
              | i\s(?:can(?:no|(?u:['’]))t|am\s(?:unable|not\sable)\sto|won(?u:['’])t)\s
                    (?:help(?:\s(?:you|with|out|there)\b|[.,!])|assist|comply|do\sthis|do\sthat
                       |(?:complete|fulfil|fulfill|provide|create|write|generate)\s
                           (?:a|an|the|this|that|your|any|such|it|these|those|content|text)\b)
            )",
        )
        .ok()
    });
    if text.words.len() > REFUSAL_WORDS_MAX {
        return None;
    }
    let matched = REFUSES.as_ref()?.find(text.source)?;
    let opening =
        text.words.iter().take_while(|word| word.end <= matched.start()).count() <= OPENING_WORDS_MAX;
    (opening && !is_asked_for(brief, text)).then(|| vec![matched.range()])
}

/// A letter that declines something for the buyer is the work, not a refusal of it.
fn is_asked_for(brief: &CompiledBrief, text: &Text<'_>) -> bool {
    const ASKS: [&str; 12] = [
        "reject",
        "refus",
        "declin",
        "apolog",
        "excus",
        "sorry",
        "regret",
        "cancel",
        "unable",
        "can't",
        "cannot",
        "can\u{2019}t",
    ];
    let letter =
        text.words.first().is_some_and(|w| matches!(text.kinds[w.kind].lower.as_str(), "dear" | "subject"));
    letter || ASKS.iter().any(|word| brief.lower.contains(word))
}

/// The least a work may have of the words that were asked for, in percent.
const SCRAP_PERCENT: u64 = 20;
/// How many words a promise has at most.
const PROMISE_WORDS_MAX: usize = 120;
/// How many words a single one has at most.
const LONE_PROMISE_WORDS_MAX: usize = 40;

pub(super) fn stub(brief: &CompiledBrief, text: &Text<'_>) -> Fired {
    static PROMISES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?ix-u)\b(?:
                (?:once|if|when|after|upon)\s(?:i\sam\s|i(?u:['’])m\s|we\sare\s|this\sbid\sis\s|my\sbid\sis\s|being\s)?
                    (?:selected|selection|chosen|hired|awarded|accepted)
              | (?:the|a|my|our)\s(?:final|full|complete|finished)\s
                    (?:version|text|piece|article|document|work|draft|deliverable|report)\swill\s
              | (?:i|we)(?:\swill|(?u:['’])ll|\swould|\sam\sgoing\sto|\sare\sgoing\sto|\scan)\s
                    (?:write|deliver|prepare|produce|create|provide|draft|send)\s
                    (?:you\s)?(?:a|an|the|your|this)\s(?:\w+\s){0,5}
                    (?:piece|article|document|work|draft|deliverable|report|text|content|copy|version|post|proposal)
            )",
        )
        .ok()
    });
    let words = text.words.len();
    let promises = || -> Option<Vec<_>> {
        Some(
            PROMISES
                .as_ref()?
                .find_iter(text.source)
                .take(SPANS_PER_GATE)
                .map(|found| found.range())
                .collect(),
        )
    };
    let promises = if words <= PROMISE_WORDS_MAX { promises()? } else { Vec::new() };
    // One promise may be a civil opening; two, or one with nothing else, are all there is.
    if promises.len() >= 2 || (promises.len() == 1 && words <= LONE_PROMISE_WORDS_MAX) {
        return Some(promises);
    }
    let scrap = brief.words.is_some_and(|wanted| (words as u64) * 100 < wanted.min * SCRAP_PERCENT);
    scrap.then(|| beginning(text))
}

pub(super) fn placeholders(brief: &CompiledBrief, text: &Text<'_>) -> Fired {
    // Fields such as "[Your Name]" are what letters and templates are made of: only open work is meant here.
    static MARKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?x-u)
                \b(?:TODO|FIXME|TKTK|TBD|XXXX+)\b
              | (?i:lorem\sipsum)
              | \{\{\s{0,3}[A-Za-z_][\w\ .-]{0,40}\}\}
              | \$\{[a-z_][\w.]{0,40}\}
              | (?i:[\[<(]\s{0,2}(?:please\s)?(?:insert|add|fill\sin|write|include|provide|expand|more)\s(?u:[^\]>)\n]){0,40}?
                    (?:detail|text|content|statistic|stat|data|number|figure|example|quote|paragraph|section|fact|info|
                       description|source|citation|research|story|anecdote|argument|analysis|conclusion|introduction|
                       here|point)(?u:[^\]>)\n]){0,40}[\]>)])
              | \[\s{0,2}(?:[Dd]escribe|[Ee]xplain|[Ee]laborate|[Dd]iscuss)\s(?u:[^\]\n]){2,40}\]
              | (?i:[\[<(]\s{0,2}(?:tbd|tba|tbc|placeholder|to\sbe\s(?:added|completed|written|determined|filled|confirmed|
                    expanded|continued)|coming\ssoon|content\s(?:goes\s)?here|text\s(?:goes\s)?here|your\s(?:text|content)\shere)
                    (?u:[^\]>)\n]){0,40}[\]>)])
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
    let excused =
        |found: &str| brief.lower.contains(&found.to_lowercase()) || (is_field(found) && wants_fields(brief));
    let in_code = |at: usize| {
        let line = text.lines.partition_point(|line| line.span.end < at);
        text.lines.get(line).is_some_and(|line| line.role == Role::Code)
    };
    let found = MARKS.as_ref()?.find_iter(text.source).take(SPANS_PER_GATE * 4);
    let open: Vec<_> = found
        .filter(|found| !in_code(found.start()) && !excused(found.as_str()))
        .filter(|found| !is_mask(found.as_str(), &text.source[found.end()..]))
        .map(|found| found.range())
        .take(SPANS_PER_GATE)
        .collect();
    (!open.is_empty()).then_some(open)
}

/// A field for a program to fill: `{{first_name}}`, `${name}`.
fn is_field(found: &str) -> bool {
    found.starts_with("{{") || found.starts_with("${")
}

/// Templates have fields when they are finished.
fn wants_fields(brief: &CompiledBrief) -> bool {
    ["merge", "template", "field", "variable", "placeholder", "personali"]
        .iter()
        .any(|word| brief.lower.contains(word))
}

/// `XXXX XXXX XXXX 1234` hides a number on purpose.
fn is_mask(found: &str, rest: &str) -> bool {
    let hidden = rest.trim_start_matches(['X', ' ', '-']);
    found.starts_with("XXXX") && hidden.starts_with(|c: char| c.is_ascii_digit())
}
