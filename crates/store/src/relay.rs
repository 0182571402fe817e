//! Hints between processes on one PostgreSQL: what happened here is told there by NOTIFY, and what happened there wakes
//! those who wait here.
//!
//! A NOTIFY takes a lock of the whole database when its transaction commits, so none is ever part of a write: they are
//! collected for some milliseconds and sent by a statement of their own, on a connection of their own. All of it may be
//! lost; everybody polls.

use crate::news::{self, Hint, News};
use crate::{Hints, Result, Store, postgres};
use gavel_domain::{Chain, Chance, backoff};
use sqlx::Postgres;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgListener, PgPool};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Where the processes of one database speak.
const CHANNEL: &str = "gavel_hints";
/// How long hints are collected before they are sent together.
const COLLECT: Duration = Duration::from_millis(10);
/// How often it is seen to that the listening connection is still there.
const ALIVE_EVERY: Duration = Duration::from_secs(20);
/// How long anything here may take on a database that is well.
const PATIENCE: Duration = Duration::from_secs(5);

impl Store {
    /// Tells other processes what happens here, as `speaker`, and hears from them, until `until`; what is waiting then
    /// is still told. On SQLite there is nobody to be told.
    pub async fn share_hints(&self, speaker: &str, chance: &dyn Chance, until: impl Future<Output = ()>) {
        let Some(pool) = self.postgres() else { return until.await };
        self.hints().carried();
        let line = postgres::line(pool);
        tokio::select! {
            () = speak(self.hints(), &line, (speaker, chance)) => {}
            () = listen(self.hints(), pool, (speaker, chance)) => {}
            () = until => {}
        }
        let last = self.hints().take();
        if !last.is_empty() {
            let _ = tell(&line, speaker, &last).await; // the others will look by themselves
        }
        line.close().await;
    }
}

async fn speak(hints: &Hints, line: &PgPool, (speaker, chance): (&str, &dyn Chance)) {
    let mut failures = 0;
    loop {
        hints.waiting().await;
        sleep(COLLECT).await;
        let news = hints.take();
        if news.is_empty() {
            continue;
        }
        match tell(line, speaker, &news).await {
            Ok(()) => failures = 0,
            Err(error) => {
                tracing::debug!(error = %Chain(&error), "other processes could not be told what happened");
                hints.keep(&news);
                failures += 1;
                sleep(backoff::pause(failures, chance)).await;
            }
        }
    }
}

/// One statement, however much there is to say.
async fn tell(line: &PgPool, speaker: &str, news: &News) -> Result<()> {
    let telling = sqlx::query("SELECT pg_notify($1, said) FROM unnest($2::TEXT[]) AS said")
        .bind(CHANNEL)
        .bind(news.texts(speaker))
        .execute(line);
    timeout(PATIENCE, telling).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
    Ok(())
}

async fn listen(hints: &Hints, pool: &PgPool, (speaker, chance): (&str, &dyn Chance)) {
    let mut failures = 0;
    loop {
        if let Ok(listener) = ear(pool).await {
            failures = 0;
            hints.wake(Hint::Everything); // nobody knows what was said before
            let lost = hear(hints, listener, speaker).await;
            tracing::debug!(lost, "hints of other processes are not heard; everybody polls");
        }
        failures += 1;
        sleep(backoff::pause(failures, chance)).await;
    }
}

/// A connection that listens.
async fn ear(pool: &PgPool) -> Result<PgListener> {
    let listening = async {
        let line = PoolOptions::<Postgres>::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(PATIENCE)
            .connect_with(pool.connect_options().as_ref().clone());
        let mut listener = PgListener::connect_with(&line.await?).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    };
    let listening = timeout(PATIENCE, listening).await;
    listening.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(Into::into)
}

/// Wakes who waits here, until the connection is lost: why.
async fn hear(hints: &Hints, mut listener: PgListener, speaker: &str) -> String {
    loop {
        match timeout(ALIVE_EVERY, listener.try_recv()).await {
            Ok(Ok(Some(said))) => {
                let (who, said) = news::read(said.payload());
                if who != speaker {
                    said.for_each(|hint| hints.wake(hint));
                }
            }
            Ok(Ok(None)) => return "the connection was closed".to_owned(),
            Ok(Err(error)) => return error.to_string(),
            Err(_silence) => {
                let ping = timeout(PATIENCE, sqlx::query("SELECT 1").execute(&mut listener)).await;
                if !matches!(ping, Ok(Ok(_))) {
                    return "the connection does not answer".to_owned();
                }
            }
        }
    }
}
