//! The agent's word to the buyer: links and addresses out, invisible tricks out, at most 280 characters.

use regex::Regex;
use std::sync::LazyLock;

/// The most characters (Unicode scalar values) a message keeps.
pub const MESSAGE_CHARS_MAX: usize = 280;

static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)https?://\S*").ok());
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}").ok());

/// The message as the buyer may see it; `None` when nothing is left.
pub fn sanitise(text: &str) -> Option<String> {
    let mut text = visible(text);
    loop {
        let stripped = strip(&ADDRESS, &strip(&LINK, &text));
        if stripped == text {
            break;
        }
        text = stripped;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    (!text.is_empty()).then(|| cut(&text, MESSAGE_CHARS_MAX))
}

/// Cuts a text to `max` characters, the last one an ellipsis, without a space before it.
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max - 1).collect();
    format!("{}\u{2026}", kept.trim_end())
}

fn strip(pattern: &LazyLock<Option<Regex>>, text: &str) -> String {
    match &**pattern {
        Some(pattern) => pattern.replace_all(text, "").into_owned(),
        None => String::new(), // cannot happen: the patterns are constants; nothing unchecked gets through
    }
}

/// Drops what cannot be seen, so that nothing hides inside a link: controls, bidi marks, zero-width characters and
/// tags. Joiners stay where they belong: inside emoji and words of scripts that need them.
fn visible(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (i, &c) in chars.iter().enumerate() {
        if c.is_whitespace() {
            out.push(' ');
        } else if is_joiner(c) {
            let joins = |at: Option<&char>| {
                at.is_some_and(|n| !n.is_ascii() && !n.is_whitespace() && !is_invisible(*n))
            };
            if i > 0 && joins(chars.get(i - 1)) && joins(chars.get(i + 1)) {
                out.push(c);
            }
        } else if !is_invisible(c) {
            out.push(c);
        }
    }
    out
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Format characters and controls that show nothing.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn joiners_stay_inside_emoji_only() {
        assert_eq!(sanitise("👩\u{200D}💻 hi").as_deref(), Some("👩\u{200D}💻 hi"));
        assert_eq!(sanitise("a\u{200D}b").as_deref(), Some("ab"));
    }

    proptest! {
        #[test]
        fn no_link_no_address_never_too_long(text in "(?s).{0,400}|(https?://|@|x|\\.|com| |\u{200B}){0,60}") {
            if let Some(message) = sanitise(&text) {
                prop_assert!(message.chars().count() <= MESSAGE_CHARS_MAX);
                prop_assert!(!message.to_lowercase().contains("http://") && !message.to_lowercase().contains("https://"));
                prop_assert!(!ADDRESS.as_ref().unwrap().is_match(&message));
                prop_assert_eq!(message.trim(), &message);
            }
        }
    }
}
