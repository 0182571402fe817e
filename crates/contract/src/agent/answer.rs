//! Reading the body of a 200. Every rule of the contract is one line of [`read`] or of what it calls.

use super::fields::{Field, Fields, string};
use super::{artifacts, message};
use gavel_domain::invitation::{Answer, Mode, TokenUsage};
use gavel_domain::money::{Currency, Money, PriceError, parse_price};
use serde::Deserialize;

pub use super::fields::JSON_DEPTH_MAX;

/// Fewest characters of work.
pub const FULL_TEXT_CHARS_MIN: usize = 50;
/// Most characters of work.
pub const FULL_TEXT_CHARS_MAX: usize = 500_000;
/// Most characters of a summary; a longer one is cut.
pub const SUMMARY_CHARS_MAX: usize = 299;
/// More tokens than any call uses.
const TOKENS_MAX: u64 = 1_000_000_000;
/// A larger cost (US dollars) is a mistake.
const COST_USD_MAX: f64 = 1_000_000.0;

/// What an answer is read against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Prototype or final.
    pub mode: Mode,
    /// The task's budget.
    pub budget: Money,
    /// The platform's currency: it names the price's field.
    pub currency: Currency,
}

/// A usable answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The answer.
    pub answer: Answer,
    /// What was dropped, cut or odd, each `code: words`, for the developer.
    pub warnings: Vec<String>,
}

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejected {
    code: &'static str,
    message: String,
}

impl Rejected {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn schema(message: impl Into<String>) -> Self {
        Self::new("schema", message)
    }

    /// The stable code.
    pub const fn code(&self) -> &'static str {
        self.code
    }
}

/// Reads an agent's answer.
///
/// # Errors
/// The first rule it breaks, with its code.
pub fn read(body: &[u8], expectation: &Expectation) -> Result<Reading, Rejected> {
    let fields = Fields::read(body, &expectation.currency)?;
    let mut warnings = Vec::new();
    let full_text = full_text(fields.get(Field::FullText))?;
    let summary = summary(fields.get(Field::Summary), &mut warnings)?;
    let message = agent_message(fields.get(Field::AgentMessage))?;
    let artifacts = match fields.get(Field::Artifacts) {
        Some(list) => artifacts::read(list, &mut warnings)?,
        None => Vec::new(),
    };
    let token_usage = fields.get(Field::TokenUsage).and_then(|json| token_usage(json, &mut warnings));
    let price = price(&fields, expectation, &mut warnings)?;
    Ok(Reading { answer: Answer { full_text, summary, message, artifacts, token_usage, price }, warnings })
}

fn full_text(json: Option<&str>) -> Result<String, Rejected> {
    let json = json.ok_or_else(|| Rejected::new("full_text_missing", "full_text is required"))?;
    let text = string(json).ok_or_else(|| Rejected::schema("full_text must be a string"))??;
    let length = text.trim().chars().count();
    if length < FULL_TEXT_CHARS_MIN {
        let why = format!("full_text has {length} characters; {FULL_TEXT_CHARS_MIN} are the least");
        return Err(Rejected::new("full_text_short", why));
    }
    if length > FULL_TEXT_CHARS_MAX {
        let why = format!("full_text has {length} characters; {FULL_TEXT_CHARS_MAX} are the most");
        return Err(Rejected::new("full_text_long", why));
    }
    Ok(text)
}

fn summary(json: Option<&str>, warnings: &mut Vec<String>) -> Result<String, Rejected> {
    let missing = || Rejected::new("summary_missing", "summary is required: one to three sentences");
    let text =
        string(json.ok_or_else(missing)?).ok_or_else(|| Rejected::schema("summary must be a string"))??;
    let text = text.trim();
    if text.is_empty() {
        return Err(missing());
    }
    let cut = message::cut(text, SUMMARY_CHARS_MAX);
    if cut != text {
        warnings.push(format!("summary_truncated: a summary has at most {SUMMARY_CHARS_MAX} characters"));
    }
    Ok(cut)
}

