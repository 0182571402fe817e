//! What was stored, counted beside the store: a row that is counted is a row that was committed, and the server is not
//! asked for it.

use anyhow::Context as _;
use rusqlite::OpenFlags;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use std::path::PathBuf;
use std::time::Duration;

/// How long a look waits for a file that is locked, as while a log is folded in.
const BUSY: Duration = Duration::from_secs(5);
/// Tasks at which the loop is at work.
const AT_WORK: &str = "SELECT COUNT(*) FROM tasks WHERE state IN ('open', 'matching', 'prototyping')";

/// A throw-away database.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

/// A reader of a database at which a server is at work.
pub(crate) enum Look {
    Sqlite(rusqlite::Connection),
    Postgres(Box<PgConnection>),
}

impl Database {
    /// As the settings name it.
    pub(crate) fn url(&self) -> String {
        match self {
            Database::Sqlite(file) => format!("sqlite:{}", file.display()),
            Database::Postgres(url) => url.clone(),
        }
    }

    /// A reader.
    pub(crate) async fn look(&self) -> anyhow::Result<Look> {
        match self {
            Database::Sqlite(file) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = rusqlite::Connection::open_with_flags(file, flags)
                    .with_context(|| format!("{} cannot be read", file.display()))?;
                connection.busy_timeout(BUSY)?;
                Ok(Look::Sqlite(connection))
            }
            Database::Postgres(url) => Ok(Look::Postgres(Box::new(PgConnection::connect(url).await?))),
        }
    }
}

impl Look {
    /// How long to rest between two counts of stored bids, so that counting them is no load of its own.
    pub(crate) const fn rest(&self) -> Duration {
        match self {
            Look::Sqlite(_) => Duration::from_millis(2),
            Look::Postgres(_) => Duration::from_millis(10),
        }
    }

    /// Bids that are stored.
    pub(crate) async fn bids(&mut self) -> anyhow::Result<u64> {
        // Rows are only added, so that the newest one's number is their number; counting them would load the machine.
        self.number("SELECT COALESCE(MAX(rowid), 0) FROM bids", "SELECT COUNT(*) FROM bids").await
    }

    /// Bids that are not judged yet.
    pub(crate) async fn unjudged(&mut self) -> anyhow::Result<u64> {
        const TEXT: &str = "SELECT COUNT(*) FROM bids WHERE score IS NULL";
        self.number(TEXT, TEXT).await
    }

    /// Tasks at which the loop is at work.
    pub(crate) async fn at_work(&mut self) -> anyhow::Result<u64> {
        self.number(AT_WORK, AT_WORK).await
    }

    /// The process that holds claims, by the name it gave itself.
    pub(crate) async fn claimer(&mut self) -> anyhow::Result<String> {
        const TEXT: &str = "SELECT COALESCE(MAX(lease_owner), '') FROM tasks WHERE state = 'prototyping'";
        Ok(match self {
            Look::Sqlite(connection) => connection.query_row(TEXT, [], |row| row.get(0))?,
            Look::Postgres(connection) => sqlx::query_scalar(TEXT).fetch_one(&mut **connection).await?,
        })
    }

    /// Tasks with agents at work that this process still has the claim on.
    pub(crate) async fn claimed_by(&mut self, claimer: &str) -> anyhow::Result<u64> {
        const TEXT: &str = "SELECT COUNT(*) FROM tasks WHERE state = 'prototyping' AND lease_owner = $1";
        let number: i64 = match self {
            Look::Sqlite(connection) => connection.query_row(TEXT, [claimer], |row| row.get(0))?,
            Look::Postgres(connection) => {
                sqlx::query_scalar(TEXT).bind(claimer).fetch_one(&mut **connection).await?
            }
        };
        Ok(number.unsigned_abs())
    }

    async fn number(&mut self, sqlite: &'static str, postgres: &'static str) -> anyhow::Result<u64> {
        let number: i64 = match self {
            Look::Sqlite(connection) => connection.prepare_cached(sqlite)?.query_row([], |row| row.get(0))?,
            Look::Postgres(connection) => sqlx::query_scalar(postgres).fetch_one(&mut **connection).await?,
        };
        Ok(number.unsigned_abs())
    }
}
