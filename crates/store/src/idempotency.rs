//! A repeated request gets the first one's answer; key, effect and answer commit in one transaction.

use crate::db::{Conn, sql};
use crate::{Result, Store};
use gavel_domain::{AccountId, Timestamp};

/// The caller's `Idempotency-Key` and what the request was.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// Whose key.
    pub account: AccountId,
    /// The key.
    pub key: String,
    /// A hash of method, path and body: the same key with another request is refused.
    pub fingerprint: String,
}

/// What became of an effect that happens once per key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once<T> {
    /// It happened now.
    Fresh(T),
    /// It happened before; this is what was answered.
    Replayed {
        /// The HTTP status answered then.
        status: u16,
        /// The body answered then.
        body: String,
    },
    /// The key was used for another request.
    Mismatch,
}

/// Looks a key up before any effect. `None`: the key is new and now ours, inside this transaction.
pub(crate) async fn begin<T>(
    c: &mut Conn,
    key: Option<&IdempotencyKey>,
    now: Timestamp,
) -> Result<Option<Once<T>>> {
    let Some(key) = key else { return Ok(None) };
    // On PostgreSQL a second INSERT of the same key waits here for the first transaction.
    let fresh = sql!(
        c,
        execute,
        "INSERT INTO idempotency (account_id, key, fingerprint, status, body, created_at)
         VALUES ($1, $2, $3, 0, '', $4) ON CONFLICT (account_id, key) DO NOTHING",
        key.account.uuid(),
        &key.key,
        &key.fingerprint,
        now
    )?;
    if fresh == 1 {
        return Ok(None);
    }
    let (fingerprint, status, body) = sql!(
        c,
        fetch_one as (String, i64, String),
        "SELECT fingerprint, status, body FROM idempotency WHERE account_id = $1 AND key = $2",
        key.account.uuid(),
        &key.key
    )?;
    if fingerprint != key.fingerprint {
        return Ok(Some(Once::Mismatch));
    }
    Ok(Some(Once::Replayed { status: u16::try_from(status).unwrap_or(200), body }))
}

/// Remembers the answer under the key.
pub(crate) async fn finish(
    c: &mut Conn,
    key: Option<&IdempotencyKey>,
    status: u16,
    body: &str,
) -> Result<()> {
    let Some(key) = key else { return Ok(()) };
    sql!(
        c,
        execute,
        "UPDATE idempotency SET status = $3, body = $4 WHERE account_id = $1 AND key = $2",
        key.account.uuid(),
        &key.key,
        i64::from(status),
        body
    )?;
    Ok(())
}

impl Store {
    /// The answer remembered under a key, if any; for a look before any work is done.
    pub async fn replay(&self, key: &IdempotencyKey) -> Result<Option<Once<()>>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (String, i64, String),
            "SELECT fingerprint, status, body FROM idempotency WHERE account_id = $1 AND key = $2",
            key.account.uuid(),
            &key.key
        )?;
        Ok(row.map(|(fingerprint, status, body)| {
            if fingerprint == key.fingerprint {
                Once::Replayed { status: u16::try_from(status).unwrap_or(200), body }
            } else {
                Once::Mismatch
            }
        }))
    }
}
