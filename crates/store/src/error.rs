//! What can go wrong between us and the database.

use gavel_domain::lifecycle::UnknownWord;

/// The result of every store method.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between us and the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection came free, or the database is away: try again later.
    #[error("the database is busy or away")]
    Busy(#[source] sqlx::Error),
    /// A name or slug that must be unique is taken.
    #[error("{what} is taken")]
    Taken {
        /// What is taken, as a noun with its article.
        what: &'static str,
    },
    /// A row holds something we cannot read.
    #[error("table {table}, column {column}: {problem}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong with the value.
        problem: String,
    },
    /// Another process works on this SQLite file.
    #[error("{file} is in use by another gavel process; stop that one first, or use PostgreSQL for several")]
    InUse {
        /// The database file.
        file: String,
    },
    /// Another process of another version works on this SQLite file.
    #[error(
        "{file} is in use by a gavel of another version; use the same binary, or stop that process first"
    )]
    OtherVersion {
        /// The database file.
        file: String,
    },
    /// The URL names no database we know.
    #[error("{url:?} is no database URL: use sqlite:PATH or postgres://...")]
    Url {
        /// What was given.
        url: String,
    },
    /// The database is not as we need it.
    #[error(transparent)]
    Refused(#[from] crate::opening::Refused),
    /// A migration failed.
    #[error("the database could not be migrated")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database refused.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
    /// A file beside the database could not be used.
    #[error("{path}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Self {
        match e {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => Error::Busy(e),
            // A connection that a full disk spoilt, met again before it could be thrown away.
            sqlx::Error::InvalidSavePointStatement
            | sqlx::Error::BeginFailed
            | sqlx::Error::WorkerCrashed => Error::Busy(e),
            sqlx::Error::Database(ref cause) if passes(cause.as_ref()) => Error::Busy(e),
            e => Error::Database(e),
        }
    }
}

/// Whether an engine's complaint is about its surroundings, not about what it was asked: the same statement may
/// succeed once there is room, memory or a server again.
fn passes(cause: &dyn sqlx::error::DatabaseError) -> bool {
    let code = cause.code().unwrap_or_default();
    // PostgreSQL: connection, rollback for another's sake, resources, operator intervention. SQLite: the low byte of an extended code is its class:
    // BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN.
    // And a lock that was not to be had in time, and a transaction that was ended because we were slow.
    let of_its_class = ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class));
    let postgres = code.len() == 5 && (of_its_class || ["55P03", "25P03"].contains(&code.as_ref()));
    let sqlite = code.len() < 5
        && code.parse::<u32>().is_ok_and(|code| [5, 6, 7, 8, 10, 13, 14].contains(&(code & 0xff)));
    postgres || sqlite
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(e: sqlx::migrate::MigrateError) -> Self {
        Error::Migrate(e)
    }
}

impl Error {
    /// A word in a row that is none of ours.
    pub(crate) fn word(table: &'static str, column: &'static str) -> impl FnOnce(UnknownWord) -> Error {
        move |e| Error::Inconsistent { table, column, problem: e.to_string() }
    }

    /// A value in a row that does not fit its type.
    pub(crate) fn value<E: std::fmt::Display>(
        table: &'static str,
        column: &'static str,
    ) -> impl FnOnce(E) -> Error {
        move |e| Error::Inconsistent { table, column, problem: e.to_string() }
    }
}
