//! The numbers of a text, exactly, however their digits are grouped: "1,240.50", "1 240.50", "1240.5" and "1.240,50"
//! are one number. Signs are left out: "fell by 5" and "-5" say the same.

use std::ops::Range;

/// Ten-thousandths in one: more decimals are cut.
const SCALE: i128 = 10_000;
/// Digits of a number; longer ones are no amounts.
const DIGITS_MAX: usize = 18;
/// Bytes of a number with all that groups its digits: what is longer is a list.
const TOKEN_BYTES_MAX: usize = 40;
/// Numbers read from one text; a text with more is judged by the first ones.
const NUMBERS_MAX: usize = 200_000;

/// A number and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    /// In ten-thousandths, read the English way, then the continental way where that differs; then both in the
    /// thousands or millions that the word after it speaks of.
    pub(crate) values: [Option<i128>; 4],
    /// In bytes.
    pub(crate) span: Range<usize>,
}

impl Number {
    /// Whether one way to read it gives this value.
    pub(crate) fn is(&self, value: i128) -> bool {
        self.values.contains(&Some(value))
    }
}

/// The value of a text that is a number and nothing else but signs of currency, percent and minus.
pub(crate) fn exact(text: &str) -> Option<i128> {
    let sign = |c: char| c.is_whitespace() || "$€£%+-\u{2212}*".contains(c);
    let bare = text.trim_matches(sign);
    let number = numbers(bare).into_iter().next().filter(|n| n.span == (0..bare.len()))?;
    number.values.into_iter().flatten().next()
}

/// A whole number that is often written as a word.
pub(crate) fn word(value: i128) -> Option<&'static str> {
    const WORDS: [&str; 21] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
    ];
    let whole = usize::try_from(value / SCALE).ok().filter(|_| value % SCALE == 0)?;
    WORDS.get(whole).copied()
}

/// All numbers in order. Digits that continue a word ("Q1", "v2") are none.
pub(crate) fn numbers(text: &str) -> Vec<Number> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() && found.len() < NUMBERS_MAX {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let continues = text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let (end, values) = read(text, at);
        if !continues {
            found.push(Number { values, span: at..end });
        }
        at = end;
    }
    found
}

/// The number that starts at a digit, and where it ends. Groups that fit no way of writing are numbers of their own.
fn read(text: &str, start: usize) -> (usize, [Option<i128>; 4]) {
    let end = token_end(text, start);
    let token = &text[start..end];
    let english = value(token, ',', '.');
    let continental = value(token, '.', ',').filter(|value| english != Some(*value));
    if english.is_none() && continental.is_none() {
        let first = digits(text, start);
        return (start + first, [value(&text[start..start + first], ',', '.'), None, None, None]);
    }
    let scale = scale(&text[end..]);
    let scaled = |value: Option<i128>| value.filter(|_| scale > 1)?.checked_mul(scale);
    (end, [english, continental, scaled(english), scaled(continental)])
}

/// What the word or letter after a number multiplies it by. A table whose head says thousands may say it again, so the
/// number alone is a reading too.
fn scale(after: &str) -> i128 {
    let word: String =
        after.trim_start_matches(' ').chars().take_while(|c| c.is_alphabetic()).take(9).collect();
    let attached = !after.starts_with(' ');
    match word.as_str() {
        "k" | "K" if attached => 1_000,
        "m" | "M" if attached => 1_000_000,
        "thousand" => 1_000,
        "million" | "millions" => 1_000_000,
        _ => 1,
    }
}

fn digits(text: &str, from: usize) -> usize {
    text.as_bytes()[from..].iter().take_while(|b| b.is_ascii_digit()).count()
}

/// Where the digits and what may group them end.
fn token_end(text: &str, start: usize) -> usize {
    let mut end = start + digits(text, start);
    while let Some(separator) = text[end..].chars().next() {
        let next = end + separator.len_utf8();
        let follows = if next <= text.len() { digits(text, next) } else { 0 };
        let joins = match separator {
            ',' | '.' => follows > 0,
            ' ' | '\'' | '\u{2019}' | '\u{a0}' | '\u{202f}' | '\u{2009}' => follows == 3 && end - start <= 3,
            _ => false,
        };
        if !joins || next - start > TOKEN_BYTES_MAX {
            break;
        }
        end = next + follows;
    }
    end
}

/// The value of digits in groups of three and a fraction.
fn value(token: &str, group: char, point: char) -> Option<i128> {
    let (whole, fraction) = match token.split_once(point) {
        Some((whole, fraction)) => (whole, fraction),
        None => (token, ""),
    };
    let mut groups = whole.split(|c: char| c == group || !(c.is_ascii_digit() || c == point));
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let grouped = rest.is_empty() || (first.len() <= 3 && rest.iter().all(|part| part.len() == 3));
    let plain = fraction.bytes().all(|b| b.is_ascii_digit());
    if !grouped || !plain || token.len() > DIGITS_MAX + rest.len() + 5 {
        return None;
    }
    let whole: i128 = std::iter::once(first).chain(rest).collect::<String>().parse().ok()?;
    let kept: String = fraction.chars().chain("0000".chars()).take(4).collect();
    Some(whole.checked_mul(SCALE)? + kept.parse::<i128>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_many_spellings() {
        let check = |text: &str, expected: &[i128]| {
            let all = numbers(text);
            let first: Vec<i128> =
                all.iter().filter_map(|n| n.values.iter().flatten().next().copied()).collect();
            assert_eq!(first, expected, "{text:?}");
        };
        check("1,240.50", &[12_405_000]);
        check("1240.5 and 1 240.50", &[12_405_000, 12_405_000]);
        check("1.240,50", &[12_405_000]);
        check("$38% (12)", &[380_000, 120_000]);
        check("Q1 and v2 of S3", &[]);
        check("a, 12, 14.", &[120_000, 140_000]);
        check("10.5.26", &[100_000, 52_600]);
        check("1,234,567", &[12_345_670_000]);
        check("12k and 3rd", &[120_000, 30_000]);
        check("12,5", &[125_000]);
        check("9:30", &[90_000, 300_000]);
    }

    #[test]
    fn both_ways_where_both_are_possible() {
        let one = &numbers("1.200")[0];
        assert!(one.is(12_000) && one.is(12_000_000));
        assert!(!one.is(120_000));
        let reads = |text: &str, value: i128| numbers(text)[0].is(value);
        assert!(reads("12k", 120_000_000) && reads("12k", 120_000) && !reads("12kg", 120_000_000));
        assert!(reads("1.2 million", 12_000_000_000) && reads("3 thousand", 30_000_000));
    }

    #[test]
    fn a_number_and_nothing_else() {
        let check = |text: &str, expected| assert_eq!(exact(text), expected, "{text:?}");
        check("$1,240.50", Some(12_405_000));
        check("-5 %", Some(50_000));
        check("14 March", None);
        check("9:30", None);
        check("", None);
        assert_eq!(word(120_000), Some("twelve"));
        assert_eq!(word(125_000), None);
        assert_eq!(word(210_000), None);
    }
}
