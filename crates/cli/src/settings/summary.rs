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

/// Where a database is, without who opens it: `PostgreSQL at db:5432, database gavel`. `None`: it is a file.
pub(crate) fn place_of(database_url: &str) -> Option<String> {
    if !database_url.starts_with("postgres") {
        return None;
    }
    let Ok(url) = url::Url::parse(database_url) else { return Some("PostgreSQL".to_owned()) };
    let named =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let host = named("host").or(url.host_str().map(str::to_owned)).unwrap_or_else(|| "localhost".to_owned());
    let port = named("port").unwrap_or_else(|| url.port().unwrap_or(POSTGRES_PORT).to_string());
    let name = named("dbname").unwrap_or_else(|| url.path().trim_start_matches('/').to_owned());
    Some(format!("PostgreSQL at {host}:{port}, database {name}"))
}

/// Where PostgreSQL listens when nothing else is said.
const POSTGRES_PORT: u16 = 5432;

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

    #[test]
    fn a_place_says_nothing_of_who_opens_it() {
        let check =
            |url: &str, expected: Option<&str>| assert_eq!(place_of(url).as_deref(), expected, "{url}");
        check("sqlite:gavel.db", None);
        check("postgres://g:s3cret@db/gavel", Some("PostgreSQL at db:5432, database gavel"));
        check("postgresql://db:6000/g?password=s3cret", Some("PostgreSQL at db:6000, database g"));
        check("postgres:///g?host=/run/pg&user=g", Some("PostgreSQL at /run/pg:5432, database g"));
        check("postgres://g:s3cret@d b/gavel", Some("PostgreSQL"));
    }
}
