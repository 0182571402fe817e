//! How we connect to PostgreSQL: what every session keeps to, and how its schema is brought up to date.

use crate::{Error, Opening, Result, opening::Refused, pulse::Pulse};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{ConnectOptions, Connection, Postgres, Transaction};
use std::{str::FromStr, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// What every session keeps to; the same words in `database.url` win.
const SESSION: &[(&str, &str)] = &[
    ("application_name", "gavel"),
    ("options[lock_timeout]", "2s"),
    ("options[idle_in_transaction_session_timeout]", "10s"), // a process that froze must not hold others' rows
    ("options[synchronous_commit]", "on"),                   // what was answered survives
];
/// What holds while the schema changes instead: a change may take its time, but it must not make everybody wait in line
/// behind its wish for a lock.
const MIGRATING: [(&str, &str); 3] =
    [("statement_timeout", "0"), ("lock_timeout", "2s"), ("idle_in_transaction_session_timeout", "0")];
/// How long one who wants to migrate waits for others who do, or for a lock.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(60);
const MIGRATION_PAUSE: Duration = Duration::from_millis(250);
/// A lock that was not to be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The connections of one process.
pub(crate) async fn pool(url: &str, opening: &Opening, pulse: &Arc<Pulse>) -> Result<PgPool> {
    let pulse = Arc::clone(pulse);
    let pool = PoolOptions::new()
        .max_connections(opening.connections)
        .acquire_timeout(opening.acquire)
        .acquire_slow_threshold(opening.acquire) // who waited in vain says so; no line for all who waited
        .before_acquire(move |_, about| {
            let is_of_this_schema = pulse.knows_the_schema(about.age);
            Box::pin(async move { Ok(is_of_this_schema) })
        })
        .connect_with(options(url, opening)?)
        .await?;
    let (found,): (String,) = sqlx::query_as("SHOW synchronous_commit").fetch_one(&pool).await?;
    if found == "off" { Err(Refused::NotDurable { found }.into()) } else { Ok(pool) }
}

/// Ours stand first: of two, the later wins.
fn options(url: &str, opening: &Opening) -> Result<PgConnectOptions> {
    let statement = opening.statement.map_or(0, |limit| limit.as_millis());
    let mut ours = format!("options[statement_timeout]={statement}");
    for (name, value) in SESSION {
        ours = format!("{ours}&{name}={value}");
    }
    let (front, theirs) = url.split_once('?').unwrap_or((url, ""));
    Ok(PgConnectOptions::from_str(&format!("{front}?{ours}&{theirs}"))?)
}

/// Begins a transaction, to the end even if the caller is cut off meanwhile: half begun, it would wait on a connection
/// that the pool gives to somebody else.
pub(crate) async fn begin(
    pool: &PgPool,
    statement: Option<&'static str>,
) -> Result<Transaction<'static, Postgres>> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move {
        match statement {
            Some(statement) => pool.begin_with(statement).await,
            None => pool.begin().await,
        }
    });
    Ok(beginning.await.map_err(|_runtime_ends| Error::turn_is_over())??)
}

/// One connection beside the pool, for what must not wait behind everybody's work; opened when it is used.
pub(crate) fn line(pool: &PgPool) -> PgPool {
    PoolOptions::<Postgres>::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(2))
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(pool.connect_options().as_ref().clone())
}

/// Changes the schema on a connection of its own: the lock that keeps other replicas out goes with it.
pub(crate) async fn migrate(migrator: &Migrator, pool: &PgPool) -> Result<()> {
    let options = pool.connect_options().as_ref().clone().options(MIGRATING);
    let give_up_at = Instant::now() + MIGRATION_PATIENCE;
    loop {
        let mut c = options.connect().await?;
        let migrated = migrator.run_direct(None, &mut c, false).await;
        let _ = c.close().await; // the server closes it anyway
        match migrated {
            Err(error) if waits_for_a_lock(&error) && Instant::now() < give_up_at => {
                sleep(MIGRATION_PAUSE).await
            }
            migrated => return migrated.map_err(Error::from),
        }
    }
}

fn waits_for_a_lock(error: &MigrateError) -> bool {
    let (MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) = error else {
        return false;
    };
    cause.as_database_error().and_then(|cause| cause.code()).is_some_and(|code| code == LOCK_NOT_AVAILABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_url_says_wins() {
        let options = |url| options(url, &Opening::default()).unwrap();
        let plain = options("postgres://g@h/n");
        assert_eq!(plain.get_application_name(), Some("gavel"));
        let said = plain.get_options().unwrap();
        for setting in ["statement_timeout=5000", "lock_timeout=2s", "synchronous_commit=on"] {
            assert!(said.contains(setting), "{said}");
        }
        let changed = options("postgres://g@h/n?application_name=mine&options[statement_timeout]=9s");
        assert_eq!(changed.get_application_name(), Some("mine"));
        let said = changed.get_options().unwrap();
        assert!(
            said.find("statement_timeout=5000") < said.find("statement_timeout=9s"),
            "the later wins: {said}"
        );
    }
}
