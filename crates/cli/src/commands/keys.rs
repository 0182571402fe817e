//! `gavel keys`: keys for the REST API.

use super::settings_of;
use crate::access::{KeyWish, create_key};
use crate::args::CreateKeyArgs;
use crate::{Failure, app, output};
use gavel_domain::clock::SystemClock;
use gavel_vault::OsChance;
use serde_json::json;

pub(super) async fn create(args: CreateKeyArgs) -> Result<(), Failure> {
    let name = args.account.trim();
    if name.is_empty() {
        return Err(Failure::Usage("--account must not be empty".to_owned()));
    }
    let config = settings_of(&args.place)?;
    let (store, _) = app::open_beside(&config, &OsChance).await?;
    let scope = args.scope;
    let wish = KeyWish { account: name, scope: scope.scope, read_only: scope.read_only, test: args.test };
    let (secret, key) = create_key(&store, &SystemClock, &OsChance, wish).await?;
    store.close().await;
    if args.json {
        output::json(&json!({
            "key": secret.expose(),
            "id": key.id.to_string(),
            "account": name,
            "account_id": key.account.to_string(),
            "scope": key.scope.name(),
            "read_only": key.read_only,
            "test": key.test,
        }));
    } else {
        output::line(secret.expose());
        output::note("This key is shown once; keep it now. Send it as `Authorization: Bearer KEY`.");
    }
    Ok(())
}
