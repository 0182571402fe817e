//! Connections to either engine, and the macro that runs one SQL text on both.

use crate::{Error, Hints, Opening, Result, postgres, pulse::Pulse, schema};
use sqlx::{
    Database, Postgres, Sqlite, Transaction,
    migrate::Migrator,
    pool::{PoolConnection, PoolOptions},
    postgres::PgPool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous},
};
use std::{fs::File, ops, sync::Arc, time::Duration};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Readers of a SQLite file; writers are always one.
const SQLITE_READERS: u32 = 4;
/// How long a caller waits for a connection before it is told that we are busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything Gavel remembers. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    hints: Arc<Hints>,
    pulse: Arc<Pulse>,
    /// Held for the life of the process: a second process on the same file is refused.
    _lock: Option<Arc<File>>,
}

#[derive(Clone)]
enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

/// Which database is behind a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One file (or memory), one process.
    Sqlite,
    /// A server; several processes may share it.
    Postgres,
}

impl Store {
    /// Opens `sqlite:PATH`, `sqlite::memory:` or `postgres://...` and migrates it to the newest version.
    pub async fn open(url: &str) -> Result<Store> {
        Self::open_as(url, &Opening::default()).await
    }

    /// The same in a way of one's own.
    pub async fn open_as(url: &str, opening: &Opening) -> Result<Store> {
        let store = Self::connect(url, opening).await?;
        schema::bring_up(&store, opening).await?;
        Ok(store)
    }

    /// Opens a database on which a server may be at work, for a look or a single write: SQLite's own locks keep the
    /// two apart. It is migrated only when nobody else has it open.
    pub async fn open_beside(url: &str, opening: &Opening) -> Result<Store> {
        match Self::open_as(url, opening).await {
            Err(Error::InUse { file }) => {
                let (pools, hints, pulse) = (sqlite(url).await?, Arc::default(), Arc::default());
                let store = Store { pools, hints, pulse, _lock: None };
                store.check_version(&file).await?;
                Ok(store)
            }
            opened => opened,
        }
    }

    /// The file of a SQLite URL when it is not there.
    pub fn missing_file(url: &str) -> Option<&str> {
        let file = url.starts_with("sqlite:").then(|| path_of(url)).filter(|_| !in_memory(url))?;
        (!std::path::Path::new(file).exists()).then_some(file)
    }

    async fn connect(url: &str, opening: &Opening) -> Result<Store> {
        let pulse = Arc::default();
        let (pools, lock) = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            (Pools::Postgres(postgres::pool(url, opening, &pulse).await?), None)
        } else if url.starts_with("sqlite:") {
            let lock = (!in_memory(url)).then(|| lock_file(path_of(url))).transpose()?;
            (sqlite(url).await?, lock)
        } else {
            return Err(Error::Url { url: url.split('@').next_back().unwrap_or(url).to_owned() });
        };
        Ok(Store { pools, hints: Arc::default(), pulse, _lock: lock.map(Arc::new) })
    }

    /// Whether a database that another process works on has the version of this one.
    async fn check_version(&self, file: &str) -> Result<()> {
        let mut c = self.read().await?;
        let (found,) =
            sql!(c, fetch_one as (i64,), "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")?;
        let known = SQLITE_MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        if found == known { Ok(()) } else { Err(Error::OtherVersion { file: file.to_owned() }) }
    }

    pub(crate) async fn migrate(&self) -> Result<()> {
        match &self.pools {
            Pools::Sqlite { write, .. } => SQLITE_MIGRATIONS.run(write).await?,
            Pools::Postgres(pool) => postgres::migrate(&POSTGRES_MIGRATIONS, pool).await?,
        }
        Ok(())
    }

    /// The migrations of this version, oldest first.
    pub(crate) fn known_migrations(&self) -> Vec<schema::Applied> {
        let known = match self.pools {
            Pools::Sqlite { .. } => &SQLITE_MIGRATIONS,
            Pools::Postgres(_) => &POSTGRES_MIGRATIONS,
        };
        known.iter().map(|migration| (migration.version, migration.checksum.to_vec())).collect()
    }

    /// The pool of a PostgreSQL.
    pub(crate) fn postgres(&self) -> Option<&PgPool> {
        match &self.pools {
            Pools::Sqlite { .. } => None,
            Pools::Postgres(pool) => Some(pool),
        }
    }

    /// What the last look at the database told.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Which database this is.
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// Wake-ups after commits.
    pub fn hints(&self) -> &Hints {
        &self.hints
    }

    /// For reads; on SQLite never blocked by the writer.
    pub(crate) async fn read(&self) -> Result<Conn> {
        Ok(match &self.pools {
            Pools::Sqlite { read, .. } => Conn::Sqlite(Link::Pooled(read.acquire().await?)),
            Pools::Postgres(pool) => Conn::Postgres(Link::Pooled(pool.acquire().await?)),
        })
    }

    /// For writes. IMMEDIATE: SQLite's write lock is taken at the start, never on an upgrade half-way.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        Ok(Tx(match &self.pools {
            Pools::Sqlite { write, .. } => Conn::Sqlite(Link::Tx(immediate(write).await?)),
            Pools::Postgres(pool) => Conn::Postgres(Link::Tx(pool.begin().await?)),
        }))
    }

    /// Whether a write could begin now. Nothing is written.
    pub async fn is_writable(&self) -> Result<()> {
        self.begin().await?.rollback().await
    }

    /// Closes all connections; on SQLite the write-ahead log is folded into the file.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// Begins a write. A full disk makes SQLite roll back by itself; the driver then believes for ever that a transaction
