//! Subscriptions, as their buyers make, change and delete them.

use super::{SubscriptionRow, columns};
use crate::db::{Conn, sql};
use crate::deed::Hint;
use crate::rows::to_json;
use crate::{Deed, Engine, Result, Store};
use gavel_domain::limits::SUBSCRIPTIONS_MAX;
use gavel_domain::webhook::{Subscription, Topic};
use gavel_domain::{AccountId, Chain, SubscriptionId, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// How long a new subscription waits for those who wrote when it came. Our own writes take milliseconds; a transaction
/// that somebody left open is not worth waiting for.
const SETTLE: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(10);

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
    /// Stores a new subscription. What happens once this is answered is told to it.
    pub async fn add_subscription(&mut self, new: &Subscription) -> Result<Wished<()>> {
        if count(&mut self.tx, new).await? >= SUBSCRIPTIONS_MAX {
            return Ok(Err(Refused::TooMany));
        }
        insert(&mut self.tx, new).await?;
        self.then(Hint::Subscribed);
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

/// On PostgreSQL, who was writing an event when a subscription came may have found that nobody listens. When this returns
/// they have all ended: what they wrote came before the subscription's answer. (SQLite has one writer.)
pub(crate) async fn settled(store: &Store) {
    if store.engine() == Engine::Sqlite {
        return;
    }
    let until = Instant::now() + SETTLE;
    let settled = async {
        let before = writers(store).await?;
        while !before.is_disjoint(&writers(store).await?) {
            if Instant::now() >= until {
                tracing::warn!(
                    "a transaction is open for long; a new subscription may not hear of what it writes"
                );
                break;
            }
            sleep(LOOK).await;
        }
        Ok::<_, crate::Error>(())
    };
    if let Err(error) = settled.await {
        tracing::warn!(error = %Chain(&error), "whether a new subscription hears of all that is written could not be seen");
    }
}

/// The transactions of this database that have written something and are open.
async fn writers(store: &Store) -> Result<BTreeSet<(i64, String)>> {
    let mut c = store.read().await?;
    let rows = sql!(
        c,
        fetch_all as (i64, String),
        "SELECT CAST(l.pid AS BIGINT), CAST(l.transactionid AS TEXT)
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
             AND a.datname = current_database()"
    )?;
    Ok(rows.into_iter().collect())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop here")]

    use super::*;
    use crate::support::on_postgres;
    use gavel_domain::event::Actor;

    /// Long enough for an answer that waits for nothing.
    const MEANWHILE: Duration = Duration::from_millis(200);

    #[tokio::test(flavor = "multi_thread")]
    async fn a_subscription_is_answered_when_all_who_did_not_see_it_have_ended() {
        let Some(server) = gavel_testkit::postgres::server() else { return };
        let world = on_postgres(server, "settled").await;
        let (account, now) = (world.account("buyer").await, world.now());
        let task = world.task(account).await.id;
        let mut unseeing = world.store.deed().await.unwrap();
        unseeing.cancel(task, Actor::Buyer, "x", now).await.unwrap().unwrap();

        let new = world.new_subscription(account, "shop.example.com", None);
        let store = world.store.clone();
        let answered = tokio::spawn(async move { store.add_subscription(&new).await });
        while world.store.subscriptions_of(account, false).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        sleep(MEANWHILE).await;
        assert!(!answered.is_finished(), "what is being written would not be told to it");
        unseeing.commit(|_| unreachable!("it has no key")).await.unwrap();
        answered.await.unwrap().unwrap().unwrap();
    }
}
