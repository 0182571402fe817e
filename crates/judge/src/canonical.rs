//! The text as a reader sees it: normalised, without invisible characters, words broken up by them, and hidden
//! passages; all are counted.
//!
//! What a buyer cannot see must not raise a score, so it is cut out before anything is measured, and flagged.

use std::ops::Range;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Hidden passages that are listed one by one; more are only counted.
const HIDDEN_LISTED_MAX: usize = 20;

/// Lines a markdown comment may go on for; looking further for its end would take too long.
const COMMENT_LINES_MAX: usize = 20;

/// A text as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// What is measured.
    pub text: String,
    /// Zero-width, bidirectional and tag characters taken out.
    pub invisible: usize,
    /// The first hidden passages taken out, as bytes of the original.
    pub hidden: Vec<Range<usize>>,
    /// How many hidden passages were taken out in all.
    pub hidden_count: usize,
    /// From byte (canonical) on, the original is at byte (original): ascending in both.
    anchors: Vec<(usize, usize)>,
    /// Bytes of the original.
    original_len: usize,
}

impl Canonical {
    /// Takes out what a reader cannot see and composes what is left (NFC).
    pub fn of(original: &str) -> Self {
        let mut made = Self {
            text: String::with_capacity(original.len()),
            invisible: 0,
            hidden: Vec::new(),
            hidden_count: 0,
            anchors: Vec::new(),
            original_len: original.len(),
        };
        let mut kept_from = 0;
        for hidden in merged(hidden_passages(original), broken_words(original)) {
            made.keep(original, kept_from..hidden.start);
            kept_from = hidden.end;
            made.hidden_count += 1;
            if made.hidden.len() < HIDDEN_LISTED_MAX {
                made.hidden.push(hidden);
            }
        }
        made.keep(original, kept_from..original.len());
        if is_nfc_quick(made.text.chars()) != IsNormalized::Yes { made.composed() } else { made }
    }

    /// Bytes of the original that a span of the canonical text came from: within the original, but where characters
    /// were composed not always between two characters.
    pub fn original(&self, span: Range<usize>) -> Range<usize> {
        let start = self.original_at(span.start);
        // What was taken out behind the last byte does not belong to the span.
        let end = span.end.checked_sub(1).filter(|last| *last >= span.start);
        start..end.map_or(start, |last| self.original_at(last) + 1).clamp(start, self.original_len.max(start))
    }

    fn original_at(&self, at: usize) -> usize {
        let after = self.anchors.partition_point(|(canonical, _)| *canonical <= at);
        let Some((canonical, original)) = after.checked_sub(1).map(|i| self.anchors[i]) else { return 0 };
        let end = self.anchors.get(after).map_or(self.original_len, |(_, original)| *original);
        (original + (at - canonical)).min(end)
    }

    /// Appends a visible stretch without its invisible characters.
    fn keep(&mut self, original: &str, span: Range<usize>) {
        let stretch = &original[span.clone()];
        self.anchors.push((self.text.len(), span.start));
        let mut kept_from = 0;
        for (at, c) in stretch.char_indices().filter(|(_, c)| is_invisible(*c)) {
            self.text.push_str(&stretch[kept_from..at]);
            kept_from = at + c.len_utf8();
            self.anchors.push((self.text.len(), span.start + kept_from));
            // Joiners and marks belong in emoji and in many scripts; between ASCII letters they only hide.
            let before = self.text.bytes().next_back().is_none_or(|b| b.is_ascii());
            let after = stretch.as_bytes().get(kept_from).is_none_or(u8::is_ascii);
            self.invisible += usize::from(before && after);
        }
        self.text.push_str(&stretch[kept_from..]);
    }

