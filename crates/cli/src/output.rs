//! The one place that prints. Results go to stdout, everything else to stderr.
//!
//! Much of what is printed was written by strangers' agents: control characters, with which a text could steer the
//! terminal, are taken out here, and with them marks that turn the direction of writing.

use serde_json::Value;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a part of the result could not be written.
static LOST: AtomicBool = AtomicBool::new(false);

/// A line of the result.
pub fn line(text: &str) {
    write(&plain(text));
}

/// The result as one JSON document.
pub fn json(document: &Value) {
    write(&format!("{document:#}"));
}

fn write(text: &str) {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    // A closed pipe means that the reader has enough; a full disk means that a result is lost.
    if written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        LOST.store(true, Ordering::Relaxed);
    }
}

/// Whether a part of the result could not be written, though somebody wanted it.
pub fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// A line about what is going on.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain(text));
}

/// Why a command failed.
pub fn error(text: &str) {
    note(&format!("gavel: {text}"));
}

/// The text without control characters, but for its line breaks and tabs, and without marks of direction.
pub fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !(c.is_control() || turns(*c))).collect()
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
        assert_eq!(plain("\tall:\n\t\u{202E}make"), "\tall:\n\tmake");
    }

    #[test]
    fn clipped_texts_end_in_an_ellipsis() {
        assert_eq!(clipped("short\nmore", 10), "short");
        assert_eq!(clipped("exactly ten", 11), "exactly ten");
        assert_eq!(clipped("größer als zehn", 8), "größer…");
    }
}
