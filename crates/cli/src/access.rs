//! Keys for the REST API, made at the machine that holds the database.

use gavel_domain::account::{ApiKey, Scope};
use gavel_domain::{AccountId, Chance, Clock, KeyId};
use gavel_store::Store;
use gavel_vault::{Secret, hash_key, new_api_key};

/// What a key is to be.
#[derive(Debug, Clone, Copy)]
pub struct KeyWish<'a> {
    /// The name of the account it belongs to; the account is made when there is none.
    pub account: &'a str,
    /// What it is for.
    pub scope: Scope,
    /// It may look, not change.
    pub read_only: bool,
    /// Separate data, no money.
    pub test: bool,
}

/// Makes a key. The key is in nobody's hands but the caller's: only its hash is stored.
///
/// # Errors
/// When the database fails.
pub async fn create_key(
    store: &Store,
    clock: &dyn Clock,
    chance: &dyn Chance,
    wish: KeyWish<'_>,
) -> Result<(Secret, ApiKey), gavel_store::Error> {
    let now = clock.now();
    let account = store.ensure_account(wish.account, AccountId::new(now, chance), now).await?;
    let secret = new_api_key(chance, wish.test);
    let key = ApiKey {
        id: KeyId::new(now, chance),
        account,
        scope: wish.scope,
        read_only: wish.read_only,
        test: wish.test,
        created_at: now,
        revoked_at: None,
    };
    store.add_key(&key, &hash_key(secret.expose())).await?;
    Ok((secret, key))
}
