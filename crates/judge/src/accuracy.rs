//! Internal consistency, the only accuracy that can be seen without a source: sums that are written out must be right.

use crate::limits::SPANS_PER_GATE;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Decimals kept of a number.
const SCALE: i128 = 10_000;
/// Sums checked; a text with more is a table of sums and judged by the first ones.
const SUMS_MAX: usize = 500;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Sums written out.
    pub(crate) checked: usize,
    /// Where wrong ones stand.
    pub(crate) wrong: Vec<Range<usize>>,
}

/// Checks `a + b = c` and its like. Longer chains, and sums beside other signs, are left alone.
pub(crate) fn sums(source: &str) -> Sums {
    static SUM: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let number = r"[$€£]?(\d{1,3}(?:,\d{3}){1,3}|\d{1,12})(\.\d{1,4})?";
        Regex::new(&format!(
            r"{number}[ ]{{0,2}}([+\-−×x*/÷])[ ]{{0,2}}{number}[ ]{{0,2}}=[ ]{{0,2}}{number}"
        ))
        .ok()
    });
    let mut found = Sums::default();
    let Some(pattern) = SUM.as_ref() else { return found };
    for groups in pattern.captures_iter(source).take(SUMS_MAX) {
        let Some(whole) = groups.get(0) else { continue };
        let number = |i: usize| {
            scaled(groups.get(i).map_or("", |m| m.as_str()), groups.get(i + 1).map_or("", |m| m.as_str()))
        };
        let alone = stands_alone(source, whole.range());
        let (Some(a), Some(b), Some(c), true) = (number(1), number(4), number(6), alone) else { continue };
        found.checked += 1;
        if !holds(a, groups.get(3).map_or("", |m| m.as_str()), b, c) && found.wrong.len() < SPANS_PER_GATE {
            found.wrong.push(whole.range());
        }
    }
    found
}

fn scaled(whole: &str, decimals: &str) -> Option<i128> {
    let whole: i128 = whole.replace(',', "").parse().ok()?;
    let digits = decimals.trim_start_matches('.');
    let fraction: i128 = if digits.is_empty() { 0 } else { format!("{digits:0<4}").parse().ok()? };
    Some(whole * SCALE + fraction)
}

fn holds(a: i128, sign: &str, b: i128, c: i128) -> bool {
    let (left, right) = match sign {
        "+" => (a + b, c),
        "-" | "\u{2212}" => (a - b, c),
        "/" | "\u{F7}" => (a * SCALE, b * c),
        _ => (a * b, c * SCALE),
    };
    // Half a percent for results that were rounded.
    (left - right).abs() * 200 <= left.abs().max(right.abs())
}

/// Not a part of something longer: a formula, a date, a percentage, a variable.
fn stands_alone(source: &str, span: Range<usize>) -> bool {
    let tied = |c: char| c.is_alphanumeric() || "+-\u{2212}\u{D7}*/\u{F7}^=.,)(%_".contains(c);
    let before = source[..span.start].chars().rev().find(|c| *c != ' ');
    let mut after = source[span.end..].chars().skip_while(|c| *c == ' ');
    let end = after.next();
    let stop = matches!(end, Some('.' | ',')) && !after.next().is_some_and(|c| c.is_ascii_digit());
    let word_follows = end.is_some_and(char::is_alphabetic) && source[span.end..].starts_with(' ');
    !before.is_some_and(|c| tied(c) && !c.is_alphabetic() && !matches!(c, '.' | ',' | '('))
        && (stop || word_follows || !end.is_some_and(|c| tied(c) && c != ')'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_out_sums() {
        let check = |text: &str, checked: usize, wrong: &[&str]| {
            let found = sums(text);
            let spans: Vec<_> = found.wrong.iter().map(|span| &text[span.clone()]).collect();
            assert_eq!((found.checked, spans.as_slice()), (checked, wrong), "{text:?}");
        };
        check("So 2 + 2 = 4.", 1, &[]);
        check("So 2 + 2 = 5.", 1, &["2 + 2 = 5"]);
        check("$1,200.50 + $99.50 = $1,300", 1, &[]);
        check("10 / 3 = 3.33", 1, &[]);
        check("12 x 12 = 140 pieces", 1, &["12 x 12 = 140"]);
        check("1 + 2 + 3 = 6", 0, &[]);
        check("y = 3 * 2 = 6 + 1", 0, &[]);
        check("x^2 + 2 = 4k", 0, &[]);
        check("no sums", 0, &[]);
        check("999999999999 * 999999999999 = 1", 1, &["999999999999 * 999999999999 = 1"]);
    }
}