/// is open on the one connection that writes. Such a connection is thrown away.
async fn immediate(write: &SqlitePool) -> Result<Transaction<'static, Sqlite>> {
    const BEGIN: &str = "BEGIN IMMEDIATE";
    match write.begin_with(BEGIN).await {
        Err(sqlx::Error::InvalidSavePointStatement) => {
            write.acquire().await?.close().await?;
            Ok(write.begin_with(BEGIN).await?)
        }
        begun => Ok(begun?),
    }
}

fn path_of(url: &str) -> &str {
    url.trim_start_matches("sqlite:").trim_start_matches("//")
}

fn in_memory(url: &str) -> bool {
    path_of(url) == ":memory:"
}

async fn sqlite(url: &str) -> Result<Pools> {
    let options = SqliteConnectOptions::new()
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full) // a commit that was answered survives a power cut
        .busy_timeout(ACQUIRE_TIMEOUT)
        .foreign_keys(true)
        .pragma("cache_size", "-16000");
    let pool = |max| PoolOptions::<Sqlite>::new().max_connections(max).acquire_timeout(ACQUIRE_TIMEOUT);
    let one = |max| pool(max).min_connections(1).idle_timeout(None).max_lifetime(None);
    if in_memory(url) {
        // A memory database lives in its one connection: readers and the writer share it.
        let write = one(1).connect_with(options.in_memory(true)).await?;
        return Ok(Pools::Sqlite { read: write.clone(), write });
    }
    let options = options.filename(path_of(url));
    let write = one(1).connect_with(options.clone()).await?;
    let read = pool(SQLITE_READERS).connect_lazy_with(options.read_only(true));
    Ok(Pools::Sqlite { read, write })
}

/// The lock dies with the process, however it ends. The database's own file is made here too, for our eyes only: it
/// holds buyers' briefs.
fn lock_file(path: &str) -> Result<File> {
    let name = format!("{path}.lock");
    let file = private_file(&name)?;
    drop(private_file(path)?);
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::InUse { file: path.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(Error::File { path: name, source }),
    }
}

/// Opens a file for writing; a new one can be read by its owner only.
pub(crate) fn private_file(path: &str) -> Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// A connection from the pool or an open transaction; every query takes `&mut Conn`.
pub(crate) enum Conn {
    Sqlite(Link<Sqlite>),
    Postgres(Link<Postgres>),
}

impl Conn {
    /// Lets [`sql!`] take `Conn`, `&mut Conn` and `Tx` alike.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        self
    }
}

pub(crate) enum Link<DB: Database> {
    Pooled(PoolConnection<DB>),
    Tx(Transaction<'static, DB>),
}

impl<DB: Database> ops::Deref for Link<DB> {
    type Target = DB::Connection;
    fn deref(&self) -> &Self::Target {
        match self {
            Link::Pooled(c) => c,
            Link::Tx(t) => t,
        }
    }
}

impl<DB: Database> ops::DerefMut for Link<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Link::Pooled(c) => c,
            Link::Tx(t) => t,
        }
    }
}

/// An open transaction; rolls back when dropped without [`Tx::commit`].
pub(crate) struct Tx(Conn);

