//! Brings a database to the newest version: each step is one transaction, and is remembered with a hash of its text.

use crate::Result;
use rusqlite::{Connection, TransactionBehavior, params};
use sqlx::migrate::{Migration, Migrator};

/// Where it is remembered; the name and the shape are those that PostgreSQL's half uses.
const MEMORY: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
     installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL,
     execution_time BIGINT NOT NULL)";

/// Takes every step that was not taken yet. Whether those that were are ours was looked at before.
pub(super) fn run(connection: &mut Connection, migrator: &Migrator) -> Result<()> {
    connection.execute(MEMORY, [])?;
    let taken = taken(connection)?;
    for migration in migrator.iter().filter(|migration| !taken.contains(&migration.version)) {
        take(connection, migration)?;
    }
    Ok(())
}

fn taken(connection: &Connection) -> Result<Vec<i64>> {
    let mut statement = connection.prepare("SELECT version FROM _sqlx_migrations")?;
    let rows = statement.query_map([], |row| row.get(0))?;
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
