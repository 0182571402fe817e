//! What is asked for twice under one key happens once, and is answered as it was the first time. Key, effect and answer
//! commit in one transaction ([`Deed`]). What happens outside the database holds its key first and keeps its answer
//! afterwards ([`Held`]): whoever died in between loses the key when the time is over.

use crate::db::{Conn, sql};
use crate::deed::Deed;
use crate::{Result, Store};
use gavel_domain::{AccountId, Timestamp};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a repetition waits for the answer of a request that is still under way.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks. It holds no connection meanwhile, or a few repetitions would hold all of them.
const LOOK: Duration = Duration::from_millis(25);
/// The status of a key whose request is under way.
const UNDER_WAY: i64 = 0;

/// The caller's `Idempotency-Key` and what the request was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Whose key.
    pub account: AccountId,
    /// The key.
    pub key: String,
    /// A hash of method, path and body: the same key with another request is refused.
    pub fingerprint: String,
}

/// An answer as it is kept under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The HTTP status.
    pub status: u16,
    /// What was answered.
    pub body: KeptBody,
}

/// What was answered, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptBody {
    /// Sealed by whoever answered: it may show secrets.
    Sealed(Vec<u8>),
    /// In clear, by a version that kept no secrets.
    Clear(String),
}

/// What becomes of a request that happens once per key.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one per request, and it moves once")]
pub enum Once {
    /// It has not happened: this is where it does.
    Fresh(Deed),
    /// It happened before; this is what was answered.
    Before(Kept),
    /// The key was used for another request.
    Mismatch,
    /// It was under way all the time that a repetition waits.
    UnderWay,
}

/// A key whose request is under way outside the database.
pub struct Held {
    store: Store,
    key: IdempotencyKey,
    until: Timestamp,
}

/// What a look at a key finds.
enum Found {
    Ours,
    Before(Kept),
    Mismatch,
    UnderWay,
}

impl Store {
    /// Begins what happens once per key; without a key it always begins. A repetition waits a while for the first
    /// one's answer.
    pub async fn once(&self, key: Option<IdempotencyKey>, now: Timestamp) -> Result<Once> {
        let Some(key) = key else { return Ok(Once::Fresh(self.deed().await?)) };
        let until = Instant::now() + PATIENCE;
        loop {
            let mut tx = self.begin().await?;
            let found = find(&mut tx, &key, now).await?;
            if let Found::Ours = found {
                return Ok(Once::Fresh(Deed::new(self, tx, Some(key))));
            }
            tx.rollback().await?;
            match found {
                Found::Before(kept) => return Ok(Once::Before(kept)),
                Found::Mismatch => return Ok(Once::Mismatch),
                Found::UnderWay if Instant::now() >= until => return Ok(Once::UnderWay),
                Found::UnderWay | Found::Ours => sleep(LOOK).await,
            }
        }
    }
}

impl Held {
    pub(crate) fn new(store: Store, key: IdempotencyKey, until: Timestamp) -> Self {
        Held { store, key, until }
    }

    /// Whose key it is.
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// Keeps the answer for repetitions; not when the key was lost meanwhile.
    pub async fn keep(self, kept: &Kept) -> Result<()> {
        let mut tx = self.store.begin().await?;
        write(&mut tx, &self.key, kept, Some(self.until)).await?;
        tx.commit().await
    }

    /// Nothing happened: the key may be used again.
    pub async fn let_go(self) -> Result<()> {
        let mut tx = self.store.begin().await?;
        sql!(
            tx,
            execute,
            "DELETE FROM idempotency WHERE account_id = $1 AND key = $2 AND held_until = $3",
            self.key.account.uuid(),
            &self.key.key,
            self.until
        )?;
        tx.commit().await
    }
}

/// Looks a key up and makes it ours, inside this transaction, when it is new.
async fn find(c: &mut Conn, key: &IdempotencyKey, now: Timestamp) -> Result<Found> {
    if insert(c, key, now).await? {
        return Ok(Found::Ours);
    }
    let row = sql!(
        c,
        fetch_optional as (String, i64, String, Option<Vec<u8>>, Option<Timestamp>),
        "SELECT fingerprint, status, body, sealed, held_until FROM idempotency WHERE account_id = $1 AND key = $2",
        key.account.uuid(),
        &key.key
    )?;
    Ok(match row {
        None => Found::UnderWay, // another transaction has it
        Some((fingerprint, ..)) if fingerprint != key.fingerprint => Found::Mismatch,
        Some((_, UNDER_WAY, _, _, until)) if until.is_some_and(|until| now < until) => Found::UnderWay,
        Some((_, UNDER_WAY, _, _, until)) => take_over(c, key, until).await?,
        Some((_, status, clear, sealed, _)) => {
            let body = sealed.map_or(KeptBody::Clear(clear), KeptBody::Sealed);
            Found::Before(Kept { status: u16::try_from(status).unwrap_or(200), body })
        }
    })
}

/// `false`: the key is there, or another transaction is about to write it. On PostgreSQL nobody waits in the database
/// for that transaction: those who did would hold the connections that it needs.
async fn insert(c: &mut Conn, key: &IdempotencyKey, now: Timestamp) -> Result<bool> {
    let inserted = sql!(
        c,
        execute,
        {
            sqlite: "INSERT INTO idempotency (account_id, key, fingerprint, status, body, created_at)
                     VALUES ($1, $2, $3, 0, '', $4) ON CONFLICT (account_id, key) DO NOTHING",
            postgres: "INSERT INTO idempotency (account_id, key, fingerprint, status, body, created_at)
                       SELECT $1::UUID, $2::TEXT, $3::TEXT, 0, '', $4::TIMESTAMPTZ
                       WHERE pg_try_advisory_xact_lock(hashtextextended($1::UUID::TEXT || $2::TEXT, 0))
                       ON CONFLICT (account_id, key) DO NOTHING",
        },
        key.account.uuid(),
        &key.key,
        &key.fingerprint,
        now
    )?;
    Ok(inserted == 1)
}

/// Whoever held the key has died, or has left it to others long ago: one of them gets it.
async fn take_over(c: &mut Conn, key: &IdempotencyKey, held_until: Option<Timestamp>) -> Result<Found> {
    let taken = sql!(
        c,
        execute,
        "UPDATE idempotency SET held_until = NULL WHERE account_id = $1 AND key = $2 AND status = 0 AND held_until = $3",
        key.account.uuid(),
        &key.key,
        held_until
    )?;
    Ok(if taken == 1 { Found::Ours } else { Found::UnderWay })
}

/// Holds the key beyond this transaction.
pub(crate) async fn hold(c: &mut Conn, key: &IdempotencyKey, until: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE idempotency SET held_until = $3 WHERE account_id = $1 AND key = $2 AND status = 0",
        key.account.uuid(),
        &key.key,
        until
    )?;
    Ok(())
}

/// Remembers the answer under the key, for whoever has it.
pub(crate) async fn write(
    c: &mut Conn,
    key: &IdempotencyKey,
    kept: &Kept,
    held_until: Option<Timestamp>,
) -> Result<()> {
    let (sealed, clear) = match &kept.body {
        KeptBody::Sealed(sealed) => (Some(sealed), ""),
        KeptBody::Clear(clear) => (None, clear.as_str()),
    };
    sql!(
        c,
        execute,
        "UPDATE idempotency SET status = $3, body = $4, sealed = $5
         WHERE account_id = $1 AND key = $2 AND status = 0 AND (held_until = $6 OR $6 IS NULL)",
        key.account.uuid(),
        &key.key,
        i64::from(kept.status),
        clear,
        sealed,
        held_until
    )?;
    Ok(())
}