fn agent_message(json: Option<&str>) -> Result<Option<String>, Rejected> {
    let Some(json) = json else { return Ok(None) };
    let text = string(json).ok_or_else(|| Rejected::schema("agent_message must be a string"))??;
    Ok(message::sanitise(&text))
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    cost_usd: Option<f64>,
}

/// Telemetry: when it makes no sense it is dropped, the bid stands.
fn token_usage(json: &str, warnings: &mut Vec<String>) -> Option<TokenUsage> {
    let usage = json.starts_with('{').then(|| serde_json::from_str::<WireUsage>(json).ok()).flatten();
    let sensible = |usage: &WireUsage| {
        let tokens = [usage.input_tokens, usage.output_tokens];
        tokens.into_iter().flatten().all(|n| n <= TOKENS_MAX)
            && usage.cost_usd.is_none_or(|cost| (0.0..=COST_USD_MAX).contains(&cost))
            && usage.model.as_ref().is_none_or(|model| !model.contains('\0') && model.chars().count() <= 200)
    };
    let Some(usage) = usage.filter(sensible) else {
        warnings.push("token_usage_dropped: token_usage does not fit the contract".to_owned());
        return None;
    };
    Some(TokenUsage {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        model: usage.model,
        cost_usd: usage.cost_usd,
    })
}

/// The price asked. The accepted bid is the contract: in final mode a price changes nothing.
fn price(
    fields: &Fields<'_>,
    expectation: &Expectation,
    warnings: &mut Vec<String>,
) -> Result<Money, Rejected> {
    let own = fields.get(Field::Price);
    if expectation.mode == Mode::Final {
        if own.or(fields.get(Field::OtherPrice)).is_some() {
            warnings.push("final_price_ignored: the accepted bid's price stands".to_owned());
        }
        return Ok(expectation.budget);
    }
    let suffix = expectation.currency.suffix();
    match own {
        None if fields.get(Field::OtherPrice).is_some() => {
            let why = format!("the price is in another currency; the field is bid_price_{suffix}");
            Err(Rejected::new("currency_mismatch", why))
        }
        None => Ok(expectation.budget),
        Some(token) => parse_price(token, expectation.budget, &expectation.currency).map_err(refused_price),
    }
}

