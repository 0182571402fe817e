//! The body as a strict reader sees it: UTF-8, one JSON object of bounded depth, no known key twice. Values stay raw
//! text, so that a price never passes through a double.

use super::answer::Rejected;
use gavel_domain::money::Currency;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Deepest nesting of a body: nobody's stack is at stake.
pub const JSON_DEPTH_MAX: usize = 128;

/// The keys we know. Everything else is ignored, repeated or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    FullText,
    Summary,
    AgentMessage,
    Artifacts,
    TokenUsage,
    Price,
    OtherPrice,
}

/// The raw JSON of the keys we know.
pub(super) struct Fields<'a>(Vec<(Field, &'a str)>);

impl<'a> Fields<'a> {
    /// Finds the fields of a body that is one JSON object.
    pub(super) fn read(body: &'a [u8], currency: &Currency) -> Result<Self, Rejected> {
        let json = text_of(body)?;
        let raw: &RawValue =
            serde_json::from_str(json).map_err(|e| invalid_json(format!("the body is not JSON: {e}")))?;
        if !raw.get().starts_with('{') {
            return Err(Rejected::new("not_object", "the body must be a JSON object"));
        }
        let pairs: Pairs<'a> = serde_json::from_str(raw.get())
            .map_err(|e| invalid_json(format!("the body is not JSON: {e}")))?;
        let own_price = format!("bid_price_{}", currency.suffix());
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
    pub(super) fn get(&self, field: Field) -> Option<&'a str> {
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
pub(super) fn string(json: &str) -> Option<Result<String, Rejected>> {
    if !json.starts_with('"') {
        return None;
    }
    Some(match serde_json::from_str::<String>(json) {
        Ok(text) if text.contains('\0') => Err(Rejected::new("invalid_text", "the text contains U+0000")),
        Ok(text) => Ok(text),
        Err(e) => Err(invalid_json(format!("a string is not JSON: {e}"))),
    })
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