impl ops::Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}

impl Tx {
    /// Gives everything up now. Dropping does so a moment later, and until then PostgreSQL keeps the rows locked.
    pub(crate) async fn rollback(self) -> Result<()> {
        match self.0 {
            Conn::Sqlite(Link::Tx(t)) => t.rollback().await?,
            Conn::Postgres(Link::Tx(t)) => t.rollback().await?,
            Conn::Sqlite(Link::Pooled(_)) | Conn::Postgres(Link::Pooled(_)) => {} // never built so
        }
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<()> {
        match self.0 {
            Conn::Sqlite(Link::Tx(t)) => t.commit().await?,
            Conn::Postgres(Link::Tx(t)) => t.commit().await?,
            Conn::Sqlite(Link::Pooled(_)) | Conn::Postgres(Link::Pooled(_)) => {} // never built so
        }
        Ok(())
    }
}

/// Runs one SQL text on whichever engine the connection belongs to.
///
/// `sql!(conn, fetch_optional as Row, "SELECT ... WHERE id = $1", id)?` (also `fetch_one`, `fetch_all`), and
/// `sql!(conn, execute, "...", ...)?` for the number of rows. Where the engines must differ:
/// `sql!(conn, execute, { sqlite: "...", postgres: "..." }, ...)`.
macro_rules! sql {
    ($c:expr, execute, { sqlite: $s:expr, postgres: $p:expr $(,)? } $(, $b:expr)* $(,)?) => {
        match $c.conn() {
            $crate::db::Conn::Sqlite(c) => sqlx::query($s)$(.bind($b))*.execute(&mut **c).await.map(|r| r.rows_affected()),
            $crate::db::Conn::Postgres(c) => sqlx::query($p)$(.bind($b))*.execute(&mut **c).await.map(|r| r.rows_affected()),
        }
    };
    ($c:expr, $fetch:ident as $t:ty, { sqlite: $s:expr, postgres: $p:expr $(,)? } $(, $b:expr)* $(,)?) => {
        match $c.conn() {
            $crate::db::Conn::Sqlite(c) => sqlx::query_as::<_, $t>($s)$(.bind($b))*.$fetch(&mut **c).await,
            $crate::db::Conn::Postgres(c) => sqlx::query_as::<_, $t>($p)$(.bind($b))*.$fetch(&mut **c).await,
        }
    };
    ($c:expr, execute, $sql:expr $(, $b:expr)* $(,)?) => {
        $crate::db::sql!($c, execute, { sqlite: $sql, postgres: $sql } $(, $b)*)
    };
    ($c:expr, $fetch:ident as $t:ty, $sql:expr $(, $b:expr)* $(,)?) => {
        $crate::db::sql!($c, $fetch as $t, { sqlite: $sql, postgres: $sql } $(, $b)*)
    };
}
pub(crate) use sql;

/// A struct that is read from a row, each field from the column of its name; `#[flatten]` reads a whole row!-struct
/// from the columns of the same row.
macro_rules! row {
    ($(#[$about:meta])* $vis:vis struct $name:ident { $($(#[$flat:ident])? $fvis:vis $field:ident: $t:ty),* $(,)? }) => {
        $(#[$about])*
        #[derive(sqlx::FromRow)]
        $vis struct $name { $($(#[sqlx($flat)])? $fvis $field: $t),* }
    };
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop here")]

    use super::*;

    /// A bound on the pages of the connection that writes plays the full disk. SQLite never goes below what is used.
    async fn bound(store: &Store) {
        let Pools::Sqlite { write, .. } = &store.pools else { unreachable!("a SQLite store") };
        let bound = sqlx::query_as("PRAGMA max_page_count = 1");
        let _: (i64,) = bound.fetch_one(write).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_is_told_as_busy_and_survived() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("gavel.db").display())).await.unwrap();
        let large = "x".repeat(1_000_000);
        bound(&store).await;
        let refused = store.remember_once("large", &large).await;
        assert!(matches!(refused, Err(Error::Busy(_))), "{:?}", refused.map(|text| text.len()));
        // The bound goes with the connection, which is thrown away: there is room again.
        assert_eq!(store.remember_once("large", &large).await.unwrap(), large);
        store.is_writable().await.unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_database_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gavel.db");
        let store = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
        store.remember_once("a", "b").await.unwrap();
        for file in std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", file.display());
        }
    }
}
