//! A database that only commits: SQLite with the journal and the durability of the store, one insert per commit.

use anyhow::Context as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor};
use std::path::Path;
use std::time::{Duration, Instant};

/// A table of texts in a file.
#[derive(Debug)]
pub struct Commits {
    connection: SqliteConnection,
    text: String,
}

impl Commits {
    /// Makes the file in `folder`; every insert will be of `text`.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub async fn open(folder: &Path, text: String) -> anyhow::Result<Commits> {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("raw.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = options.connect().await.context("the raw database cannot be opened")?;
        connection
            .execute("CREATE TABLE IF NOT EXISTS texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
            .await?;
        Ok(Commits { connection, text })
    }

    /// One insert, durable when this returns; how long it took.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commit(&mut self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        // Alone in its transaction: the insert is its own commit.
        sqlx::query("INSERT INTO texts (text) VALUES ($1)")
            .bind(&self.text)
            .execute(&mut self.connection)
            .await?;
        Ok(began.elapsed())
    }

    /// Commits per second over so many commits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rate(&mut self, commits: u32) -> anyhow::Result<f64> {
        let mut took = Duration::ZERO;
        for _ in 0..commits {
            took += self.commit().await?;
        }
        Ok(f64::from(commits) / took.as_secs_f64())
    }

    /// Closes the file.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.connection.close().await?)
    }
}
