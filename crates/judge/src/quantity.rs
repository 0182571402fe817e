//! "800", "1200-1800 words", "at least five", `{"min": 3}`: how much of something a buyer wants.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// More of anything cannot be asked for: answers are bounded far below.
const QUANTITY_MAX: u64 = 1_000_000;
/// A single number means "about": so much less or more is fine, in percent.
const ABOUT_PERCENT: u64 = 10;
/// Characters of a text that are read.
const TEXT_CHARS_MAX: usize = 200;

/// Names of the ends in an object.
const LEAST: [&str; 6] = ["min", "minimum", "at_least", "from", "lower", "min_words"];
const MOST: [&str; 6] = ["max", "maximum", "at_most", "to", "upper", "max_words"];
const TARGET: [&str; 7] = ["target", "exact", "exactly", "value", "count", "about", "words"];

/// A range with one or two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// At least.
    pub min: u64,
    /// At most; `None` for no end.
    pub max: Option<u64>,
}

impl Quantity {
    /// Reads a number, a text, `[min, max]` or an object with `min`, `max` or `target`. `None` if nothing is asked.
    pub fn read(value: &Value) -> Option<Self> {
        let read = match value {
            Value::Number(_) => about(whole(value)?),
            Value::String(text) => from_text(text),
            Value::Array(ends) => match ends.as_slice() {
                [only] => return Self::read(only),
                [min, max] => Some(Self { min: whole(min)?, max: Some(whole(max)?) }),
                _ => None,
            },
            Value::Object(fields) => {
                let field = |names: &[&str]| names.iter().find_map(|name| fields.get(*name)).and_then(whole);
                match (field(&LEAST), field(&MOST)) {
                    (None, None) => about(field(&TARGET)?),
                    (min, max) => Some(Self { min: min.unwrap_or(0), max }),
                }
            }
            Value::Null | Value::Bool(_) => None,
        };
        read.filter(|q| *q != Self { min: 0, max: None }).map(Self::in_order)
    }

    /// Reads a count of things, where a single number means exactly that many or more.
    pub fn read_count(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(whole_number(number)?.min(QUANTITY_MAX))
                .filter(|n| *n > 0)
                .map(|min| Self { min, max: None }),
            Value::String(text) => match *numbers(text).as_slice() {
                [min] if bound(&text.to_lowercase()) != Bound::Upper => Some(Self { min, max: None }),
                _ => Self::read(value),
            },
            _ => Self::read(value),
        }
    }

    /// Two demands as one. Where they contradict each other, all that lies between them is fine.
    pub(crate) fn and(self, other: Self) -> Self {
        let max = [self.max, other.max].into_iter().flatten().min();
        Self { min: self.min.max(other.min), max }.in_order()
    }

    fn in_order(self) -> Self {
        let cut = |n: u64| n.min(QUANTITY_MAX);
        match self.max {
            Some(max) if max < self.min => Self { min: cut(max), max: Some(cut(self.min)) },
            max => Self { min: cut(self.min), max: max.map(cut) },
        }
    }

    /// How well `measured` fits, in parts per million: everything inside, then in proportion.
    pub fn fit(self, measured: u64) -> u32 {
        let part = match self.max {
            _ if measured < self.min => measured * 1_000_000 / self.min,
            Some(max) if measured > max => max * 1_000_000 / measured,
            _ => 1_000_000,
        };
        u32::try_from(part).unwrap_or(0)
    }

    /// What a good answer would have: the middle, or the least plus a fifth where there is no end.
    pub fn expected(self) -> u64 {
        match self.max {
            Some(max) if self.min == 0 => max * 4 / 5,
            Some(max) => self.min + (max - self.min) / 2,
            None => self.min + self.min / 5,
        }
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.max {
            Some(max) if self.min == 0 => write!(f, "at most {max}"),
            Some(max) if max == self.min => write!(f, "{max}"),
            Some(max) => write!(f, "{} to {max}", self.min),
            None => write!(f, "at least {}", self.min),
        }
    }
}

fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => whole_number(number),
        Value::String(text) => numbers(text).first().copied(),
        _ => None,
    }
}

