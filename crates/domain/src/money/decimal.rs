//! Decimal text as money, exactly: no float ever sees an amount.

use super::{Currency, Money};
use serde::de::IgnoredAny;

/// Why a price that an agent named cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// More than the budget, if only by a hair.
    #[error("the price is above the budget")]
    OverBudget,
    /// Zero, negative, or nothing once rounded.
    #[error("the price must be at least one minor unit")]
    NotPositive,
    /// JSON, but no number.
    #[error("the price must be a JSON number")]
    Type,
    /// No JSON at all.
    #[error("the price is not JSON")]
    NotJson,
}

/// Why an amount that a buyer named cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a JSON number.
    #[error("must be a number")]
    NotANumber,
    /// Finer than the currency's minor unit.
    #[error("has more decimals than the currency")]
    TooFine,
    /// Beyond what can be counted.
    #[error("is out of range")]
    OutOfRange,
}

/// The price of an answer from its raw JSON token: compared with the budget exactly, then rounded half up.
///
/// # Errors
/// What is wrong with it; a price that is too high and badly rounded is too high.
pub fn parse_price(json_token: &str, budget: Money, currency: &Currency) -> Result<Money, PriceError> {
    let decimal = Decimal::parse(trim(json_token)).ok_or_else(|| no_number(json_token))?;
    if decimal.negative {
        return Err(PriceError::NotPositive);
    }
    let parts = decimal.in_minor(currency).ok_or(PriceError::OverBudget)?;
    let budget = u64::try_from(budget.minor()).unwrap_or(0); // below zero nothing is affordable
    if parts.whole > budget || (parts.whole == budget && parts.rest != Rest::Zero) {
        return Err(PriceError::OverBudget);
    }
    let rounded = parts.whole + u64::from(parts.rest == Rest::HalfOrMore);
    match i64::try_from(rounded) {
        Ok(minor @ 1..) => Ok(Money::from_minor(minor)),
        Ok(_) => Err(PriceError::NotPositive),
        Err(_) => Err(PriceError::OverBudget),
    }
}

/// Text that is no number is either other JSON or no JSON. It is skipped over, not built: depth and size cost nothing.
fn no_number(json_token: &str) -> PriceError {
    match serde_json::from_str::<IgnoredAny>(json_token) {
        Ok(_) => PriceError::Type,
        Err(_) => PriceError::NotJson,
    }
}

/// The four characters that JSON calls white space.
fn trim(json_token: &str) -> &str {
    json_token.trim_matches([' ', '\t', '\n', '\r'])
}

impl Money {
    /// An amount from its JSON token, in whole minor units; nothing is rounded.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with the field's name.
    pub fn parse_exact(json_token: &str, currency: &Currency) -> Result<Money, AmountError> {
        let decimal = Decimal::parse(trim(json_token)).ok_or(AmountError::NotANumber)?;
        let parts = decimal.in_minor(currency).ok_or(AmountError::OutOfRange)?;
        if parts.rest != Rest::Zero {
            return Err(AmountError::TooFine);
        }
        let size = i128::from(parts.whole);
        let minor = if decimal.negative { -size } else { size };
        i64::try_from(minor).map(Money::from_minor).map_err(|_| AmountError::OutOfRange)
    }
}

/// A JSON number as its digits and the place of its point; work is bounded by the text's length.
struct Decimal {
    negative: bool,
    /// Significant digits, without leading or trailing zeros; empty for zero.
    digits: Vec<u8>,
    /// The value is 0.DIGITS x 10^magnitude.
    magnitude: i64,
}

struct MinorParts {
    whole: u64,
    rest: Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Zero,
    BelowHalf,
    HalfOrMore,
}

/// As many digits as the largest i64 has; any number of so many digits fits into a u64.
const WHOLE_DIGITS_MAX: i64 = 19;

impl Decimal {
    /// Reads exactly the number grammar of JSON.
    fn parse(text: &str) -> Option<Decimal> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if !all_digits(whole) || leading_zero || fraction.is_some_and(|f| !all_digits(f)) {
            return None;
        }
        let fraction = fraction.unwrap_or("");
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = all.iter().take_while(|d| **d == b'0').count();
        let mut digits = all[zeros..].to_vec();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let magnitude = (whole.len() as i64 - zeros as i64).saturating_add(exponent);
        Some(Decimal { negative, digits, magnitude })
    }

    /// The value in minor units: whole ones and what is left. `None` beyond the range.
    fn in_minor(&self, currency: &Currency) -> Option<MinorParts> {
        if self.digits.is_empty() {
            return Some(MinorParts { whole: 0, rest: Rest::Zero });
        }
        let before_point = self.magnitude.saturating_add(i64::from(currency.exponent()));
        if before_point > WHOLE_DIGITS_MAX {
            return None;
        }
        if before_point < 0 {
            return Some(MinorParts { whole: 0, rest: Rest::BelowHalf });
        }
        let count = before_point as usize; // 0..=19
        let digit = |i: usize| u64::from(self.digits.get(i).copied().unwrap_or(b'0') - b'0');
        let whole = (0..count).fold(0_u64, |sum, i| sum * 10 + digit(i));
        let rest = match self.digits.get(count) {
            None => Rest::Zero,
            Some(d) if *d >= b'5' => Rest::HalfOrMore,
            Some(_) => Rest::BelowHalf,
        };
        Some(MinorParts { whole, rest })
    }
}

