//! What is done to a database behind its store's back, and what it says when it is asked there.

use super::World;
use gavel_store::Engine;
use sqlx::Connection;

/// A database that nobody has open.
pub(crate) struct Closed {
    pub(crate) url: String,
    engine: Engine,
    _dir: Option<tempfile::TempDir>,
}

impl Closed {
    pub(crate) async fn execute(&self, text: &'static str) {
        execute(self.engine, &self.url, text).await;
    }

    /// As if the newest migration had never been; the version that is left.
    pub(crate) async fn forget_the_newest_migration(&self) -> i64 {
        let newest =
            "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)";
        self.execute(newest).await;
        let left = "SELECT MAX(version) FROM _sqlx_migrations";
        number(self.engine, &self.url, left).await
    }
}

/// Changes a database behind everybody's back.
async fn execute(engine: Engine, url: &str, text: &'static str) {
    match engine {
        Engine::Sqlite => {
            file_of(url).execute_batch(text).unwrap();
        }
        Engine::Postgres => {
            let mut c = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::query(text).execute(&mut c).await.unwrap();
            c.close().await.unwrap();
        }
    }
}

/// What a database says when it is asked behind everybody's back: one number.
async fn number(engine: Engine, url: &str, question: &'static str) -> i64 {
    if engine == Engine::Sqlite {
        return ask(url, question);
    }
    let mut c = sqlx::PgConnection::connect(url).await.unwrap();
    let (answer,) = sqlx::query_as(question).fetch_one(&mut c).await.unwrap();
    c.close().await.unwrap();
    answer
}

/// Lets go what [`World::holding`] holds, done for good.
pub(crate) async fn commit(mut holder: sqlx::PgConnection) {
    sqlx::raw_sql("COMMIT").execute(&mut holder).await.unwrap();
    holder.close().await.unwrap();
}

/// One value from a SQLite file.
pub(crate) fn ask<T: rusqlite::types::FromSql>(url: &str, question: &'static str) -> T {
    file_of(url).query_row(question, [], |row| row.get(0)).unwrap()
}

/// A SQLite file, behind everybody's back.
pub(crate) fn file_of(url: &str) -> rusqlite::Connection {
    rusqlite::Connection::open(url.trim_start_matches("sqlite:")).unwrap()
}

impl World {
    /// What the database says when it is asked behind the store's back: one number.
    pub(crate) async fn number(&self, question: &'static str) -> i64 {
        number(self.store.engine(), &self.url, question).await
    }

    /// Changes the database behind the store's back.
    pub(crate) async fn execute(&self, text: &'static str) {
        execute(self.store.engine(), &self.url, text).await;
    }

    /// A connection that holds what a statement locks.
    pub(crate) async fn holding(&self, text: &'static str) -> sqlx::PgConnection {
        let mut c = sqlx::PgConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql("BEGIN").execute(&mut c).await.unwrap();
        sqlx::query(text).execute(&mut c).await.unwrap();
        c
    }

    /// The database as it is when nobody has it open: what stays is its place, and what is done behind its back.
    pub(crate) async fn closed(self) -> Closed {
        self.store.close().await;
        let World { store, url, _dir, .. } = self;
        let engine = store.engine();
        Closed { url, engine, _dir }
    }
}
