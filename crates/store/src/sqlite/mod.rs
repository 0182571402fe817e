//! SQLite as a server's engine: one process, one writer with group commit, readers apart, every commit durable.
//!
//! Statements run where they are asked for, without a thread between: they take microseconds. Only what waits for the
//! disk, a commit or a checkpoint, is done on a thread where waiting disturbs nobody.

mod file;
mod migrations;
mod readers;
pub(crate) mod rows;
mod settings;
mod values;
mod writer;

pub use file::path_of;
pub(crate) use values::Bind;
pub(crate) use writer::Turn;

use crate::{Error, Result};
use gavel_domain::Chain;
use readers::{Reader, Readers};
use rows::FromLite;
use rusqlite::Connection;
use sqlx::migrate::Migrator;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use writer::{Counts, Look, Writer};

/// An open database.
#[derive(Clone)]
pub(crate) struct Lite(Arc<Open>);

struct Open {
    /// `None` for a database in memory, which lives in its one connection. Before the writer: whoever closes the file
    /// last tidies up, and readers may not.
    readers: Option<Readers>,
    /// What folds the log, once it was needed.
    folder: Mutex<Option<Connection>>,
    writer: Writer,
    /// After both: the file is closed when another process may have it. Held for the life of the process: a second process on the same file is refused. `None` beside a server.
    _lock: Option<file::Lock>,
}

/// A connection that somebody uses at the moment.
pub(crate) enum Link {
    Reader(Reader),
    Look(Look),
    Turn(Turn),
}

impl Link {
    /// The number of rows that a statement changed.
    pub(crate) fn execute(&self, sql: &str, values: &[&dyn Bind]) -> Result<u64> {
        Ok(rows::execute(self.connection()?, sql, values)?)
    }

    /// All rows of a query.
    pub(crate) fn fetch_all<T: FromLite>(&self, sql: &str, values: &[&dyn Bind]) -> Result<Vec<T>> {
        Ok(rows::fetch_all(self.connection()?, sql, values)?)
    }

    /// The first row of a query, if there is one.
    pub(crate) fn fetch_optional<T: FromLite>(&self, sql: &str, values: &[&dyn Bind]) -> Result<Option<T>> {
        Ok(rows::fetch_optional(self.connection()?, sql, values)?)
    }

    /// The first row of a query that always has one.
    pub(crate) fn fetch_one<T: FromLite>(&self, sql: &str, values: &[&dyn Bind]) -> Result<T> {
        Ok(rows::fetch_one(self.connection()?, sql, values)?)
    }

    pub(crate) fn connection(&self) -> Result<&Connection> {
        let connection = match self {
            Link::Reader(reader) => reader.connection(),
            Link::Look(look) => Some(look.connection()),
            Link::Turn(turn) => turn.connection(),
        };
        connection.ok_or_else(Error::turn_is_over)
    }
}

impl Lite {
    /// Opens a file for this process alone, or a database in memory.
    pub(crate) fn open(url: &str) -> Result<Lite> {
        settings::check_engine()?;
        if file::in_memory(url) {
            let connection = Connection::open_in_memory()?;
            settings::of_writer(&connection)?;
            return Ok(Self::of(connection, None, None));
        }
        let path = path_of(url);
        let lock = file::lock(path)?;
        let lite = Self::of(settings::writer(path)?, Some(Readers::new(path)), Some(lock));
        lite.fold_beside(path);
        Ok(lite)
    }

    /// Opens a file on which a server is at work.
    pub(crate) fn open_beside(url: &str) -> Result<Lite> {
        settings::check_engine()?;
        let path = path_of(url);
        Ok(Self::of(settings::writer(path)?, Some(Readers::new(path)), None))
    }

    fn of(connection: Connection, readers: Option<Readers>, lock: Option<file::Lock>) -> Lite {
        let writer = Writer::new(connection, readers.is_none());
        Lite(Arc::new(Open { readers, folder: Mutex::default(), writer, _lock: lock }))
    }