/// `700.0` is 700: some clients write every number so.
fn whole_number(number: &serde_json::Number) -> Option<u64> {
    // Larger or negative ones are cut, which is right for either.
    number.as_u64().or_else(|| number.as_f64().map(|float| float as u64))
}

fn about(target: u64) -> Option<Quantity> {
    within(target, ABOUT_PERCENT)
}

fn within(target: u64, percent: u64) -> Option<Quantity> {
    let target = target.min(QUANTITY_MAX);
    let slack = target * percent.min(100) / 100;
    (target > 0).then(|| Quantity { min: target - slack, max: Some(target + slack) })
}

fn from_text(text: &str) -> Option<Quantity> {
    let lower = text.to_lowercase();
    let (counts, percent) = counts_and_percent(&lower);
    match (counts.as_slice(), percent) {
        ([], _) => None,
        ([only], Some(percent)) => within(*only, percent),
        ([only], None) => match bound(&lower) {
            Bound::Upper => Some(Quantity { min: 0, max: Some(*only) }),
            Bound::Lower => Some(Quantity { min: *only, max: None }),
            Bound::Neither => about(*only),
        },
        ([min, max, ..], _) => Some(Quantity { min: *min, max: Some(*max) }),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Upper,
    Lower,
    Neither,
}

fn bound(lower: &str) -> Bound {
    // In this order: "no fewer than" holds "fewer", "no more than" holds "more than".
    const LEAST_FOR_SURE: [&str; 5] = ["no fewer", "not fewer", "no less", "not less", "at least"];
    const MOST: [&str; 14] = [
        "at most",
        "max",
        "up to",
        "under",
        "below",
        "less than",
        "fewer",
        "or less",
        "no more",
        "not more",
        "within",
        "limit",
        "<",
        "\u{2264}",
    ];
    const LEAST: [&str; 8] = ["min", "over", "more than", "or more", "above", "+", ">", "\u{2265}"];
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match () {
        () if says(&LEAST_FOR_SURE) => Bound::Lower,
        () if says(&MOST) => Bound::Upper,
        () if says(&LEAST) => Bound::Lower,
        () => Bound::Neither,
    }
}

/// The whole numbers of a text.
fn numbers(text: &str) -> Vec<u64> {
    counts_and_percent(text).0
}

/// The whole numbers of a text, and the last one that is a percentage: "1,200", "1.200" and "1 200" are 1200, "1.5k"
/// is 1500, "700 \u{b1} 10 %" is 700 and 10.
fn counts_and_percent(text: &str) -> (Vec<u64>, Option<u64>) {
    let chars: Vec<char> = text.chars().take(TEXT_CHARS_MAX).collect();
    let (mut counts, mut percent, mut at) = (Vec::new(), None, 0);
    while at < chars.len() {
        if !chars[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let (number, end) = number_at(&chars, at);
        at = end;
        let rest = chars[at..].iter().find(|c| !c.is_whitespace());
        if rest == Some(&'%') { percent = Some(number) } else { counts.push(number) }
    }
    (counts, percent)
}

/// The number that starts at a digit, and where it ends.
fn number_at(chars: &[char], start: usize) -> (u64, usize) {
    let digits = |from: usize| chars[from..].iter().take_while(|c| c.is_ascii_digit()).count();
    let value = |from: usize, count: usize| {
        chars[from..from + count]
            .iter()
            .filter_map(|c| c.to_digit(10))
            .fold(0u64, |n, d| n.saturating_mul(10).saturating_add(u64::from(d)))
    };
    let first = digits(start);
    let (mut number, mut at) = (value(start, first), start + first);
    let separates = |c: &char| matches!(c, ',' | '.' | '\'' | ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}');
    while first <= 3 && chars.get(at).is_some_and(separates) && digits(at + 1) == 3 {
        number = number.saturating_mul(1000).saturating_add(value(at + 1, 3));
        at += 4;
    }
    let mut thousandths = 0;
    if matches!(chars.get(at), Some('.' | ',')) && (1..=2).contains(&digits(at + 1)) {
        let decimals = digits(at + 1);
        thousandths = value(at + 1, decimals) * if decimals == 1 { 100 } else { 10 };
        at += 1 + decimals;
    }
    if matches!(chars.get(at), Some('k' | 'K')) {
        (number, at) = (number.saturating_mul(1000).saturating_add(thousandths), at + 1);
    }
    (number.min(QUANTITY_MAX), at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities() {
        let check = |value: Value, expected: Option<(u64, Option<u64>)>| {
            assert_eq!(Quantity::read(&value).map(|q| (q.min, q.max)), expected, "{value}");
        };
        check(json!(800), Some((720, Some(880))));
        check(json!("800"), Some((720, Some(880))));
        check(json!("about 800 words"), Some((720, Some(880))));
        check(json!("1200-1800 words"), Some((1200, Some(1800))));
        check(json!("1,200 \u{2013} 1,800"), Some((1200, Some(1800))));
        check(json!("between 1k and 1.5k words"), Some((1000, Some(1500))));
        check(json!("at least 500 words"), Some((500, None)));
        check(json!("500+"), Some((500, None)));
        check(json!("max. 300"), Some((0, Some(300))));
        check(json!("up to 300 words"), Some((0, Some(300))));
        check(json!({"min": 100, "max": 200}), Some((100, Some(200))));
        check(json!({"min": 100}), Some((100, None)));
        check(json!({"max": "200 words"}), Some((0, Some(200))));
        check(json!({"target": 1000}), Some((900, Some(1100))));
        check(json!([300, 200]), Some((200, Some(300))));
        check(json!([500]), Some((450, Some(550))));
        check(json!(700.0), Some((630, Some(770))));
        check(json!("700 words max"), Some((0, Some(700))));
        check(json!("no more than 700"), Some((0, Some(700))));
        check(json!("700 words or less"), Some((0, Some(700))));
        check(json!("no fewer than 500"), Some((500, None)));
        check(json!("minimum 500 words"), Some((500, None)));
        check(json!("500 or more"), Some((500, None)));
        check(json!("~700"), Some((630, Some(770))));
        check(json!("a 700-word article"), Some((630, Some(770))));
        check(json!("700 words (+/- 5%)"), Some((665, Some(735))));
        check(json!("between 500 and 700 words"), Some((500, Some(700))));
        check(json!("500 to 700"), Some((500, Some(700))));
        check(json!("500, 700"), Some((500, Some(700))));
        check(json!("1 200 mots"), Some((1080, Some(1320))));
        check(json!("1.200 W\u{f6}rter"), Some((1080, Some(1320))));
        check(json!("1,5k"), Some((1350, Some(1650))));
        check(json!({"min": 500}), Some((500, None)));
        check(json!({"minimum": "500"}), Some((500, None)));
        check(json!({"from": 500, "to": 700}), Some((500, Some(700))));
        check(json!({"words": 700}), Some((630, Some(770))));
        check(json!({"min": null, "max": null}), None);
        check(json!("a few"), None);
        check(json!({}), None);
        check(json!(0), None);
        check(json!(-5), None);
        check(json!(null), None);
        check(json!("99999999999999999999999999"), Some((900_000, Some(1_000_000))));
    }

    #[test]
    fn counts() {
        let check = |value: Value, expected| {
            assert_eq!(Quantity::read_count(&value).map(|q| (q.min, q.max)), expected, "{value}");
        };
        check(json!(5), Some((5, None)));
        check(json!("5 items"), Some((5, None)));
        check(json!("at most 5"), Some((0, Some(5))));
        check(json!("3-5"), Some((3, Some(5))));
    }

    #[test]
    fn joined() {
        let q = |min, max| Quantity { min, max };
        assert_eq!(q(300, None).and(q(0, Some(500))), q(300, Some(500)));
        assert_eq!(q(500, None).and(q(0, Some(300))), q(300, Some(500)), "contradictory");
        assert_eq!(q(720, Some(880)).and(q(800, None)), q(800, Some(880)));
    }

    #[test]
    fn fits() {
        let check = |min, max, measured, expected| {
            assert_eq!(Quantity { min, max }.fit(measured), expected, "{min} {max:?} {measured}");
        };
        check(100, Some(200), 100, 1_000_000);
        check(100, Some(200), 200, 1_000_000);
        check(100, Some(200), 50, 500_000);
        check(100, Some(200), 800, 250_000);
        check(100, None, 1_000, 1_000_000);
        check(0, Some(0), 4, 0);
        check(0, Some(10), 0, 1_000_000);
    }
}
