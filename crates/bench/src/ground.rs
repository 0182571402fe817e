//! Throw-away databases: files in a folder of our own, and on PostgreSQL databases of our own beside the named one,
//! which is never touched.

use crate::database::Database;
use anyhow::{Context as _, anyhow};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use url::Url;

/// Where databases are made, and what was made.
pub struct Ground {
    folder: TempDir,
    /// A database of the server on which ours are made.
    server: Option<Url>,
    /// By name, before they are made.
    made: Mutex<Vec<String>>,
    /// Held while one is being made: what a server has begun it ends, whoever still waits for it.
    making: Arc<RwLock<()>>,
}

/// Why there is no ground.
#[derive(Debug)]
pub enum NoGround {
    /// What was named cannot be used.
    Named(anyhow::Error),
    /// It failed.
    Failed(anyhow::Error),
}

impl Ground {
    /// A new folder on `disk`, and the PostgreSQL server that has the database `postgres`, where one is named.
    ///
    /// # Errors
    /// When one of them is not what it must be, no folder can be made there, or the server does not let us in.
    pub async fn make(disk: &Path, postgres: Option<&str>) -> Result<Ground, NoGround> {
        let disk = disk.canonicalize().with_context(|| format!("there is no folder {}", disk.display()));
        let (disk, server) = (disk.map_err(NoGround::Named)?, postgres.map(server).transpose());
        let server = server.map_err(NoGround::Named)?;
        let folder = tempfile::Builder::new().prefix("gavel-bench-").tempdir_in(&disk);
        let folder = folder.with_context(|| format!("no folder can be made in {}", disk.display()));
        let folder = folder.map_err(NoGround::Failed)?;
        if let Some(server) = &server {
            let let_in = PgConnection::connect(server.as_str()).await;
            let_in.context("the PostgreSQL server lets nobody in").map_err(NoGround::Failed)?;
        }
        Ok(Ground { folder, server, made: Mutex::default(), making: Arc::default() })
    }

    /// What the databases are.
    pub(crate) fn engine(&self) -> &'static str {
        if self.server.is_some() { "postgres" } else { "sqlite" }
    }

    /// A folder of this name, for a server to live in.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(folder)
    }

    /// An empty database of this name.
    pub(crate) async fn database(&self, name: &str) -> anyhow::Result<Database> {
        let Some(server) = &self.server else {
            return Ok(Database::Sqlite(self.folder(name)?.join("gavel.db")));
        };
        let database = format!("{}_{name}", self.own_name());
        let mut url = server.clone();
        url.set_path(&database);
        let making = Arc::clone(&self.making).read_owned().await;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(database.clone());
        let made = tokio::spawn(made_on(server.clone(), database, making));
        made.await??;
        Ok(Database::Postgres(url.into()))
    }

    /// Throws everything away. Servers must have ended or be of no more use.
    ///
    /// # Errors
    /// When a database cannot be dropped, with its name; the others are.
    pub async fn clear(&self) -> anyhow::Result<()> {
        let _none_is_being_made = self.making.write().await;
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(server) = self.server.as_ref().filter(|_| !made.is_empty()) else { return Ok(()) };
        let mut connection = PgConnection::connect(server.as_str()).await?;
        let mut kept = Vec::new();
        for database in made {
            // FORCE: a server that was killed may not have been missed yet.
            let text = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
            if let Err(error) = connection.execute(AssertSqlSafe(text)).await {
                kept.push(format!("{database} ({error})"));
            }
        }
        connection.close().await?;
        if kept.is_empty() { Ok(()) } else { Err(anyhow!("databases that stayed: {}", kept.join(", "))) }
    }

    /// The folder's name, as a database may be called: no two runs share it.
    fn own_name(&self) -> String {
        let name = self.folder.path().file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    }
}

/// Makes a database, and lets `_making` go when it is there or will never be.
async fn made_on(server: Url, database: String, _making: OwnedRwLockReadGuard<()>) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(server.as_str()).await?;
    let text = format!("CREATE DATABASE {database}");
    connection.execute(AssertSqlSafe(text)).await.context("no database can be made on the server")?;
    Ok(connection.close().await?)
}

fn server(text: &str) -> anyhow::Result<Url> {
    let url: Url = text.parse().context("--database is no URL")?;
    match url.scheme() {
        "postgres" | "postgresql" => Ok(url),
        _ => Err(anyhow!(
            "--database names a PostgreSQL server (postgres://...); the embedded database needs none, see --disk"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn files_are_made_in_a_folder_that_goes_with_the_ground() {
        let disk = tempfile::tempdir().unwrap();
        let ground = Ground::make(disk.path(), None).await.unwrap();
        let database = ground.database("small").await.unwrap();
        assert!(database.url().starts_with("sqlite:") && database.url().ends_with("/small/gavel.db"));
        ground.clear().await.unwrap();
        drop(ground);
        assert_eq!(disk.path().read_dir().unwrap().count(), 0);
    }

    #[tokio::test]
    async fn only_servers_are_named() {
        let disk = tempfile::tempdir().unwrap();
        for url in ["sqlite:gavel.db", "gavel"] {
            let made = Ground::make(disk.path(), Some(url)).await;
            assert!(matches!(made, Err(NoGround::Named(_))), "{url}");
        }
        let nowhere = Ground::make(&disk.path().join("nowhere"), None).await;
        assert!(matches!(nowhere, Err(NoGround::Named(_))));
        assert_eq!(disk.path().read_dir().unwrap().count(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_database_whose_making_is_given_up_goes_with_the_others() {
        let Some(server) = gavel_testkit::postgres::server() else { return };
        let (disk, url) = (tempfile::tempdir().unwrap(), server.create_database("ground"));
        for wait in [0, 1, 3, 10, 30] {
            let ground = Ground::make(disk.path(), Some(&url)).await.unwrap();
            let making = tokio::time::timeout(Duration::from_millis(wait), ground.database("raw"));
            let in_time = making.await.is_ok();
            ground.clear().await.unwrap();
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let left = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM pg_database WHERE datname = $1");
            let left = left.bind(format!("{}_raw", ground.own_name())).fetch_one(&mut connection).await;
            assert_eq!(left.unwrap(), 0, "given up after {wait} ms, made in time: {in_time}");
        }
    }
}
