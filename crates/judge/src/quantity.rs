//! "800", "1200-1800 words", "at least five", `{"min": 3}`: how much of something a buyer wants.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// More of anything cannot be asked for: answers are bounded far below.
const QUANTITY_MAX: u64 = 1_000_000;
/// A single number means "about": so much less or more is fine, in percent.
const ABOUT_PERCENT: u64 = 10;

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
            Value::Number(number) => about(number.as_u64()?),
            Value::String(text) => from_text(text),
            Value::Array(ends) => match ends.as_slice() {
                [min, max] => Some(Self { min: whole(min)?, max: Some(whole(max)?) }),
                _ => None,
            },
            Value::Object(fields) => {
                let field = |names: &[&str]| names.iter().find_map(|name| fields.get(*name)).and_then(whole);
                match (field(&["min", "minimum", "at_least"]), field(&["max", "maximum", "at_most"])) {
                    (None, None) => about(field(&["target", "exact", "exactly", "value", "count", "about"])?),
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
            Value::Number(number) => {
                Some(number.as_u64()?.min(QUANTITY_MAX)).filter(|n| *n > 0).map(|min| Self { min, max: None })
            }
            Value::String(text) => match *numbers(text).as_slice() {
                [min] if !is_upper(&text.to_lowercase()) => Some(Self { min, max: None }),
                _ => Self::read(value),
            },
            _ => Self::read(value),
        }
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
        Value::Number(number) => number.as_u64(),
        Value::String(text) => numbers(text).first().copied(),
        _ => None,
    }
}

fn about(target: u64) -> Option<Quantity> {
    let target = target.min(QUANTITY_MAX);
    let slack = target * ABOUT_PERCENT / 100;
    (target > 0).then(|| Quantity { min: target - slack, max: Some(target + slack) })
}

fn from_text(text: &str) -> Option<Quantity> {
    let lower = text.to_lowercase();
    match *numbers(&lower).as_slice() {
        [] => None,
        [only] if is_upper(&lower) => Some(Quantity { min: 0, max: Some(only) }),
        [only] if is_lower(&lower) => Some(Quantity { min: only, max: None }),
        [only] => about(only),
        [min, max, ..] => Some(Quantity { min, max: Some(max) }),
    }
}

fn is_upper(text: &str) -> bool {
    [
        "at most",
        "max",
        "up to",
        "under",
        "below",
        "less than",
        "fewer",
        "no more",
        "not more",
        "within",
        "<",
        "\u{2264}",
    ]
    .iter()
    .any(|word| text.contains(word))
}

fn is_lower(text: &str) -> bool {
    ["at least", "min", "over", "more than", "above", "no less", "+", ">", "\u{2265}"]
        .iter()
        .any(|word| text.contains(word))
}

/// The whole numbers of a text: "1,200", "1 200" is two, "1.5k" is 1500.
fn numbers(text: &str) -> Vec<u64> {
    let mut found = Vec::new();
    let mut chars = text.chars().take(200).peekable();
    while let Some(c) = chars.next() {
        let Some(digit) = c.to_digit(10) else { continue };
        let (mut number, mut decimals, mut in_decimals) = (u64::from(digit), 0u32, false);
        while let Some(next) = chars.peek().copied() {
            match next.to_digit(10) {
                Some(_) if in_decimals && decimals >= 3 => {}
                Some(digit) => {
                    number = number.saturating_mul(10).saturating_add(u64::from(digit));
                    decimals += u32::from(in_decimals);
                }
                None if next == ',' => {}
                None if next == '.' && !in_decimals => in_decimals = true,
                None => break,
            }
            chars.next();
        }
        let thousands = chars.peek().is_some_and(|next| matches!(next, 'k' | 'K'));
        let scaled = number.saturating_mul(if thousands { 1000 } else { 1 }) / 10u64.pow(decimals);
        found.push(scaled.min(QUANTITY_MAX));
    }
    found
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