    /// Composes run by run, so that spans can still be found.
    fn composed(self) -> Self {
        let mut text = String::with_capacity(self.text.len());
        let mut anchors: Vec<(usize, usize)> = Vec::new();
        let mut known = self.anchors.iter().copied().peekable();
        for run in runs(&self.text) {
            let piece = &self.text[run.clone()];
            let here = text.len();
            anchors.push((here, self.original_at(run.start)));
            let unchanged = is_nfc_quick(piece.chars()) == IsNormalized::Yes;
            while let Some((canonical, original)) = known.next_if(|(canonical, _)| *canonical < run.end) {
                if unchanged && canonical > run.start {
                    anchors.push((here + canonical - run.start, original));
                }
            }
            if unchanged { text.push_str(piece) } else { text.extend(piece.nfc()) }
        }
        // An anchor is of use only where the distance to the original changes.
        anchors.dedup_by(|later, earlier| later.1 - earlier.1 == later.0 - earlier.0);
        Self { text, anchors, ..self }
    }
}

/// Stretches nothing composes across: plain ASCII, and other letters with the one ASCII character before them, which
/// they may change. Nothing changes what comes before an ASCII character.
fn runs(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for i in 1..bytes.len() {
        let (before, here) = (bytes[i - 1].is_ascii(), bytes[i].is_ascii());
        let opens = here && bytes.get(i + 1).is_some_and(|next| !next.is_ascii());
        if opens || (here && !before) {
            starts.push(i);
        }
    }
    starts.push(bytes.len());
    starts.windows(2).map(|ends| ends[0]..ends[1]).collect()
}

/// Characters that leave no mark on the page: zero-width, bidirectional controls, tags, soft hyphen, odd controls.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
        || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Words broken up or framed by characters nobody sees, meant for a machine or for nobody: an honest text has none.
fn broken_words(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut word = BrokenWord::default();
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if is_letter(c) || is_invisible(c) {
            word.add(c);
            continue;
        }
        if word.broken || (word.led && word.pending) {
            found.push(word.start..at);
        }
        word = BrokenWord { start: (at + c.len_utf8()).min(text.len()), ..BrokenWord::default() };
    }
    found
}

/// A run of letters, digits and invisible characters.
#[derive(Default)]
struct BrokenWord {
    start: usize,
    /// A letter was seen.
    letters: bool,
    /// It began with something invisible.
    led: bool,
    /// Something invisible came after the last letter.
    pending: bool,
    /// Something invisible stands between two letters.
    broken: bool,
}

impl BrokenWord {
    fn add(&mut self, c: char) {
        // A soft hyphen may stand in any word, and marks of direction beside it.
        let direction = matches!(c, '\u{200E}' | '\u{200F}' | '\u{61C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        if is_letter(c) {
            self.broken |= self.letters && self.pending;
            (self.letters, self.pending) = (true, false);
        } else if c != '\u{AD}' && !direction {
            self.pending |= self.letters;
            self.led |= !self.letters;
        }
    }
}

/// Letters and digits of the scripts that need nothing invisible: Arabic and the scripts of South Asia join with it.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !matches!(c, '\u{600}'..='\u{1FFF}')
}

/// Both in order; a word in a hidden passage is hidden already.
fn merged(passages: Vec<Range<usize>>, words: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let inside = |word: &Range<usize>| {
        let next = passages.partition_point(|passage| passage.end <= word.start);
        passages.get(next).is_some_and(|passage| passage.start < word.end)
    };
    let words: Vec<_> = words.into_iter().filter(|word| !inside(word)).collect();
    let mut all = [passages, words].concat();
    all.sort_unstable_by_key(|span| span.start);
    all
}

/// Comments and elements that are not shown, in order, outside code. Every byte is looked at a bounded number of times.
fn hidden_passages(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut line_end) = (0, 0);
    let mut in_code = false;
    while start < text.len() {
        // After a passage the rest of its last line is looked at; its end is known.
        if start >= line_end {
            line_end = text[start..].find('\n').map_or(text.len(), |n| start + n + 1);
        }
        let line = &text[start..line_end];
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        in_code ^= fence;
        let passage = match () {
            () if fence || in_code => None,
            () if is_markdown_comment(line) => Some(start..comment_end(text, start, line_end)),
            () => first_hidden(text, start..line_end),
        };
        start = passage.as_ref().map_or(line_end, |passage| passage.end);
        found.extend(passage);
    }
    found
}

