//! `gavel keys`: keys for the REST API.

use super::{existing, settings_of};
use crate::access::{KeyWish, create_key};
use crate::args::{CreateKeyArgs, ListKeysArgs, RevokeKeyArgs};
use crate::{Failure, app, output};
use gavel_domain::Clock;
use gavel_domain::account::ApiKey;
use gavel_domain::clock::SystemClock;
use gavel_store::accounts::KnownKey;
use gavel_vault::OsChance;
use serde_json::{Value, json};

pub(super) async fn create(args: CreateKeyArgs) -> Result<(), Failure> {
    let name = args.account.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Failure::Usage("--account must be a name of printable characters".to_owned()));
    }
    let config = settings_of(&args.place)?;
    let (store, _) = app::open_beside(&config, &OsChance).await?;
    let scope = args.scope;
    let wish = KeyWish { account: name, scope: scope.scope, read_only: scope.read_only, test: args.test };
    let (secret, key) = create_key(&store, &SystemClock, &OsChance, wish).await?;
    store.close().await;
    if args.json {
        let mut document = described(&key, name);
        document["key"] = json!(secret.expose());
        output::json(&document);
    } else {
        output::line(secret.expose());
        output::note("This key is shown once; keep it now. Send it as `Authorization: Bearer KEY`.");
    }
    Ok(())
}

pub(super) async fn list(args: &ListKeysArgs) -> Result<(), Failure> {
    let (_, store) = existing(&args.place).await?;
    let keys = store.keys().await?;
    store.close().await;
    if args.json {
        output::json(&json!({ "keys": keys.iter().map(listed).collect::<Vec<_>>() }));
    } else {
        keys.iter().for_each(|known| output::line(&one_line(known)));
    }
    Ok(())
}

pub(super) async fn revoke(args: &RevokeKeyArgs) -> Result<(), Failure> {
    let (_, store) = existing(&args.place).await?;
    let revoked = store.revoke_key(args.id, SystemClock.now()).await?;
    store.close().await;
    if !revoked {
        return Err(Failure::Usage(format!("there is no live key {}; `gavel keys list` shows all", args.id)));
    }
    if args.json {
        output::json(&json!({ "id": args.id.to_string(), "revoked": true }));
    } else {
        output::line(&format!("The key {} opens nothing any more.", args.id));
    }
    Ok(())
}

fn described(key: &ApiKey, account: &str) -> Value {
    json!({
        "id": key.id.to_string(),
        "account": account,
        "account_id": key.account.to_string(),
        "scope": key.scope.name(),
        "read_only": key.read_only,
        "test": key.test,
    })
}

fn listed(known: &KnownKey) -> Value {
    let mut document = described(&known.key, &known.account);
    document["created_at"] = json!(known.key.created_at);
    document["last_used_at"] = json!(known.last_used_at);
    document["revoked_at"] = json!(known.key.revoked_at);
    document
}

/// `01a2...  task_poster:read  test  revoked  ada (018f...)`
fn one_line(known: &KnownKey) -> String {
    let key = &known.key;
    let marks = [(key.read_only, ":read"), (key.test, "  test"), (key.revoked_at.is_some(), "  revoked")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    format!("{}  {}{marks}  {} ({})", key.id, key.scope.name(), known.account, key.account)
}
