//! How our words and documents stand in columns.

use crate::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::str::FromStr;

/// Reads one of our words from a column.
pub(crate) fn word<T>(text: &str, table: &'static str, column: &'static str) -> Result<T>
where
    T: FromStr<Err = gavel_domain::lifecycle::UnknownWord>,
{
    text.parse().map_err(Error::word(table, column))
}

/// Reads a JSON document from a column.
pub(crate) fn json<T: DeserializeOwned>(text: &str, table: &'static str, column: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(Error::value(table, column))
}

/// Writes a JSON document for a column.
pub(crate) fn to_json<T: Serialize + ?Sized>(
    value: &T,
    table: &'static str,
    column: &'static str,
) -> Result<String> {
    serde_json::to_string(value).map_err(Error::value(table, column))
}

/// Reads a whole number that must fit a smaller type.
pub(crate) fn number<T: TryFrom<i64>>(value: i64, table: &'static str, column: &'static str) -> Result<T>
where
    T::Error: std::fmt::Display,
{
    T::try_from(value).map_err(Error::value(table, column))
}
