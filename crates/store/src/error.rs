//! What can go wrong between us and the database.

use gavel_domain::lifecycle::UnknownWord;
use std::sync::Arc;

/// The result of every store method.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between us and the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection came free, or the database is away: try again later.
    #[error("the database is busy or away")]
    Busy(#[source] Cause),
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
    /// More money than can be counted.
    #[error("what {account} gave and got sums to {sum} minor units, which is more than can be counted")]
    TooMuch {
        /// Whose.
        account: String,
        /// How much.
        sum: i128,
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
    /// The SQLite that was linked can lose what it has committed.
    #[error("SQLite {found} can lose what it has committed; build with 3.51.3 or a newer one")]
    Engine {
        /// Its version.
        found: String,
    },
    /// SQLite does not wait for the disk although it was told to.
    #[error("SQLite does not wait for the disk: what it commits could be lost with the power")]
    NotDurable,
    /// The file lies where locks cannot be trusted.
    #[error(
        "{file} lies on a network file system ({system}), where SQLite's locks cannot be trusted; put it on a disk of this machine, or use PostgreSQL"
    )]
    Network {
        /// The database file.
        file: String,
        /// The kind of file system.
        system: String,
    },
    /// The database refused.
    #[error("the database refused a statement")]
    Database(#[source] Cause),
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

/// What an engine said.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// PostgreSQL, or the way to it.
    #[error(transparent)]
    Postgres(#[from] sqlx::Error),
    /// SQLite.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// SQLite, of the commit that several writers shared.
    #[error("the commit failed: {0}")]
    Commit(Arc<rusqlite::Error>),
    /// Others wrote for so long that no turn came.
    #[error("too many wait to write")]
    Turn,
    /// The process is ending.
    #[error("the database is being closed")]
    Closing,
}

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Self {
        match e {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => Error::Busy(e.into()),
            sqlx::Error::BeginFailed => Error::Busy(e.into()),
            sqlx::Error::Database(ref cause) if passes(&cause.code().unwrap_or_default()) => {
                Error::Busy(e.into())
            }
            e => Error::Database(e.into()),
        }
    }
}

/// Whether PostgreSQL's complaint is about its surroundings, not about what it was asked: the same statement may
/// succeed once there is room, memory or a server again. The classes: connection, rollback for another's sake,
/// resources (also a full disk), operator intervention.
fn passes(code: &str) -> bool {
    const CLASSES: [&str; 4] = ["08", "40", "53", "57"];
    const ALONE: [&str; 3] = [
        "25006", // it takes no writes at the moment: it is a standby, or an operator said so
        "25P03", // a transaction that was ended because we were slow
        "55P03", // a lock that was not to be had in time
    ];
    code.len() == 5 && (CLASSES.iter().any(|class| code.starts_with(class)) || ALONE.contains(&code))
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(e: sqlx::migrate::MigrateError) -> Self {
        Error::Migrate(e)
    }
}

impl Error {
    /// Nothing of a batch of writers reached the disk.
    pub(crate) fn batch_failed(cause: &Arc<rusqlite::Error>) -> Error {
        Error::Busy(Cause::Commit(Arc::clone(cause)))
    }

    /// A writer waited as long as it may.
    pub(crate) fn turn_never_came() -> Error {
        Error::Busy(Cause::Turn)
    }

    /// The turn was given on, or the process is ending.
    pub(crate) fn turn_is_over() -> Error {
        Error::Busy(Cause::Closing)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_says_of_its_surroundings_passes() {
        let check = |code, expected| assert_eq!(passes(code), expected, "{code}");
        for passing in ["53100", "53200", "53300", "53400", "25006", "25P03", "55P03"] {
            check(passing, true); // room, memory, connections, limits; read-only, too slow, a lock
        }
        for passing in ["08006", "08P01", "40001", "40P01", "57014", "57P01", "57P03"] {
            check(passing, true); // the connection, another's sake, an operator
        }
        // A rule, a cast, an aborted transaction, our own SQL, a damaged table, nothing at all.
        for lasting in ["23505", "23514", "22P02", "25P02", "42601", "42P01", "XX001", "P0001", "", "53"] {
            check(lasting, false);
        }
    }
}
