//! Facts about the database itself.

use crate::{Result, Store, db::sql};

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
}
