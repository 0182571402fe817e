//! Connections to either engine, and the macro that runs one SQL text on both.

use crate::sqlite::{self, Lite};
use crate::{Error, Hints, Opening, Result, postgres, pulse::Pulse, schema};
use gavel_triage::Rules;
use sqlx::{
    Postgres, Transaction,
    migrate::Migrator,
    pool::PoolConnection,
    postgres::{PgConnection, PgPool},
};
use std::{ops, sync::Arc};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Everything Gavel remembers. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    database: Database,
    hints: Arc<Hints>,
    pulse: Arc<Pulse>,
    rules: Arc<Rules>,
}

#[derive(Clone)]
enum Database {
    Sqlite(Lite),
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
                let store = Self::beside(url, opening)?;
                store.check_version(&file).await?;
                Ok(store)
            }
            opened => opened,
        }
    }

    /// Opens a database for a look alone, whether or not a server is at work on it: its schema stays as it is. One that
    /// is newer than we can bear is refused; of an older one [`Store::examine`] tells.
    pub async fn open_to_look(url: &str, opening: &Opening) -> Result<Store> {
        let store = match Self::connect(url, opening).await {
            Err(Error::InUse { .. }) => Self::beside(url, opening)?,
            connected => connected?,
        };
        schema::older(&store).await?;
        Ok(store)
    }

    fn beside(url: &str, opening: &Opening) -> Result<Store> {
        let database = Database::Sqlite(Lite::open_beside(url)?);
        Ok(Store {
            database,
            hints: Arc::default(),
            pulse: Arc::default(),
            rules: Arc::clone(&opening.rules),
        })
    }

    async fn connect(url: &str, opening: &Opening) -> Result<Store> {
        let pulse = Arc::default();
        let database = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Database::Postgres(postgres::pool(url, opening, &pulse).await?)
        } else if url.starts_with("sqlite:") {
            Database::Sqlite(Lite::open(url)?)
        } else {
            return Err(Error::Url { url: url.split('@').next_back().unwrap_or(url).to_owned() });
        };
        Ok(Store { database, hints: Arc::default(), pulse, rules: Arc::clone(&opening.rules) })
    }

    /// The file of a SQLite URL when it is not there.
    pub fn missing_file(url: &str) -> Option<&str> {
        let file =
            url.starts_with("sqlite:").then(|| sqlite::path_of(url)).filter(|path| *path != ":memory:")?;
        (!std::path::Path::new(file).exists()).then_some(file)
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
        match &self.database {
            Database::Sqlite(lite) => lite.migrate(&SQLITE_MIGRATIONS).await,
            Database::Postgres(pool) => postgres::migrate(&POSTGRES_MIGRATIONS, pool).await,
        }
    }

    /// The migrations of this version, oldest first.
    pub(crate) fn known_migrations(&self) -> Vec<schema::Applied> {
        let known = match self.database {
            Database::Sqlite(_) => &SQLITE_MIGRATIONS,
            Database::Postgres(_) => &POSTGRES_MIGRATIONS,
        };
        known.iter().map(|migration| (migration.version, migration.checksum.to_vec())).collect()
    }

    /// The pool of a PostgreSQL.
    pub(crate) fn postgres(&self) -> Option<&PgPool> {
        match &self.database {
            Database::Sqlite(_) => None,
            Database::Postgres(pool) => Some(pool),
        }
    }

    /// What the last look at the database told.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Which database this is.
    pub fn engine(&self) -> Engine {
        match self.database {
            Database::Sqlite(_) => Engine::Sqlite,
            Database::Postgres(_) => Engine::Postgres,
        }
    }

    /// By which rules agents' standings are kept.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Wake-ups after commits.
    pub fn hints(&self) -> &Hints {
        &self.hints
    }

    /// For reads; on SQLite never blocked by the writer.
    pub(crate) async fn read(&self) -> Result<Conn> {
        Ok(match &self.database {
            Database::Sqlite(lite) => Conn::Sqlite(lite.read().await?),
            Database::Postgres(pool) => Conn::Postgres(Link::Pooled(pool.acquire().await?)),
        })
    }

    /// For writes.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        #[cfg(feature = "faults")]
        crate::faults::meet(crate::faults::Moment::Begin).await?;
        Ok(Tx(match &self.database {
            Database::Sqlite(lite) => Conn::Sqlite(lite.begin().await?),
            Database::Postgres(pool) => Conn::Postgres(Link::Tx(postgres::begin(pool, None).await?)),
        }))
    }

    /// For reads of one moment, whatever is written meanwhile; [`Tx::rollback`] ends it. On PostgreSQL it also ends when
    /// whoever reads is cut off; on SQLite nobody can be, between two statements.
    pub(crate) async fn snapshot(&self) -> Result<Tx> {
        const ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(Tx(match &self.database {
            Database::Sqlite(lite) => {
                let reader = lite.read().await?;
                reader.execute("BEGIN", &[])?;
                Conn::Sqlite(reader)
            }
            Database::Postgres(pool) => {
                Conn::Postgres(Link::Tx(postgres::begin(pool, Some(ONE_MOMENT)).await?))
            }
        }))
    }

    /// Whether a write could begin now. Nothing is written.
    pub async fn is_writable(&self) -> Result<()> {
        self.begin().await?.rollback().await
    }

    /// SQLite: transactions that reached the disk, and writers that were answered by them, since the start.
    pub fn commits(&self) -> Option<(u64, u64)> {
        match &self.database {
            Database::Sqlite(lite) => Some(lite.counts()),
            Database::Postgres(_) => None,
        }
    }

    /// Closes all connections; on SQLite the write-ahead log is folded into the file.
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite(lite) => lite.close().await,
            Database::Postgres(pool) => pool.close().await,
        }
    }
}