fn refused_price(error: PriceError) -> Rejected {
    let code = match error {
        PriceError::OverBudget => "price_over_budget",
        PriceError::NotPositive => "price_not_positive",
        PriceError::Type => "price_type",
        PriceError::NotJson => "invalid_json",
    };
    Rejected::new(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expectation(mode: Mode) -> Expectation {
        Expectation { mode, budget: Money::from_minor(2500), currency: Currency::new("USD").unwrap() }
    }

    fn read_with(fields: &str) -> Result<Reading, Rejected> {
        let body = format!(r#"{{"full_text": "{}", "summary": "s"{fields}}}"#, "x".repeat(50));
        read(body.as_bytes(), &expectation(Mode::Prototype))
    }

    #[test]
    fn the_smallest_answer_and_a_few_lies() {
        assert_eq!(read_with("").unwrap().answer.price, Money::from_minor(2500));
        let code = |fields: &str| read_with(fields).unwrap_err().code();
        assert_eq!(code(r#", "bid_price_usd": 25.01"#), "price_over_budget");
        assert_eq!(code(r#", "bid_price_aud": 20"#), "currency_mismatch");
        assert_eq!(code(r#", "summary": "again""#), "duplicate_key");
        assert_eq!(code(r#", "artifacts": 5"#), "schema");
        assert!(read_with(r#", "x": {"deep": [1]}, "x": 2"#).is_ok());
    }

    #[test]
    fn bodies_that_are_not_what_they_seem() {
        let good = format!(r#"{{"full_text": "{}", "summary": "s"}}"#, "x".repeat(50));
        let check = |body: &[u8], expected: &str| {
            let got = read(body, &expectation(Mode::Prototype));
            let code = got.as_ref().map_or_else(Rejected::code, |_| "ok");
            assert_eq!(code, expected, "{}", String::from_utf8_lossy(&body[..body.len().min(80)]));
        };
        let with = |field: &str| good.replace("\"s\"", field).into_bytes();
        check(good.as_bytes(), "ok");
        check(format!("\u{FEFF}{good}").as_bytes(), "ok");
        check(format!("\u{FEFF}\u{FEFF}{good}").as_bytes(), "invalid_json");
        check(format!("{good}{good}").as_bytes(), "invalid_json");
        check(format!("```json\n{good}\n```").as_bytes(), "invalid_json");
        check(b"", "invalid_json");
        check(b"[]", "not_object");
        check(&good.as_bytes()[..good.len() - 1], "invalid_json");
        check(&[good.as_bytes(), b"\xff"].concat(), "invalid_json");
        check(&with(r#""\ud800""#), "invalid_json");
        check(&with(r#""\ude00\ud83d""#), "invalid_json");
        check(&with(r#""\ud83d\ude00""#), "ok");
        check(&with(r#""a\u0000""#), "invalid_text");
        check(&with(r#""s", "s\u0075mmary": "t""#), "duplicate_key");
        check(&with(r#""s", "summary": null"#), "duplicate_key");
        check(&with(r#""s", "bid_price_usd": null, "bid_price_aud": 20"#), "currency_mismatch");
        check(&with(r#""s", "bid_price_usd": 20, "bid_price_aud": 30"#), "ok");
        check(&with(r#""s", "bid_price_aud": null"#), "ok");
        check(&with(r#""s", "bid_price": 1, "BID_PRICE_USD": 1"#), "ok");
        for depth in [1_000, 100_000] {
            let nest = format!(r#""s", "x": {}1{}"#, "[".repeat(depth), "]".repeat(depth));
            check(&with(&nest), "invalid_json");
            check(&with(&nest[..nest.len() / 2]), "invalid_json");
        }
        let brackets = format!(r#""s", "x": "{}\"[""#, "[".repeat(1_000));
        check(&with(&brackets), "ok");
    }

    #[test]
    fn in_final_mode_a_price_is_ignored_whatever_it_is() {
        for price in ["9999", "-1", "\"20\"", "[]"] {
            let body =
                format!(r#"{{"full_text": "{}", "summary": "s", "bid_price_usd": {price}}}"#, "x".repeat(50));
            let reading = read(body.as_bytes(), &expectation(Mode::Final)).unwrap();
            assert_eq!(reading.answer.price, Money::from_minor(2500));
            assert!(reading.warnings[0].starts_with("final_price_ignored"), "{:?}", reading.warnings);
        }
    }

    #[test]
    fn a_summary_is_cut_in_characters_not_bytes() {
        let summary = |text: &str| {
            let body = format!(r#"{{"full_text": "{}", "summary": "{text}"}}"#, "x".repeat(50));
            let reading = read(body.as_bytes(), &expectation(Mode::Prototype)).unwrap();
            (reading.answer.summary, reading.warnings.len())
        };
        assert_eq!(summary(&"é".repeat(299)), ("é".repeat(299), 0));
        assert_eq!(summary(&"é".repeat(300)), (format!("{}…", "é".repeat(298)), 1));
        assert_eq!(
            summary(&format!("{} {}", "é".repeat(297), "y".repeat(9))),
            (format!("{}…", "é".repeat(297)), 1)
        );
        assert_eq!(summary(&format!("  {}  ", "é".repeat(299))), ("é".repeat(299), 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&body, &expectation(Mode::Prototype));
        }

        #[test]
        fn nearly_right_json_is_read_or_refused(
            extra in r#"(, "(bid_price_usd|artifacts|token_usage|agent_message|summary)": (-?[0-9.eE+-]{0,8}|\[?\{?"?[a-z\\u0-9]{0,9}"?\}?\]?|null)){0,3}"#
        ) {
            if let Ok(reading) = read_with(&extra) {
                prop_assert!((1..=2500).contains(&reading.answer.price.minor()));
                prop_assert!(reading.answer.summary.chars().count() < 300);
            }
        }
    }
}
