//! How values stand in SQLite: the same as the PostgreSQL driver would take them, in SQLite's few types.
//!
//! Ids are 16 bytes, times RFC 3339 text in UTC (which sorts), truth is 0 or 1.

use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::types::{FromSqlError, FromSqlResult, ToSqlOutput, Value, ValueRef};
use uuid::Uuid;

/// What can be bound to a parameter.
pub(crate) trait Bind {
    fn bound(&self) -> ToSqlOutput<'_>;
}

/// What can be read from a column.
pub(crate) trait Read: Sized {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self>;
}

impl<T: Bind + ?Sized> Bind for &T {
    fn bound(&self) -> ToSqlOutput<'_> {
        (**self).bound()
    }
}

impl<T: Bind> Bind for Option<T> {
    fn bound(&self) -> ToSqlOutput<'_> {
        self.as_ref().map_or(ToSqlOutput::Owned(Value::Null), Bind::bound)
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::read(value).map(Some),
        }
    }
}

impl Bind for str {
    fn bound(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Text(self.as_bytes()))
    }
}

impl Bind for String {
    fn bound(&self) -> ToSqlOutput<'_> {
        self.as_str().bound()
    }
}

impl Read for String {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Bind for [u8] {
    fn bound(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Blob(self))
    }
}

impl Bind for Vec<u8> {
    fn bound(&self) -> ToSqlOutput<'_> {
        self.as_slice().bound()
    }
}

impl Read for Vec<u8> {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_bytes().map(<[u8]>::to_vec)
    }
}

impl Bind for i64 {
    fn bound(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Owned(Value::Integer(*self))
    }
}

impl Read for i64 {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64()
    }
}

impl Bind for bool {
    fn bound(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Owned(Value::Integer(i64::from(*self)))
    }
}

impl Read for bool {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(|number| number != 0)
    }
}

impl Bind for Uuid {
    fn bound(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Blob(self.as_bytes()))
    }
}

impl Read for Uuid {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Uuid::from_slice(value.as_blob()?).map_err(FromSqlError::other)
    }
}

impl Bind for DateTime<Utc> {
    fn bound(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Owned(Value::Text(self.to_rfc3339_opts(SecondsFormat::AutoSi, false)))
    }
}

impl Read for DateTime<Utc> {
    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let read = DateTime::parse_from_rfc3339(value.as_str()?).map_err(FromSqlError::other)?;
        Ok(read.with_timezone(&Utc))
    }
}
