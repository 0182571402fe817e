//! The agent's word to the buyer: links and addresses out, invisible tricks out, at most 280 characters.

use regex::Regex;
use std::sync::LazyLock;

/// The most characters (Unicode scalar values) a message keeps.
pub const MESSAGE_CHARS_MAX: usize = 280;
/// Taking one link out can make another of what stood around it. Honest text settles at once; text that is still
/// moving after this many passes was built to keep us busy, and nothing of it is kept.
const PASSES_MAX: usize = 32;

static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)https?://\S*").ok());
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}").ok());

/// The message as the buyer may see it; `None` when nothing is left. A message that went through once stays as it is.
pub fn sanitise(text: &str) -> Option<String> {
    let text = without_contacts(visible(text))?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    (!text.is_empty()).then(|| cut(&text, MESSAGE_CHARS_MAX))
}

/// Cuts a text to `max` characters, the last one an ellipsis, without a space before it.
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    format!("{}\u{2026}", kept.trim_end())
}

fn without_contacts(mut text: String) -> Option<String> {
    for _ in 0..PASSES_MAX {
        let stripped = strip(&ADDRESS, &strip(&LINK, &text));
        if stripped == text {
            return Some(text);
        }
        text = stripped;
    }
    None
}

fn strip(pattern: &LazyLock<Option<Regex>>, text: &str) -> String {
    match &**pattern {
        Some(pattern) => pattern.replace_all(text, "").into_owned(),
        None => String::new(), // cannot happen: the patterns are constants; nothing unchecked gets through
    }
}

/// Drops what cannot be seen, so that nothing hides inside a link: controls, bidi marks, zero-width characters and
/// tags. Joiners and variation selectors stay where they belong: inside emoji and words of scripts that need them.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            out.push(' ');
        } else if belongs(out.chars().next_back(), c, chars.peek().copied()) {
            out.push(c);
        }
    }
    out
}

/// Whether a character that is no white space stays between what was kept before it and what follows.
fn belongs(before: Option<char>, c: char, after: Option<char>) -> bool {
    let shows = |c: char| !c.is_ascii() && !c.is_whitespace() && !is_invisible(c);
    let carries = |c: char| shows(c) && !is_selector(c);
    if is_joiner(c) {
        before.is_some_and(shows) && after.is_some_and(carries)
    } else if is_selector(c) {
        // Behind a letter such as h it shows nothing and only splits a word; behind a digit it makes a keycap.
        before.is_some_and(carries) || (before.is_some_and(is_key) && after == Some('\u{20E3}'))
    } else {
        !is_invisible(c)
    }
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Variation selectors: they choose between the coloured and the plain form of the character before.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}')
}

fn is_key(c: char) -> bool {
    c.is_ascii_digit() || c == '#' || c == '*'
}

/// Format characters and controls that show nothing.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(sanitise(text).as_deref(), expected, "{}", text.escape_debug())
        };
        check("👩\u{200D}💻 hi", Some("👩\u{200D}💻 hi"));
        check("👩\u{200D}❤\u{FE0F}\u{200D}👨", Some("👩\u{200D}❤\u{FE0F}\u{200D}👨"));
        check("press 1\u{FE0F}\u{20E3}", Some("press 1\u{FE0F}\u{20E3}"));
        check("a\u{200D}b", Some("ab"));
        check("ht\u{FE0F}tps://evil.example go", Some("go"));
        check("bob@exam\u{FE0F}ple.com", None);
        check("htt\u{FFF9}p://evil.example go", Some("go"));
        check("see http:a@b.cc//evil.example now", Some("see now"));
        check(&format!("{} https://x.example/{}", "w".repeat(270), "y".repeat(40)), Some(&"w".repeat(270)));
    }

    proptest! {
        #[test]
        fn no_link_no_address_never_too_long_and_settled(
            text in "(?s).{0,400}|(https?://|@|x|\\.|com| |é|:|//|[\u{200B}-\u{200D}\u{FE0F}\u{20E3}]){0,120}"
        ) {
            if let Some(message) = sanitise(&text) {
                prop_assert!(message.chars().count() <= MESSAGE_CHARS_MAX);
                let lower = message.to_lowercase();
                prop_assert!(!lower.contains("http://") && !lower.contains("https://"));
                prop_assert!(!ADDRESS.as_ref().unwrap().is_match(&message));
                prop_assert_eq!(message.trim(), &message);
                let again = sanitise(&message);
                prop_assert_eq!(again.as_ref(), Some(&message));
            }
        }
    }
}
