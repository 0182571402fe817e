//! `gavel migrate`: the database at this version.

use super::settings_of;
use crate::args::MigrateArgs;
use crate::{Failure, output};
use gavel_store::{Engine, Store};
use serde_json::json;

pub(super) async fn migrate(args: &MigrateArgs) -> Result<(), Failure> {
    let config = settings_of(&args.place)?;
    let store = Store::open(&config.database_url).await?;
    let (name, engine) = match store.engine() {
        Engine::Sqlite => ("sqlite", "SQLite"),
        Engine::Postgres => ("postgres", "PostgreSQL"),
    };
    store.close().await;
    if args.json {
        output::json(&json!({ "engine": name, "migrated": true }));
    } else {
        output::line(&format!("The {engine} database is at this version."));
    }
    Ok(())
}
