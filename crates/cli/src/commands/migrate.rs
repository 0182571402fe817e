//! `gavel migrate`: the database at this version.

use super::settings_of;
use crate::args::PlaceArgs;
use crate::{Failure, output};
use gavel_store::{Engine, Store};

pub(super) async fn migrate(args: &PlaceArgs) -> Result<(), Failure> {
    let config = settings_of(args)?;
    let store = Store::open(&config.database_url).await?;
    let engine = match store.engine() {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    store.close().await;
    output::line(&format!("The {engine} database is at this version."));
    Ok(())
}