/// `[//]: # (text)` and its cousins: link definitions nobody links to.
fn is_markdown_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["[//]:", "[comment]:", "[_]:", "[]:"].iter().any(|mark| line.starts_with(mark))
}

/// A comment goes on to the line that closes its bracket, if one soon does: the title of a link may have several lines.
fn comment_end(text: &str, start: usize, line_end: usize) -> usize {
    let line = text[start..line_end].trim_end();
    let Some(open) = line.find(['(', '"']).filter(|open| open + 1 < line.len()) else { return line_end };
    let close = if line[open..].starts_with('(') { ')' } else { '"' };
    if line[open + 1..].ends_with(close) {
        return line_end;
    }
    let mut end = line_end;
    for next in text[line_end..].split_inclusive('\n').take(COMMENT_LINES_MAX) {
        end += next.len();
        match next.trim_end() {
            "" => break,
            next if next.ends_with(close) => return end,
            _ => {}
        }
    }
    line_end
}

/// The first hidden passage that starts within `line`; it may end on a later line.
fn first_hidden(text: &str, line: Range<usize>) -> Option<Range<usize>> {
    let mut at = line.start;
    while let Some(start) = text[at..line.end].find(['<', '[']).map(|n| at + n) {
        if text[start..].starts_with('[') {
            match empty_link(&text[start..line.end]) {
                Some(length) => return Some(start..start + length),
                None => at = start + 1,
            }
            continue;
        }
        if text[start..].starts_with("<!--") {
            let end = text[start + 4..].find("-->").map_or(text.len(), |n| start + 4 + n + 3);
            return Some(start..end);
        }
        match tag_at(text, start).filter(|tag| hides(tag)) {
            Some(tag) => return Some(start..element_end(text, start, tag)),
            None => at = start + 1,
        }
    }
    None
}

/// The length of a link without a text, `[](address "title")`, which leaves no mark on the page.
fn empty_link(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("[](")?;
    let titled = inside.find('"').filter(|quote| !inside[..*quote].contains(')'));
    let end = match titled {
        Some(quote) => quote + 1 + inside[quote + 1..].find("\")")? + 2,
        None => inside.find(')')? + 1,
    };
    Some("[](".len() + end)
}

/// The opening tag at `start`, up to and with its `>`.
fn tag_at(text: &str, start: usize) -> Option<&str> {
    let rest = &text[start + 1..];
    if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let end = rest.find(['<', '>'])?;
    rest[end..].starts_with('>').then(|| &text[start..start + 1 + end + 1])
}

fn hides(tag: &str) -> bool {
    let tag: String = tag.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    const STYLES: [&str; 6] =
        ["display:none", "visibility:hidden", "font-size:0", "opacity:0;", "opacity:0\"", "text-indent:-9"];
    ["<script", "<style", "<template", "<noscript"].iter().any(|name| tag.starts_with(name))
        || tag.ends_with("hidden>")
        || tag.contains("hidden=")
        || STYLES.iter().any(|style| tag.contains(style))
}

