//! Accounts, their REST keys, and developer records.

use crate::db::{row, sql};
use crate::rows::word;
use crate::{Deed, Error, Result, Store};
use chrono::TimeDelta;
use gavel_domain::account::{ApiKey, Developer};
use gavel_domain::{AccountId, DeveloperId, KeyId, Timestamp};
use uuid::Uuid;

row! {
    struct KeyRow {
        id: Uuid,
        account_id: Uuid,
        scope: String,
        read_only: bool,
        test: bool,
        created_at: Timestamp,
        revoked_at: Option<Timestamp>,
    }
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = Error;
    fn try_from(row: KeyRow) -> Result<Self> {
        Ok(ApiKey {
            id: KeyId::from_uuid(row.id),
            account: AccountId::from_uuid(row.account_id),
            scope: word(&row.scope, "api_keys", "scope")?,
            read_only: row.read_only,
            test: row.test,
            created_at: row.created_at,
            revoked_at: row.revoked_at,
        })
    }
}

/// A key as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The key.
    pub key: ApiKey,
    /// The name of its account.
    pub account: String,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

row! {
    struct KnownKeyRow {
        #[flatten]
        key: KeyRow,
        name: String,
        last_used_at: Option<Timestamp>,
    }
}

/// `last_used_at` is exact to this; a busy key is not a write per request.
const LAST_USED_PRECISION: TimeDelta = TimeDelta::minutes(1);

impl Store {
    /// The account of that name; made as `fresh` when there is none.
    pub async fn ensure_account(&self, name: &str, fresh: AccountId, now: Timestamp) -> Result<AccountId> {
        let mut tx = self.begin().await?;
        sql!(
            tx,
            execute,
            "INSERT INTO accounts (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
            fresh.uuid(),
            name,
            now
        )?;
        let (id,) = sql!(tx, fetch_one as (Uuid,), "SELECT id FROM accounts WHERE name = $1", name)?;
        tx.commit().await?;
        Ok(AccountId::from_uuid(id))
    }

    /// Stores a key's hash; the key itself is never stored.
    pub async fn add_key(&self, key: &ApiKey, hash: &[u8]) -> Result<()> {
        let mut tx = self.begin().await?;
        sql!(
            tx,
            execute,
            "INSERT INTO api_keys (id, account_id, hash, scope, read_only, test, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            key.id.uuid(),
            key.account.uuid(),
            hash,
            key.scope.name(),
            key.read_only,
            key.test,
            key.created_at
        )?;
        tx.commit().await
    }

    /// The live key with this hash.
    pub async fn key_by_hash(&self, hash: &[u8]) -> Result<Option<ApiKey>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as KeyRow,
            "SELECT id, account_id, scope, read_only, test, created_at, revoked_at
             FROM api_keys WHERE hash = $1 AND revoked_at IS NULL",
            hash
        )?;
        row.map(ApiKey::try_from).transpose()
    }

    /// Every key there ever was, oldest first.
    pub async fn keys(&self) -> Result<Vec<KnownKey>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as KnownKeyRow,
            "SELECT k.id, k.account_id, k.scope, k.read_only, k.test, k.created_at, k.revoked_at, k.last_used_at, a.name
             FROM api_keys k JOIN accounts a ON a.id = k.account_id ORDER BY k.id"
        )?;
        let known = |row: KnownKeyRow| {
            Ok(KnownKey { key: row.key.try_into()?, account: row.name, last_used_at: row.last_used_at })
        };
        rows.into_iter().map(known).collect()
    }

    /// Takes a key back: from the next request on it opens nothing. `false`: there is no live key of this id.
    pub async fn revoke_key(&self, key: KeyId, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let revoked = sql!(
            tx,
            execute,
            "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
            key.uuid(),
            now
        )?;
        tx.commit().await?;
        Ok(revoked == 1)
    }

    /// Whether a key still opens anything, for whoever was let in by it and is still there.
    pub async fn is_live(&self, key: KeyId) -> Result<bool> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (Uuid,),
            "SELECT id FROM api_keys WHERE id = $1 AND revoked_at IS NULL",
            key.uuid()
        )?;
        Ok(row.is_some())
    }

    /// Notes that a key was used, at most once a minute.
    pub async fn touch_key(&self, key: KeyId, now: Timestamp) -> Result<()> {
        let stale = now - LAST_USED_PRECISION;
        let mut c = self.read().await?;
        let due = sql!(
            c,
            fetch_optional as (Uuid,),
            "SELECT id FROM api_keys WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2)",
            key.uuid(),
            stale
        )?;
        drop(c);
        if due.is_none() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        sql!(tx, execute, "UPDATE api_keys SET last_used_at = $2 WHERE id = $1", key.uuid(), now)?;
        tx.commit().await
    }

    /// The developer record of an account.
    pub async fn developer_of(&self, account: AccountId) -> Result<Option<Developer>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (Uuid, String, Timestamp),
            "SELECT id, name, created_at FROM developers WHERE account_id = $1",
            account.uuid()
        )?;
        Ok(row.map(|(id, name, created_at)| Developer {
            id: DeveloperId::from_uuid(id),
            account,
            name,
            created_at,
        }))
    }
}

impl Deed {
    /// Stores a developer record with its sealed `ait_` key. [`Error::Taken`] when the account has one.
    pub async fn add_developer(&mut self, developer: &Developer, sealed_key: &[u8]) -> Result<()> {
        let added = sql!(
            self.tx,
            execute,
            "INSERT INTO developers (id, account_id, name, sealed_key, created_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (account_id) DO NOTHING",
            developer.id.uuid(),
            developer.account.uuid(),
            &developer.name,
            sealed_key,
            developer.created_at
        )?;
        if added == 0 {
            return Err(Error::Taken { what: "the developer record of this account" });
        }
        Ok(())
    }
}