/// Exponents beyond any meaning are cut, not computed.
fn parse_exponent(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if !all_digits(digits) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let size = if digits.len() > 9 { 1_000_000_000 } else { digits.parse().unwrap_or(0) };
    Some(sign * size)
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_exact_or_refused() {
        let usd = Currency::new("USD").unwrap();
        let check = |text: &str, expected: Result<i64, AmountError>| {
            assert_eq!(Money::parse_exact(text, &usd).map(Money::minor), expected, "{text}");
        };
        check("25", Ok(2500));
        check("25.10", Ok(2510));
        check("2.5e1", Ok(2500));
        check("0.100", Ok(10));
        check("-1.5", Ok(-150));
        check("25.001", Err(AmountError::TooFine));
        check("1e30", Err(AmountError::OutOfRange));
        check("\"25\"", Err(AmountError::NotANumber));
        check("", Err(AmountError::NotANumber));
        check("1.", Err(AmountError::NotANumber));
        check("007", Err(AmountError::NotANumber));
        check("\u{a0}7", Err(AmountError::NotANumber));
        check("92233720368547758.07", Ok(i64::MAX));
        check("-92233720368547758.08", Ok(i64::MIN));
        check("92233720368547758.08", Err(AmountError::OutOfRange));
        check("99999999999999999.99", Err(AmountError::OutOfRange));
    }

    #[test]
    fn prices_are_compared_before_they_are_rounded() {
        let usd = Currency::new("USD").unwrap();
        let check = |token: &str, budget: i64, expected: Result<i64, PriceError>| {
            let got = parse_price(token, Money::from_minor(budget), &usd).map(Money::minor);
            assert_eq!(got, expected, "{token} of {budget}");
        };
        check(" 24.995\n", 2500, Ok(2500));
        check("25.001", 2500, Err(PriceError::OverBudget));
        check("0.00000001e9", 2500, Ok(1000));
        check("0e999999999999999999999", 2500, Err(PriceError::NotPositive));
        check("-0", 2500, Err(PriceError::NotPositive));
        check("-1e400", 2500, Err(PriceError::NotPositive));
        check("92233720368547758.07", i64::MAX, Ok(i64::MAX));
        check("92233720368547758.071", i64::MAX, Err(PriceError::OverBudget));
        check("0.01", 0, Err(PriceError::OverBudget));
        check("0.01", -1, Err(PriceError::OverBudget));
        let huge = format!("{}e-{}", "9".repeat(100_000), 99_999);
        check(&huge, 2500, Ok(1000));
    }

    #[test]
    fn other_json_is_told_from_no_json() {
        let usd = Currency::new("USD").unwrap();
        let check = |token: &str, expected: PriceError| {
            assert_eq!(parse_price(token, Money::from_minor(2500), &usd), Err(expected), "{token:.40}");
        };
        for token in ["\"22\"", "true", " false", "null", "[1e400]", "{\"a\": [1]}", "\"\""] {
            check(token, PriceError::Type);
        }
        for token in
            ["", " ", "\"22", "[1,", "{", "\"a\" 1", "nul", "+1", ".5", "5.", "1e", "0x16", "22 USD", "٢٢"]
        {
            check(token, PriceError::NotJson);
        }
        check(&"[".repeat(1_000_000), PriceError::NotJson);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_a_price_fits_its_budget(text in "\\PC{0,40}", budget in 1_i64..1_000_000) {
            let usd = Currency::new("USD").unwrap();
            if let Ok(price) = parse_price(&text, Money::from_minor(budget), &usd) {
                prop_assert!((1..=budget).contains(&price.minor()));
            }
        }

        #[test]
        fn what_is_written_reads_back(minor in -1_000_000_000_i64..1_000_000_000) {
            for code in ["USD", "JPY", "KWD"] {
                let currency = Currency::new(code).unwrap();
                let text = Money::from_minor(minor).to_decimal_string(&currency);
                prop_assert_eq!(Money::parse_exact(&text, &currency), Ok(Money::from_minor(minor)));
            }
        }
    }
}