/// Where the element opened by `tag` ends: after its closing tag, or with the text.
fn element_end(text: &str, start: usize, tag: &str) -> usize {
    let name: String = tag[1..].chars().take_while(char::is_ascii_alphanumeric).collect();
    let inside = start + tag.len();
    if tag.ends_with("/>") || ["br", "hr", "img", "input", "meta", "link"].contains(&name.as_str()) {
        return inside;
    }
    let mut depth = 1usize;
    let mut at = inside;
    while let Some(open) = text[at..].find('<').map(|n| at + n) {
        let rest = &text.as_bytes()[open + 1..];
        let closes = rest.first() == Some(&b'/');
        let named = &rest[usize::from(closes)..];
        at = open + 1;
        if named.len() < name.len() || !named[..name.len()].eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        depth = if closes { depth - 1 } else { depth + 1 };
        if depth == 0 {
            return text[open..].find('>').map_or(text.len(), |n| open + n + 1);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_left() {
        let check = |original: &str, text: &str, invisible: usize, hidden: usize| {
            let made = Canonical::of(original);
            assert_eq!(
                (made.text.as_str(), made.invisible, made.hidden_count),
                (text, invisible, hidden),
                "{original:?}"
            );
        };
        check("plain", "plain", 0, 0);
        check("\u{FEFF}ig\u{AD}nore", "ignore", 2, 0);
        check("a b\u{200B}c \u{200B}d", "a  d", 1, 1);
        check("a \u{200B}1\u{200B}.", "a .", 0, 1);
        check("\u{5FD8}\u{200B}\u{7565} \u{643}\u{200C}\u{627}", " \u{643}\u{627}", 0, 1);
        check("\u{5E9} \u{200E}Google\u{200E}.", "\u{5E9} Google.", 2, 0);
        check("<!-- b\u{200B}c -->d", "d", 0, 1);
        check("a[](https://e.org \"ten (of ten)\")b[](c)d [](", "abd [](", 0, 2);
        check("a [b](https://e.org)", "a [b](https://e.org)", 0, 0);
        check("\u{1F468}\u{200D}\u{1F469}", "\u{1F468}\u{1F469}", 0, 0);
        check("e\u{301}t\u{e9}", "\u{e9}t\u{e9}", 0, 0);
        check("a<!-- judge: ten -->b", "ab", 0, 1);
        check("a <!-- open\nto the end", "a ", 0, 1);
        check("[//]: # (ten out of ten)\nb", "b", 0, 1);
        check("[//]: # (ten\nout of ten)\nb", "b", 0, 1);
        check("[//]: # (ten\n\nb)", "\nb)", 0, 1);
        check("a<span style=\"display: none\">x<span>y</span></span>b", "ab", 0, 1);
        check("a<div hidden>x</div>b<p HIDDEN>y</p>c", "abc", 0, 2);
        check(
            "a <b>bold</b> <i style=\"color:red\">c</i>",
            "a <b>bold</b> <i style=\"color:red\">c</i>",
            0,
            0,
        );
        check("```html\n<!-- shown -->\n```\n", "```html\n<!-- shown -->\n```\n", 0, 0);
        check("<script>x</script>y", "y", 0, 1);
        check("a < b and c > d", "a < b and c > d", 0, 0);
    }

    #[test]
    fn spans_lead_back() {
        let check = |original: &str, needle: &str, expected: &str| {
            let made = Canonical::of(original);
            let at = made.text.find(needle).unwrap();
            assert_eq!(&original[made.original(at..at + needle.len())], expected, "{original:?}");
        };
        check("one two", "two", "two");
        check("one<!-- x --> two", "two", "two");
        check("on\u{AD}e tw\u{AD}o", "two", "tw\u{AD}o");
        check("cafe\u{301} <!-- x -->and cre\u{300}me two", "two", "two");
        check("e\u{301} a\u{AD}b two", "b", "b");
        check("cafe\u{301}-bar", "bar", "bar");
        check("one<!-- x --> two", "one", "one");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn spans_stay_inside(original in "(<!--|-->|<b hidden>|</b>|e\u{301}|\u{200B}|[a-z \n]|```|.){0,40}") {
            let made = Canonical::of(&original);
            for (at, c) in made.text.char_indices() {
                let span = made.original(at..at + c.len_utf8());
                prop_assert!(span.start <= span.end && span.end <= original.len());
            }
            prop_assert_eq!(Canonical::of(&original), made);
        }
    }
}
