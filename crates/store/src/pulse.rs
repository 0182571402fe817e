//! Looking at a PostgreSQL every few seconds: is it there, does it take writes, what time is it there, was its schema
//! changed? Whoever asks meanwhile is answered from the last look, at once, also while the database is away.

use crate::{Error, Result, Store, postgres};
use chrono::TimeDelta;
use gavel_domain::clock::{FollowedClock, Look, Stopwatch};
use gavel_domain::{Chance, Clock, Timestamp, backoff};
use sqlx::postgres::PgPool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How far this machine's clock may be from the database's before the process says that it is not ready.
pub const OFFSET_MAX: TimeDelta = TimeDelta::seconds(2);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A database that does not answer for so long is away.
const LOOK_LIMIT: Duration = Duration::from_secs(2);
/// How often it is told that the database is still away.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// PostgreSQL's code for a disk without room.
const DISK_FULL: &str = "53100";
/// With this much memory the sort below does not get by: it writes a file beside the database's own.
const CRAMPED: &str =
    "SELECT set_config('work_mem', '64kB', TRUE), current_setting('transaction_read_only') = 'on'";
/// Some 200 kB to be sorted. The file is gone with the statement, and no table, no log and no replica hears of it.
const SPILL: &str = "SELECT COUNT(*) FROM (SELECT repeat('room? ', 160) || n FROM generate_series(1, 200) n
     ORDER BY 1 DESC OFFSET 0) sorted";

/// What the last look told. A database that nobody looks at (SQLite) is always well.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Seen>);

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    away_since: Option<Instant>,
    writes: Writes,
    told_at: Option<Instant>,
    /// How far this machine's clock is ahead of the database's.
    ahead: Option<TimeDelta>,
    schema: Option<i64>,
    schema_changed_at: Option<Instant>,
}

/// Whether the database keeps what is written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Writes {
    #[default]
    Taken,
    /// A standby, or somebody said so.
    ReadOnly,
    NoRoom,
}

impl Writes {
    fn complaint(self) -> Option<&'static str> {
        match self {
            Writes::Taken => None,
            Writes::ReadOnly => Some("the database is read-only; look after transaction_read_only there"),
            Writes::NoRoom => Some("the database's disk is full; make room there"),
        }
    }
}

impl Pulse {
    /// Whether the database did not answer the last look.
    pub fn is_away(&self) -> bool {
        self.seen().away_since.is_some()
    }

    /// Why this process should not be sent requests now; `None`: all is well.
    pub fn complaint(&self) -> Option<String> {
        let seen = *self.seen();
        if let Some(since) = seen.away_since {
            return Some(format!("the database has been away for {} s", since.elapsed().as_secs()));
        }
        if let Some(complaint) = seen.writes.complaint() {
            return Some(complaint.to_owned());
        }
        let ahead = seen.ahead.filter(|ahead| ahead.abs() > OFFSET_MAX)?;
        let seconds = ahead.num_milliseconds().abs() as f64 / 1000.0;
        let which = if ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
        Some(format!(
            "this machine's clock is {seconds:.1} s {which} the database's; keep both in time (NTP)"
        ))
    }

    /// Whether a connection of this age was opened under the present schema. What an older one has prepared may not
    /// fit any more.
    pub(crate) fn knows_the_schema(&self, age: Duration) -> bool {
        self.seen().schema_changed_at.is_none_or(|at| age < at.elapsed())
    }

    fn takes_writes(&self, writes: Writes) {
        let before = std::mem::replace(&mut self.seen().writes, writes);
        match writes.complaint() {
            _ if writes == before => {}
            Some(complaint) => tracing::error!("{complaint}; until then this process is not ready"),
            None => tracing::info!("the database takes writes again"),
        }
    }

    fn answered(&self, ahead: Option<TimeDelta>, schema: i64) {
        let mut seen = self.seen();
        if let Some(since) = seen.away_since.take() {
            tracing::info!(seconds = since.elapsed().as_secs(), "the database is back");
        }
        if seen.schema.replace(schema).is_some_and(|before| before != schema) {
            tracing::info!(
                version = schema,
                "the database was migrated by another process; connections are renewed"
            );
            seen.schema_changed_at = Some(Instant::now());
        }
        let was_well = seen.ahead.is_none_or(|before| before.abs() <= OFFSET_MAX);
        seen.ahead = ahead.or(seen.ahead);
        drop(seen);
        if let Some(complaint) = self.complaint().filter(|_| was_well) {
            tracing::error!("{complaint}; until then this process is not ready");
        }
    }

    fn did_not_answer(&self, error: &Error) {
        let mut seen = self.seen();
        let since = *seen.away_since.get_or_insert_with(Instant::now);
        if seen.told_at.is_none_or(|at| at < since || at.elapsed() >= TELL_EVERY) {
            seen.told_at = Some(Instant::now());
            tracing::error!(seconds = since.elapsed().as_secs(), error = %gavel_domain::Chain(error), "the database is away");
        }
    }

    /// Numbers stay whole whatever happened to the thread that held them.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// What time it is in the database, by a stopwatch of ours; `None` where the database has no clock of its own
    /// (SQLite).
    pub async fn look(&self, stopwatch: &dyn Stopwatch) -> Result<Option<Look>> {
        let Some(pool) = self.postgres() else { return Ok(None) };
        Ok(Some(look(pool, &|| stopwatch.elapsed()).await?.0))
    }

