//! Reading the body of a 200. Every rule of the contract is one line of [`read`] or of what it calls.

use super::{artifacts, message};
use gavel_domain::invitation::{Answer, Mode, TokenUsage};
use gavel_domain::money::{Currency, Money, PriceError, parse_price};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Fewest characters of work.
pub const FULL_TEXT_CHARS_MIN: usize = 50;
/// Most characters of work.
pub const FULL_TEXT_CHARS_MAX: usize = 500_000;
/// Most characters of a summary; a longer one is cut.
pub const SUMMARY_CHARS_MAX: usize = 299;
/// Deepest nesting of a body: nobody's stack is at stake.
pub const JSON_DEPTH_MAX: usize = 128;
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
    let json = text_of(body)?;
    let fields = Fields::read(json, expectation)?;
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

fn text_of(body: &[u8]) -> Result<&str, Rejected> {
    let text = std::str::from_utf8(body).map_err(|_| invalid_json("the body is not UTF-8"))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if depth(text) > JSON_DEPTH_MAX {
        return Err(invalid_json(format!("the body nests deeper than {JSON_DEPTH_MAX} levels")));
    }
    Ok(text)
}

fn invalid_json(message: impl Into<String>) -> Rejected {
    Rejected::new("invalid_json", message)
}

/// How deep brackets nest, outside of strings.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The keys we know. Everything else is ignored, repeated or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    FullText,
    Summary,
    AgentMessage,
    Artifacts,
    TokenUsage,
    Price,
    OtherPrice,
}

/// The raw JSON of the keys we know.
struct Fields<'a>(Vec<(Field, &'a str)>);

impl<'a> Fields<'a> {
    fn read(json: &'a str, expectation: &Expectation) -> Result<Self, Rejected> {
        let raw: &RawValue =
            serde_json::from_str(json).map_err(|e| invalid_json(format!("the body is not JSON: {e}")))?;
        if !raw.get().starts_with('{') {
            return Err(Rejected::new("not_object", "the body must be a JSON object"));
        }
        let pairs: Pairs<'a> = serde_json::from_str(raw.get())
            .map_err(|e| invalid_json(format!("the body is not JSON: {e}")))?;
        let own_price = format!("bid_price_{}", expectation.currency.suffix());
        let mut fields = Fields(Vec::new());
        for (key, value) in pairs.0 {
            let Some(field) = Field::named(&key, &own_price) else { continue };
            if field != Field::OtherPrice && fields.0.iter().any(|(known, _)| *known == field) {
                return Err(Rejected::new("duplicate_key", format!("the key {key:?} appears twice")));
            }
            fields.0.push((field, value.get()));
        }
        Ok(fields)
    }

    /// The raw value; null means omitted.
    fn get(&self, field: Field) -> Option<&'a str> {
        self.0.iter().find(|(known, value)| *known == field && *value != "null").map(|(_, value)| *value)
    }
}

impl Field {
    fn named(key: &str, own_price: &str) -> Option<Field> {
        Some(match key {
            "full_text" => Field::FullText,
            "summary" => Field::Summary,
            "agent_message" => Field::AgentMessage,
            "artifacts" => Field::Artifacts,
            "token_usage" => Field::TokenUsage,
            key if key == own_price => Field::Price,
            key if is_price(key) => Field::OtherPrice,
            _ => return None,
        })
    }
}

fn is_price(key: &str) -> bool {
    key.strip_prefix("bid_price_")
        .is_some_and(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_lowercase()))
}

/// An object's pairs in order, values untouched, repetitions kept.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            pairs.push((key, map.next_value()?));
        }
        Ok(Pairs(pairs))
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A JSON string; `None` when it is another type.
fn string(json: &str) -> Option<Result<String, Rejected>> {
    if !json.starts_with('"') {
        return None;
    }
    Some(match serde_json::from_str::<String>(json) {
        Ok(text) if text.contains('\0') => Err(Rejected::new("invalid_text", "the text contains U+0000")),
        Ok(text) => Ok(text),
        Err(e) => Err(invalid_json(format!("a string is not JSON: {e}"))),
    })
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
