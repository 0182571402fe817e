//! What is in force, to be shown: every setting by its name, passwords hidden.

use super::known::leaves;
use ::config::{Config, ValueKind};
use serde_json::Value;
use std::collections::BTreeMap;

/// What stands where a password was.
const HIDDEN: &str = "***";

/// Every setting by its name.
pub(super) fn summary(all: &Config) -> BTreeMap<String, Value> {
    leaves(all).into_iter().map(|(key, value)| (key, shown(value))).collect()
}

fn shown(value: ValueKind) -> Value {
    match value {
        ValueKind::Nil | ValueKind::Table(_) => Value::Null,
        ValueKind::Boolean(value) => value.into(),
        ValueKind::I64(value) => value.into(),
        ValueKind::U64(value) => value.into(),
        ValueKind::I128(value) => value.to_string().into(),
        ValueKind::U128(value) => value.to_string().into(),
        ValueKind::Float(value) => value.into(),
        ValueKind::String(text) => without_password(&text).into(),
        ValueKind::Array(items) => items.into_iter().map(|item| shown(item.kind)).collect(),
    }
}

/// A URL's passwords are hidden; a text that looks like one with a password and cannot be read is not shown at all.
fn without_password(text: &str) -> String {
    if !text.contains("://") || !(text.contains('@') || text.contains("password")) {
        return text.to_owned();
    }
    let Ok(mut url) = url::Url::parse(text) else { return HIDDEN.to_owned() };
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    if url.query().is_some() {
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let hidden = |(name, value): (String, String)| {
            let secret = name.contains("password");
            (name, if secret { HIDDEN.to_owned() } else { value })
        };
        url.query_pairs_mut().clear().extend_pairs(pairs.into_iter().map(hidden));
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let check = |text: &str, expected: &str| assert_eq!(without_password(text), expected, "{text}");
        check("sqlite:/var/lib/g@vel/my.db", "sqlite:/var/lib/g@vel/my.db");
        check("postgres://gavel@db/gavel", "postgres://gavel@db/gavel");
        check("postgres://gavel:s3cret@db:5432/gavel", "postgres://gavel:***@db:5432/gavel");
        check("postgres://db/gavel?user=g&password=s3cret", "postgres://db/gavel?user=g&password=***");
        check("postgres://gavel:s3cret@d b/gavel", "***");
        check("https://gavel.example.com", "https://gavel.example.com");
    }
}
