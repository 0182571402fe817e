//! Subscriptions, as their buyers make, change and delete them.

use super::{SubscriptionRow, columns};
use crate::db::{Conn, sql};
use crate::rows::to_json;
use crate::{Deed, Result, Store};
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

impl Deed {
    /// Stores a new subscription.
    pub async fn add_subscription(&mut self, new: &Subscription) -> Result<Wished<()>> {
        if count(&mut self.tx, new).await? >= SUBSCRIPTIONS_MAX {
            return Ok(Err(Refused::TooMany));
        }
        insert(&mut self.tx, new).await?;
        Ok(Ok(()))
    }

    /// A new secret is pending until `promotes_at`; answers with the subscription as it is then.
    pub async fn rotate_webhook_secret(
        &mut self,
        id: SubscriptionId,
        promotes_at: Timestamp,
        now: Timestamp,
    ) -> Result<Wished<Subscription>> {
        let Some(mut subscription) = held(&mut self.tx, id).await? else { return Ok(Err(Refused::Gone)) };
        subscription.secret = match subscription.secret.rotated(promotes_at, now) {
            Ok(rotated) => rotated,
            Err(until) => return Ok(Err(Refused::Overlaps { until })),
        };
        sql!(
            self.tx,
            execute,
            "UPDATE webhook_subscriptions SET secret_version = $2, promotes_at = $3 WHERE id = $1",
            id.uuid(),
            i64::from(subscription.secret.newest),
            subscription.secret.promotes_at
        )?;
        Ok(Ok(subscription))
    }

    /// Deletes a subscription of an account: nothing more is sent to it.
    pub async fn delete_subscription(
        &mut self,
        id: SubscriptionId,
        (account, test): (AccountId, bool),
        now: Timestamp,
    ) -> Result<Wished<()>> {
        let deleted = sql!(
            self.tx,
            execute,
            "UPDATE webhook_subscriptions SET deleted_at = $4, due_at = NULL
             WHERE id = $1 AND account_id = $2 AND test = $3 AND deleted_at IS NULL",
            id.uuid(),
            account.uuid(),
            test,
            now
        )?;
        Ok(if deleted == 1 { Ok(()) } else { Err(Refused::Gone) })
    }
}

impl Store {
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