    /// Folds the write-ahead log into the file from time to time, on a connection of its own: no commit waits for it.
    /// Ends with the database.
    fn fold_beside(&self, path: &str) {
        let (database, counts) = (Arc::downgrade(&self.0), Arc::clone(self.0.writer.counts()));
        let path = path.to_owned();
        tokio::spawn(async move {
            loop {
                wait_for_checkpoint(&counts).await;
                let Some(open) = database.upgrade() else { return };
                if let Err(error) = open.fold_beside(&path).await {
                    tracing::warn!(error = %Chain(&error), "the write-ahead log could not be folded; it is tried again");
                    tokio::time::sleep(settings::FOLD_AGAIN_AFTER).await; // on a full disk every commit asks for it
                }
            }
        });
    }

    pub(crate) async fn read(&self) -> Result<Link> {
        // A read never waits, so whoever reads on and on would never let others work.
        tokio::task::coop::consume_budget().await;
        Ok(match &self.0.readers {
            Some(readers) => Link::Reader(readers.take()?),
            None => Link::Look(self.0.writer.look().await?),
        })
    }

    pub(crate) async fn begin(&self) -> Result<Link> {
        Ok(Link::Turn(self.0.writer.turn().await?))
    }

    /// Transactions that reached the disk, and writers answered by them, since the start.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let counts = self.0.writer.counts();
        (counts.commits.load(Ordering::Relaxed), counts.writes.load(Ordering::Relaxed))
    }

    /// Takes every step to the newest version that was not taken yet.
    pub(crate) async fn migrate(&self, migrator: &'static Migrator) -> Result<()> {
        self.0.writer.alone(|connection| migrations::run(connection, migrator)).await
    }

    /// Folds the log into the file.
    pub(crate) async fn close(&self) {
        if self.0.readers.is_some()
            && let Err(error) = self.0.writer.fold().await
        {
            tracing::warn!(%error, "the write-ahead log stays beside the file");
        }
    }
}

impl Open {
    /// Folds what can be folded while others work; when that is not enough, writers wait.
    async fn fold_beside(self: Arc<Self>, path: &str) -> Result<()> {
        let (open, path) = (Arc::clone(&self), path.to_owned());
        let folding = tokio::task::spawn_blocking(move || open.fold_some(&path));
        match folding.await.unwrap_or(Ok(false))? {
            true => self.writer.start_log_anew().await,
            false => Ok(()),
        }
    }

    fn fold_some(&self, path: &str) -> Result<bool> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match folder.take() {
            Some(connection) => connection,
            None => settings::folder(path)?,
        };
        let folded = settings::fold_some(&connection)?; // after a failure the next time begins with a new one
        *folder = Some(connection);
        Ok(folded)
    }
}

#[cfg(feature = "faults")]
impl Lite {
    /// What is left of a process that died.
    pub(crate) async fn lose_uncommitted(&self) {
        self.0.writer.lose_uncommitted().await;
    }

    pub(crate) async fn image(&self) -> Result<Vec<u8>> {
        let look = self.0.writer.look().await?;
        Ok(look.connection().serialize("main")?.to_vec())
    }

    pub(crate) fn of_image(image: &[u8]) -> Result<Lite> {
        let mut connection = Connection::open_in_memory()?;
        connection.deserialize_read_exact("main", image, image.len(), false)?;
        settings::of_writer(&connection)?;
        Ok(Self::of(connection, None, None))
    }
}

/// Waits until enough was written; wakes now and then to see whether the database is still there.
async fn wait_for_checkpoint(counts: &Counts) {
    let _ = tokio::time::timeout(settings::CHECKPOINT_EVERY, counts.checkpoint.notified()).await;
}

impl From<rusqlite::Error> for Error {
    fn from(cause: rusqlite::Error) -> Self {
        if settings::passes(&cause) { Error::Busy(cause.into()) } else { Error::Database(cause.into()) }
    }
}