    /// Looks at the database every few seconds, for ever: what this process takes for the time follows the database's
    /// clock, and `wall`, this machine's, is held against it.
    pub async fn keep_pulse(&self, wall: &dyn Clock, followed: &FollowedClock, chance: &dyn Chance) {
        let Some(pool) = self.postgres() else { return std::future::pending().await };
        let line = postgres::line(pool);
        let mut failures = 0;
        loop {
            let pause = match look_within(&line, followed).await {
                Ok((look, schema, writes)) => {
                    failures = 0;
                    self.pulse().takes_writes(writes);
                    followed.follow(look);
                    self.pulse().answered(look.ahead(wall.now()), schema);
                    LOOK_EVERY
                }
                Err(error) => {
                    failures += 1;
                    self.pulse().did_not_answer(&error);
                    backoff::pause(failures, chance)
                }
            };
            sleep(pause).await;
        }
    }
}

async fn look_within(line: &PgPool, followed: &FollowedClock) -> Result<(Look, i64, Writes)> {
    let looked = timeout(LOOK_LIMIT, async {
        let (look, schema) = look(line, &|| followed.elapsed()).await?;
        Ok((look, schema, writes(line).await?))
    });
    looked.await.unwrap_or_else(|_| Err(Error::from(sqlx::Error::PoolTimedOut)))
}

/// Whether there is room is found out without a write: replicas would wait for each other at one row, and a row that
/// finds its place in a page that is there tells nothing.
async fn writes(line: &PgPool) -> Result<Writes> {
    let mut tx = line.begin().await?;
    let (_, read_only): (String, bool) = sqlx::query_as(CRAMPED).fetch_one(&mut *tx).await?;
    if read_only {
        return Ok(Writes::ReadOnly);
    }
    match sqlx::query(SPILL).execute(&mut *tx).await {
        Err(sqlx::Error::Database(cause)) if cause.code().as_deref() == Some(DISK_FULL) => Ok(Writes::NoRoom),
        // Whoever has set a limit on such files learns nothing about room this way.
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(Writes::Taken),
        Err(error) => Err(error.into()),
    }
}

/// The one place where the database is asked for the time: not to store it, but to keep our own clock by it.
async fn look(pool: &PgPool, elapsed: &(dyn Fn() -> Duration + Send + Sync)) -> Result<(Look, i64)> {
    let mut c = pool.acquire().await?;
    let asked = elapsed();
    let (shown, schema): (Timestamp, i64) =
        sqlx::query_as("SELECT clock_timestamp(), (SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations)")
            .fetch_one(&mut *c)
            .await?;
    Ok((Look { shown, asked, answered: elapsed() }, schema))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_told_until_it_is_well_again() {
        let pulse = Pulse::default();
        assert_eq!(pulse.complaint(), None);
        pulse.answered(Some(TimeDelta::milliseconds(2_000)), 3);
        assert_eq!(pulse.complaint(), None);
        pulse.answered(Some(TimeDelta::milliseconds(-3_600_500)), 3);
        let behind = pulse.complaint().unwrap();
        assert!(behind.contains("3600.5 s behind"), "{behind}");
        pulse.answered(None, 3);
        assert_eq!(pulse.complaint(), Some(behind), "a look that took too long tells nothing new");
        pulse.answered(Some(TimeDelta::milliseconds(2_001)), 3);
        assert!(pulse.complaint().unwrap().contains("2.0 s ahead of"));

        pulse.answered(Some(TimeDelta::zero()), 3);
        pulse.did_not_answer(&Error::from(sqlx::Error::PoolTimedOut));
        tokio::time::advance(Duration::from_secs(61)).await;
        pulse.did_not_answer(&Error::from(sqlx::Error::PoolTimedOut));
        assert!(pulse.is_away() && pulse.complaint().unwrap().contains("away for 61 s"));
        pulse.answered(Some(TimeDelta::zero()), 3);
        assert_eq!((pulse.is_away(), pulse.complaint()), (false, None));
    }

    #[test]
    fn a_database_that_takes_no_writes_is_told_until_it_does() {
        let pulse = Pulse::default();
        for (writes, word) in [(Writes::NoRoom, "disk is full"), (Writes::ReadOnly, "read-only")] {
            pulse.takes_writes(writes);
            assert!(
                pulse.complaint().unwrap().contains(word) && !pulse.is_away(),
                "what is there can be read"
            );
        }
        pulse.takes_writes(Writes::Taken);
        assert_eq!(pulse.complaint(), None);
    }

    #[tokio::test]
    async fn the_search_for_room_writes_a_file() {
        let Some(server) = gavel_testkit::postgres::server() else { return };
        let url = server.create_database("spill");
        let line = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
        assert_eq!(writes(&line).await.unwrap(), Writes::Taken);
        sqlx::raw_sql("SET temp_file_limit = 0").execute(&line).await.unwrap();
        let mut tx = line.begin().await.unwrap();
        sqlx::query(CRAMPED).execute(&mut *tx).await.unwrap();
        let refused = sqlx::query(SPILL).execute(&mut *tx).await.unwrap_err();
        assert!(refused.to_string().contains("temp_file_limit"), "{refused}");
        tx.rollback().await.unwrap();
        assert_eq!(writes(&line).await.unwrap(), Writes::Taken, "a limit says nothing about room");
    }

    #[tokio::test(start_paused = true)]
    async fn connections_from_before_a_migration_are_told_apart() {
        let (pulse, seconds) = (Pulse::default(), Duration::from_secs);
        pulse.answered(None, 3);
        pulse.answered(None, 3);
        assert!(pulse.knows_the_schema(seconds(1_000)), "nothing has changed since we look");
        pulse.answered(None, 4);
        tokio::time::advance(seconds(10)).await;
        assert!(!pulse.knows_the_schema(seconds(11)));
        assert!(pulse.knows_the_schema(seconds(9)));
    }
}