#[cfg(feature = "faults")]
impl Store {
    /// The same database for the next process: what was not committed is lost, and so are the hints.
    pub async fn restarted(&self) -> Store {
        if let Database::Sqlite(lite) = &self.database {
            lite.lose_uncommitted().await;
        }
        Self::of(self.database.clone())
    }

    /// What is in a database in memory.
    pub async fn image(&self) -> Result<Vec<u8>> {
        match &self.database {
            Database::Sqlite(lite) => lite.image().await,
            Database::Postgres(_) => Err(Error::turn_is_over()),
        }
    }

    /// Another database in memory with the same in it.
    pub fn of_image(image: &[u8]) -> Result<Store> {
        Ok(Self::of(Database::Sqlite(Lite::of_image(image)?)))
    }

    fn of(database: Database) -> Store {
        Store { database, hints: Arc::default(), pulse: Arc::default(), rules: Arc::default() }
    }
}

/// A connection or an open transaction; every query takes `&mut Conn`.
pub(crate) enum Conn {
    Sqlite(sqlite::Link),
    Postgres(Link),
}

impl Conn {
    /// Lets [`sql!`] take `Conn`, `&mut Conn` and `Tx` alike.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        self
    }
}

/// A connection to PostgreSQL from the pool, or an open transaction there.
pub(crate) enum Link {
    Pooled(PoolConnection<Postgres>),
    Tx(Transaction<'static, Postgres>),
}

impl ops::Deref for Link {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        match self {
            Link::Pooled(c) => c,
            Link::Tx(t) => t,
        }
    }
}

impl ops::DerefMut for Link {
    fn deref_mut(&mut self) -> &mut PgConnection {
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
    pub(crate) async fn rollback(mut self) -> Result<()> {
        match self.0 {
            Conn::Postgres(Link::Tx(t)) => t.rollback().await?,
            Conn::Sqlite(sqlite::Link::Reader(_) | sqlite::Link::Look(_)) => {
                sql!(self.0, execute, "ROLLBACK")?;
            }
            Conn::Sqlite(sqlite::Link::Turn(_)) | Conn::Postgres(Link::Pooled(_)) => {}
        }
        Ok(())
    }

    /// Returns when everything is on the disk.
    pub(crate) async fn commit(self) -> Result<()> {
        #[cfg(feature = "faults")]
        return crate::faults::commit(self).await;
        #[cfg(not(feature = "faults"))]
        self.commit_now().await
    }

    pub(crate) async fn commit_now(self) -> Result<()> {
        match self.0 {
            Conn::Sqlite(sqlite::Link::Turn(turn)) => turn.commit().await,
            Conn::Postgres(Link::Tx(t)) => Ok(t.commit().await?),
            Conn::Sqlite(_) | Conn::Postgres(Link::Pooled(_)) => Ok(()), // never built so
        }
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
            $crate::db::Conn::Sqlite(c) => c.execute($s, &[$(&$b as &dyn $crate::sqlite::Bind),*]),
            $crate::db::Conn::Postgres(c) => sqlx::query($p)$(.bind($b))*.execute(&mut **c).await
                .map(|done| done.rows_affected()).map_err($crate::Error::from),
        }
    };
    ($c:expr, $fetch:ident as $t:ty, { sqlite: $s:expr, postgres: $p:expr $(,)? } $(, $b:expr)* $(,)?) => {
        match $c.conn() {
            $crate::db::Conn::Sqlite(c) => c.$fetch::<$t>($s, &[$(&$b as &dyn $crate::sqlite::Bind),*]),
            $crate::db::Conn::Postgres(c) => sqlx::query_as::<_, $t>($p)$(.bind($b))*.$fetch(&mut **c).await
                .map_err($crate::Error::from),
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

        impl $crate::sqlite::rows::FromLite for $name {
            fn from_lite(columns: &mut $crate::sqlite::rows::Columns<'_>) -> rusqlite::Result<Self> {
                Ok(Self { $($field: $crate::db::row!(@read columns, $field, $t $(, $flat)?)?),* })
            }
        }
    };
    (@read $columns:ident, $field:ident, $t:ty) => { $columns.named::<$t>(stringify!($field)) };
    (@read $columns:ident, $field:ident, $t:ty, flatten) => {
        <$t as $crate::sqlite::rows::FromLite>::from_lite($columns)
    };
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop here")]

    use super::*;

    /// A bound on the pages of the connection that writes plays the full disk. SQLite never goes below what is used.
    async fn bound(store: &Store, pages: i64) {
        let mut tx = store.begin().await.unwrap();
        let Conn::Sqlite(link) = tx.conn() else { unreachable!("a SQLite store") };
        link.connection().unwrap().pragma_update(None, "max_page_count", pages).unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_is_told_as_busy_and_survived() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("gavel.db").display())).await.unwrap();
        let large = "x".repeat(1_000_000);
        bound(&store, 1).await;
        let refused = store.remember_once("large", &large).await;
        assert!(matches!(refused, Err(Error::Busy(_))), "{:?}", refused.map(|text| text.len()));
        bound(&store, i64::from(i32::MAX)).await;
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
