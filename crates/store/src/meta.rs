//! Facts about the database itself.

use crate::{Result, Store, db::sql};

impl Store {
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
