//! Subscriptions, as their buyers make, change and delete them.

use super::{SubscriptionRow, columns};
use crate::db::{Conn, Tx, sql};
use crate::rows::to_json;
use crate::{IdempotencyKey, Once, Result, Store, idempotency};
use gavel_domain::limits::SUBSCRIPTIONS_MAX;
use gavel_domain::webhook::{Subscription, Topic};
use gavel_domain::{AccountId, SubscriptionId, Timestamp};
use uuid::Uuid;

/// Why a buyer's wish was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The account has as many subscriptions as it may have.
    TooMany,
    /// There is no such subscription (any more).
    Gone,
    /// A new secret is pending already.
    Overlaps {
        /// Until then.
        until: Timestamp,
    },
}

/// What a wish led to.
pub type Wished<T> = std::result::Result<T, Refused>;

impl Store {
    /// Stores a new subscription, once per idempotency key.
    pub async fn add_subscription(
        &self,
        new: &Subscription,
        key: Option<&IdempotencyKey>,
        status: u16,
        body: &str,
    ) -> Result<Once<Wished<()>>> {
        let mut tx = self.begin().await?;
        if let Some(before) = idempotency::begin(&mut tx, key, new.created_at).await? {
            return Ok(before);
        }
        if count(&mut tx, new).await? >= SUBSCRIPTIONS_MAX {
            return refused(tx, Refused::TooMany).await;
        }
        insert(&mut tx, new).await?;
        idempotency::finish(&mut tx, key, status, body).await?;
        tx.commit().await?;
        Ok(Once::Fresh(Ok(())))
    }

    /// An account's subscriptions, oldest first; there are not many.
    pub async fn subscriptions_of(&self, account: AccountId, test: bool) -> Result<Vec<Subscription>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as SubscriptionRow,
            concat!(
                "SELECT ",
                columns!(),
                " FROM webhook_subscriptions WHERE account_id = $1 AND test = $2 AND deleted_at IS NULL ORDER BY id"
            ),
            account.uuid(),
            test
        )?;
        rows.into_iter().map(Subscription::try_from).collect()
    }

    /// One subscription that is not deleted.
    pub async fn subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as SubscriptionRow,
            concat!(
                "SELECT ",
                columns!(),
                " FROM webhook_subscriptions WHERE id = $1 AND deleted_at IS NULL"
            ),
            id.uuid()
        )?;
        row.map(Subscription::try_from).transpose()
    }

    /// A new secret is pending until `promotes_at`; once per idempotency key, which then answers 200 and what
    /// `render` makes of the subscription.
    pub async fn rotate_webhook_secret(
        &self,
        id: SubscriptionId,
        promotes_at: Timestamp,
        key: Option<&IdempotencyKey>,
        now: Timestamp,
        render: impl FnOnce(&Subscription) -> String + Send,
    ) -> Result<Once<Wished<String>>> {
        let mut tx = self.begin().await?;
        if let Some(before) = idempotency::begin(&mut tx, key, now).await? {
            return Ok(before);
        }
        let Some(mut subscription) = held(&mut tx, id).await? else {
            return refused(tx, Refused::Gone).await;
        };
        subscription.secret = match subscription.secret.rotated(promotes_at, now) {
            Ok(rotated) => rotated,
            Err(until) => return refused(tx, Refused::Overlaps { until }).await,
        };
        sql!(
            tx,
            execute,
            "UPDATE webhook_subscriptions SET secret_version = $2, promotes_at = $3 WHERE id = $1",
            id.uuid(),
            i64::from(subscription.secret.newest),
            subscription.secret.promotes_at
        )?;
        let body = render(&subscription);
        idempotency::finish(&mut tx, key, 200, &body).await?;
        tx.commit().await?;
        Ok(Once::Fresh(Ok(body)))
    }

    /// Deletes a subscription: nothing more is sent to it. Once per idempotency key, which then answers 204.
    pub async fn delete_subscription(
        &self,
        id: SubscriptionId,
        key: Option<&IdempotencyKey>,
        now: Timestamp,
    ) -> Result<Once<Wished<()>>> {
        let mut tx = self.begin().await?;
        if let Some(before) = idempotency::begin(&mut tx, key, now).await? {
            return Ok(before);
        }
        let deleted = sql!(
            tx,
            execute,
            "UPDATE webhook_subscriptions SET deleted_at = $2, due_at = NULL WHERE id = $1 AND deleted_at IS NULL",
            id.uuid(),
            now
        )?;
        if deleted == 0 {
            return refused(tx, Refused::Gone).await;
        }
        idempotency::finish(&mut tx, key, 204, "").await?;
        tx.commit().await?;
        Ok(Once::Fresh(Ok(())))
    }
}

/// Nothing was changed, and the idempotency key is free again.
async fn refused<T>(tx: Tx, refused: Refused) -> Result<Once<Wished<T>>> {
    tx.rollback().await?;
    Ok(Once::Fresh(Err(refused)))
}

/// How many subscriptions the account has. On PostgreSQL the account is held, so that two at once count each other.
async fn count(c: &mut Conn, new: &Subscription) -> Result<i64> {
    if matches!(c, Conn::Postgres(_)) {
        sql!(
            c,
            fetch_optional as (Uuid,),
            "SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE",
            new.account.uuid()
        )?;
    }
    let (count,) = sql!(
        c,
        fetch_one as (i64,),
        "SELECT COUNT(*) FROM webhook_subscriptions WHERE account_id = $1 AND test = $2 AND deleted_at IS NULL",
        new.account.uuid(),
        new.test
    )?;
    Ok(count)
}

async fn insert(c: &mut Conn, new: &Subscription) -> Result<()> {
    let names = |topics: &Vec<Topic>| topics.iter().copied().map(Topic::name).collect::<Vec<_>>();
    let topics = new.topics.as_ref().map(|topics| to_json(&names(topics), super::T, "topics")).transpose()?;
    sql!(
        c,
        execute,
        "INSERT INTO webhook_subscriptions (id, account_id, test, url, host, topics, description, secret_version,
             promotes_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        new.id.uuid(),
        new.account.uuid(),
        new.test,
        &new.url,
        &new.host,
        topics,
        &new.description,
        i64::from(new.secret.newest),
        new.secret.promotes_at,
        new.created_at
    )?;
    Ok(())
}

/// A subscription that is not deleted, kept from others until we commit.
pub(super) async fn held(c: &mut Conn, id: SubscriptionId) -> Result<Option<Subscription>> {
    const LIVE: &str =
        concat!("SELECT ", columns!(), " FROM webhook_subscriptions WHERE id = $1 AND deleted_at IS NULL");
    const LOCKED: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM webhook_subscriptions WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"
    );
    let row = sql!(c, fetch_optional as SubscriptionRow, { sqlite: LIVE, postgres: LOCKED }, id.uuid())?;
    row.map(Subscription::try_from).transpose()
}
