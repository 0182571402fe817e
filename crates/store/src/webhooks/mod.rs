//! Telling buyers by webhook, each event to each subscription at least once.
//!
//! An event of which somebody wants to hear goes into the outbox in its own transaction (`outbox`), and from there, once,
//! into one delivery per subscription. A delivery is claimed before it is sent ([`claims`]); its number of attempts
//! guards the result, so that an older one never writes over a newer one. A process that dies leaves claims that end by
//! themselves; whoever comes next sends again under the same ids.
//!
//! On PostgreSQL an event of the outbox is locked before the subscriptions that hear of it, those by id, and a
//! subscription before its deliveries. Who forgets old ones locks an event before its deliveries, and waits for neither.

pub mod claims;
pub mod log;
pub(crate) mod outbox;
pub mod retention;
pub mod subscriptions;

pub use outbox::Backlog;

use crate::db::{Conn, row, sql};
use crate::rows::{json, number, word};
use crate::{Error, Result};
use gavel_domain::webhook::{Endpoint, SecretVersion, Subscription, Topic};
use gavel_domain::{AccountId, SubscriptionId, Timestamp};
use uuid::Uuid;

const T: &str = "webhook_subscriptions";

macro_rules! columns {
    () => {
        "id, account_id, test, url, host, topics, description, secret_version, promotes_at, created_at, fails,
         failing_since, failed_at, quiet_until, delivered_at, disabled_at, disabled_reason"
    };
}
use columns;

row! {
    struct SubscriptionRow {
        id: Uuid,
        account_id: Uuid,
        test: bool,
        url: String,
        host: String,
        topics: Option<String>,
        description: Option<String>,
        secret_version: i64,
        promotes_at: Option<Timestamp>,
        created_at: Timestamp,
        #[flatten]
        endpoint: EndpointRow,
        disabled_at: Option<Timestamp>,
        disabled_reason: Option<String>,
    }
}

row! {
    struct EndpointRow {
        fails: i64,
        failing_since: Option<Timestamp>,
        failed_at: Option<Timestamp>,
        quiet_until: Option<Timestamp>,
        delivered_at: Option<Timestamp>,
    }
}

impl TryFrom<SubscriptionRow> for Subscription {
    type Error = Error;
    fn try_from(row: SubscriptionRow) -> Result<Self> {
        Ok(Subscription {
            id: SubscriptionId::from_uuid(row.id),
            account: AccountId::from_uuid(row.account_id),
            test: row.test,
            url: row.url,
            host: row.host,
            topics: row.topics.as_deref().map(topics).transpose()?,
            description: row.description,
            secret: SecretVersion {
                newest: number(row.secret_version, T, "secret_version")?,
                promotes_at: row.promotes_at,
            },
            created_at: row.created_at,
            endpoint: row.endpoint.try_into()?,
            disabled: row.disabled_at.zip(row.disabled_reason),
        })
    }
}

impl TryFrom<EndpointRow> for Endpoint {
    type Error = Error;
    fn try_from(row: EndpointRow) -> Result<Self> {
        Ok(Endpoint {
            fails: number(row.fails, T, "fails")?,
            failing_since: row.failing_since,
            failed_at: row.failed_at,
            quiet_until: row.quiet_until,
            delivered_at: row.delivered_at,
        })
    }
}

fn topics(text: &str) -> Result<Vec<Topic>> {
    let names: Vec<String> = json(text, T, "topics")?;
    names.iter().map(|name| word(name, T, "topics")).collect()
}

/// Looks at a subscription's deliveries at `at`, unless that is to happen before, or its endpoint wants to be left alone
/// for longer. Whoever looks finds out whether there is room for another.
async fn look_by(c: &mut Conn, subscription: SubscriptionId, at: Timestamp) -> Result<()> {
    sql!(
        c,
        execute,
        "UPDATE webhook_subscriptions SET due_at = CASE WHEN quiet_until > $2 THEN quiet_until ELSE $2 END
         WHERE id = $1 AND (due_at IS NULL OR due_at > $2) AND disabled_at IS NULL AND deleted_at IS NULL",
        subscription.uuid(),
        at
    )?;
    Ok(())
}
