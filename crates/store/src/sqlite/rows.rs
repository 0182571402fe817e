//! Rows of SQLite, read column by column.

use super::values::{Bind, Read};
use rusqlite::types::Type;
use rusqlite::{CachedStatement, Connection, Error, Result, Row};

/// A row that knows how to read itself; `row!` makes structs that do.
pub(crate) trait FromLite: Sized {
    fn from_lite(columns: &mut Columns<'_>) -> Result<Self>;
}

/// The columns of a row, from left to right.
pub(crate) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl Columns<'_> {
    /// The next column, whatever its name.
    fn next<T: Read>(&mut self) -> Result<T> {
        self.next += 1;
        self.at(self.next - 1)
    }

    /// The column of a name: mostly the next one, for structs and their columns are written in the same order.
    pub(crate) fn named<T: Read>(&mut self, name: &str) -> Result<T> {
        let statement = self.row.as_ref();
        let is_next = self.next < statement.column_count() && statement.column_name(self.next)? == name;
        let at = if is_next { self.next } else { statement.column_index(name)? };
        self.next = at + 1;
        self.at(at)
    }

    fn at<T: Read>(&self, at: usize) -> Result<T> {
        let value = self.row.get_ref(at)?;
        T::read(value).map_err(|source| Error::FromSqlConversionFailure(at, type_of(value), Box::new(source)))
    }
}

fn type_of(value: rusqlite::types::ValueRef<'_>) -> Type {
    value.data_type()
}

macro_rules! tuples {
    ($($($t:ident)+;)+) => {$(
        impl<$($t: Read),+> FromLite for ($($t,)+) {
            fn from_lite(columns: &mut Columns<'_>) -> Result<Self> {
                Ok(($(columns.next::<$t>()?,)+))
            }
        }
    )+};
}
tuples! { A; A B; A B C; A B C D; A B C D E; A B C D E F; A B C D E F G; A B C D E F G H; }

/// The number of rows that a statement changed.
pub(crate) fn execute(connection: &Connection, sql: &str, values: &[&dyn Bind]) -> Result<u64> {
    let changed = prepared(connection, sql, values)?.raw_execute()?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

/// All rows of a query.
pub(crate) fn fetch_all<T: FromLite>(
    connection: &Connection,
    sql: &str,
    values: &[&dyn Bind],
) -> Result<Vec<T>> {
    let mut statement = prepared(connection, sql, values)?;
    let mut rows = statement.raw_query();
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        read.push(T::from_lite(&mut Columns { row, next: 0 })?);
    }
    Ok(read)
}

/// The first row of a query, if there is one. The statement runs to its end, or what it changes would not be.
pub(crate) fn fetch_optional<T: FromLite>(
    connection: &Connection,
    sql: &str,
    values: &[&dyn Bind],
) -> Result<Option<T>> {
    Ok(fetch_all(connection, sql, values)?.into_iter().next())
}

/// The first row of a query that always has one.
pub(crate) fn fetch_one<T: FromLite>(connection: &Connection, sql: &str, values: &[&dyn Bind]) -> Result<T> {
    fetch_optional(connection, sql, values)?.ok_or(Error::QueryReturnedNoRows)
}

/// A statement with its values bound. `$2` is the second value wherever it stands; for SQLite `$2` is but a name.
fn prepared<'c>(connection: &'c Connection, sql: &str, values: &[&dyn Bind]) -> Result<CachedStatement<'c>> {
    let mut statement = connection.prepare_cached(sql)?;
    for at in 1..=statement.parameter_count() {
        let number = statement.parameter_name(at).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or_else(|| Error::InvalidParameterCount(at, values.len()))?;
        statement.raw_bind_parameter(at, value.bound())?;
    }
    Ok(statement)
}
