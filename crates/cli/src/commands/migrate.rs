//! `gavel migrate`: the database at this version.

use super::settings_of;
use crate::args::MigrateArgs;
use crate::{Failure, output};
use gavel_store::{Engine, Migrate, Opening, Store};
use serde_json::json;

pub(super) async fn migrate(args: &MigrateArgs) -> Result<(), Failure> {
    let config = settings_of(&args.place)?;
    // Whatever database.migrate says: this is what it waits for.
    let opening = Opening { migrate: Migrate::Auto, ..config.opening };
    let store = Store::open_as(&config.database_url, &opening).await?;
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
