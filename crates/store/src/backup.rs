//! A copy of a SQLite database that is in use.

use crate::db::sql;
use crate::{Engine, Result, Store};

impl Store {
    /// Writes the database, as it stands at one moment, into `file`, which is empty or not there. Whoever writes is not
    /// held up; the copy holds no pages that nothing is on. `false`: this is PostgreSQL, which has tools of its own.
    pub async fn copy_into(&self, file: &str) -> Result<bool> {
        if self.engine() == Engine::Postgres {
            return Ok(false);
        }
        let mut c = self.read().await?;
        sql!(c, execute, "VACUUM INTO $1", file)?;
        Ok(true)
    }
}
