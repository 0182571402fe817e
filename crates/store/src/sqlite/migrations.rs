//! Brings a file to the newest version: each step is one transaction, and is remembered with a hash of its text.

use crate::{Error, Result};
use rusqlite::{Connection, TransactionBehavior, params};
use sqlx::migrate::{Migration, Migrator};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Where it is remembered; the name and the shape are those that PostgreSQL's half uses.
const MEMORY: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
     installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL,
     execution_time BIGINT NOT NULL)";

/// The newest version there is.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Takes every step that was not taken yet.
pub(super) fn run(connection: &mut Connection) -> Result<()> {
    connection.execute(MEMORY, [])?;
    let mut taken = taken(connection)?;
    for migration in MIGRATIONS.iter() {
        match taken.iter().position(|(version, _)| *version == migration.version) {
            Some(at) if taken.swap_remove(at).1 == *migration.checksum => {}
            Some(_) => {
                return Err(Error::Migration { version: migration.version, problem: "was another one here" });
            }
            None => take(connection, migration)?,
        }
    }
    match taken.first() {
        None => Ok(()),
        Some((version, _)) => Err(Error::Migration {
            version: *version,
            problem: "is not known to this gavel, which is older than the database",
        }),
    }
}

fn taken(connection: &Connection) -> Result<Vec<(i64, Vec<u8>)>> {
    let mut statement =
        connection.prepare("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn take(connection: &mut Connection, migration: &Migration) -> Result<()> {
    let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    step.execute_batch(migration.sql.as_str())?;
    step.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (?1, ?2, TRUE, ?3, -1)",
        params![migration.version, migration.description.as_ref(), migration.checksum.as_ref()],
    )?;
    Ok(step.commit()?)
}
