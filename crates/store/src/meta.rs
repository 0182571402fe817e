//! Facts about the database itself.

use crate::{Engine, Result, Store, db::sql};
use gavel_domain::Timestamp;

/// Under this name stands the second of the last write that was made to see whether writes are taken.
const WRITTEN_AT: &str = "written_at";

impl Store {
    /// What is remembered under `key`.
    pub async fn remembered(&self, key: &str) -> Result<Option<String>> {
        let mut c = self.read().await?;
        let row = sql!(c, fetch_optional as (String,), "SELECT value FROM meta WHERE key = $1", key)?;
        Ok(row.map(|(value,)| value))
    }

    /// Remembers `value` under `key` the first time; afterwards gives what was remembered first.
    pub async fn remember_once(&self, key: &str, value: &str) -> Result<String> {
        let mut tx = self.begin().await?;
        sql!(
            tx,
            execute,
            "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
            key,
            value
        )?;
        let (kept,) = sql!(tx, fetch_one as (String,), "SELECT value FROM meta WHERE key = $1", key)?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Whether writes are taken now. A full disk lets a transaction begin and refuses what is to be kept, so on SQLite
    /// something is kept: once a second at most, for whoever asks us may ask often. On PostgreSQL, where replicas would
    /// wait for each other at one row, a transaction that begins must do: the rest is told by [`crate::Pulse`].
    pub async fn takes_writes(&self, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        if self.engine() == Engine::Postgres {
            return tx.rollback().await;
        }
        let second = now.timestamp().to_string();
        sql!(
            tx,
            execute,
            "INSERT INTO meta (key, value) VALUES ($1, $2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value <> excluded.value",
            WRITTEN_AT,
            second.as_str()
        )?;
        tx.commit().await
    }
}
