//! A database that only commits: rows of the sizes that a task leaves behind, with nothing read, checked or woken.

mod postgres;
mod sqlite;

use crate::agents::bid_text;
use crate::buyer::brief;
use crate::database::Database;
use crate::plan::AGENTS;
use postgres::Postgres;
use serde_json::Value;
use sqlite::Sqlite;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Tasks per group commit.
const GROUP: usize = 64;

/// A bare database on the disk, or the server, of the one that is measured.
pub(crate) enum Commits {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// What is written: small rows, and the long bodies apart from them.
struct Texts {
    brief: String,
    bid: String,
}

/// One task and its bids, by the ids they are stored under.
struct Rows {
    task: Uuid,
    bids: [Uuid; AGENTS],
}

impl Commits {
    /// Makes the tables in an empty database.
    pub(crate) async fn open(database: &Database) -> anyhow::Result<Commits> {
        let brief: Value = brief(AGENTS);
        let texts = Texts { brief: brief.to_string(), bid: bid_text() };
        Ok(match database {
            Database::Sqlite(file) => Commits::Sqlite(Sqlite::open(file, texts)?),
            Database::Postgres(url) => Commits::Postgres(Postgres::open(url, texts).await?),
        })
    }

    /// One task alone in its transaction, durable when this returns; how long it took.
    pub(crate) async fn one(&mut self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        match self {
            Commits::Sqlite(sqlite) => sqlite.task()?,
            Commits::Postgres(postgres) => postgres.task().await?,
        }
        Ok(began.elapsed())
    }

    /// Bids per second when tasks with their bids are written in groups, one commit per group.
    pub(crate) async fn bids_per_second(&mut self, groups: u32) -> anyhow::Result<f64> {
        let began = Instant::now();
        match self {
            Commits::Sqlite(sqlite) => (0..groups).try_for_each(|_| sqlite.group())?,
            Commits::Postgres(postgres) => postgres.groups(groups).await?,
        }
        Ok(f64::from(groups) * (GROUP * AGENTS) as f64 / began.elapsed().as_secs_f64())
    }
}

/// Ids that grow, as ours do: rows are added at the end of their indexes.
#[derive(Default)]
struct Ids(u64);

impl Ids {
    fn group(&mut self) -> Vec<Rows> {
        (0..GROUP).map(|_| Rows { task: self.next(), bids: std::array::from_fn(|_| self.next()) }).collect()
    }

    fn next(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u64_pair(self.0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn counted(file: &PathBuf, text: &str) -> i64 {
        rusqlite::Connection::open(file).unwrap().query_row(text, [], |row| row.get(0)).unwrap()
    }

    #[tokio::test]
    async fn every_group_is_tasks_with_their_bids() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("raw.db");
        let mut commits = Commits::open(&Database::Sqlite(file.clone())).await.unwrap();
        assert!(commits.bids_per_second(2).await.unwrap() > 0.0);
        assert!(commits.one().await.unwrap() > Duration::ZERO);
        assert_eq!(counted(&file, "SELECT COUNT(*) FROM tasks"), 2 * GROUP as i64 + 1);
        assert_eq!(counted(&file, "SELECT COUNT(*) FROM bids"), (2 * GROUP * AGENTS) as i64);
        let bodies = "SELECT COUNT(*) FROM bodies WHERE length(text) > 4000";
        assert_eq!(counted(&file, bodies), (2 * GROUP * AGENTS) as i64);
    }
}
