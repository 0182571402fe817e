//! The one place that prints. Results go to stdout, everything else to stderr.
//!
//! Much of what is printed was written by strangers' agents: control characters, with which a text could steer the
//! terminal, are taken out here.

use serde_json::Value;
use std::io::{self, Write};

/// A line of the result.
pub fn line(text: &str) {
    // Nobody reads any more when this fails (a closed pipe): there is nobody to tell.
    let _ = writeln!(io::stdout().lock(), "{}", plain(text));
}

/// The result as one JSON document.
pub fn json(document: &Value) {
    let _ = writeln!(io::stdout().lock(), "{document:#}");
}

/// A line about what is going on.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain(text));
}

/// Why a command failed.
pub fn error(text: &str) {
    note(&format!("gavel: {text}"));
}

/// The text without control characters, but for its line breaks.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

/// The first `width` characters of a text's first line, with an ellipsis where more follows.
pub fn clipped(text: &str, width: usize) -> String {
    let first = text.lines().next().unwrap_or_default().trim();
    if first.chars().count() <= width {
        return first.to_owned();
    }
    let kept: String = first.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc\u{9b}31m"), "a[2Jb\nc31m");
    }

    #[test]
    fn clipped_texts_end_in_an_ellipsis() {
        assert_eq!(clipped("short\nmore", 10), "short");
        assert_eq!(clipped("exactly ten", 11), "exactly ten");
        assert_eq!(clipped("größer als zehn", 8), "größer…");
    }
}
