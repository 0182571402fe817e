//! Which version a database has, and what is done about it: brought up to date, taken as it is, or refused.
//!
//! A migration only adds, so that the release before runs on the newer schema too. Each release leaves word in the
//! database how old a gavel may be that works on its schema; one that finds a newer schema goes by that.

use crate::backup::Copy;
use crate::db::sql;
use crate::{Error, Migrate, Opening, Result, Store, opening::Refused};
use sqlx::migrate::MigrateError;
use std::io::ErrorKind;

/// The newest migration of the release before this one: whoever knows it works on our schema too. Held by a test
/// against `migrations/last_release.json`.
const SERVES_FROM: i64 = 3;
/// Under this name the database remembers the same.
const SERVES_FROM_KEY: &str = "schema_serves_from";

/// A migration as it is known or was applied: its number and the hash of its text.
pub(crate) type Applied = (i64, Vec<u8>);

/// A database that an older gavel has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Older {
    /// Its version; 0: no gavel has worked on it yet.
    pub found: i64,
    /// Ours.
    pub needed: i64,
}

/// What is to be done about a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Current,
    Behind {
        found: i64,
    },
    /// A newer release has added to it.
    Ahead,
    TooFarAhead {
        found: i64,
    },
    Foreign {
        version: i64,
    },
}

/// Brings a database to our version, or makes sure that we can work on it as it is.
pub(crate) async fn bring_up(store: &Store, opening: &Opening) -> Result<()> {
    while let Some(Older { found, needed }) = older(store).await? {
        if opening.migrate == Migrate::Never {
            return Err(Refused::Older { found, needed }.into());
        }
        if found > 0 {
            copy(store, found).await?;
        }
        match store.migrate().await {
            // Meanwhile a newer gavel has brought it further.
            Err(Error::Migrate(MigrateError::VersionMissing(_))) => {}
            migrated => {
                migrated?;
                return leave_word(store).await;
            }
        }
    }
    Ok(())
}

/// How old a database is that is older than this gavel; one that this gavel cannot work on is refused. Nothing is changed.
pub(crate) async fn older(store: &Store) -> Result<Option<Older>> {
    let known = store.known_migrations();
    let newest = known.last().map_or(0, |(version, _)| *version);
    match standing(&known, &applied(store).await?, served_from(store).await?) {
        Standing::Current | Standing::Ahead => Ok(None),
        Standing::Behind { found } => Ok(Some(Older { found, needed: newest })),
        Standing::TooFarAhead { found } => Err(Refused::Newer { found, known: newest }.into()),
        Standing::Foreign { version } => Err(Refused::Foreign { version }.into()),
    }
}

fn standing(known: &[Applied], applied: &[Applied], served_from: Option<i64>) -> Standing {
    let newest = known.last().map_or(0, |(version, _)| *version);
    let found = applied.last().map_or(0, |(version, _)| *version);
    let foreign = known
        .iter()
        .find(|(version, text)| applied.iter().any(|(applied, other)| applied == version && other != text));
    if let Some((version, _)) = foreign {
        return Standing::Foreign { version: *version };
    }
    if found > newest {
        let serves = served_from.is_some_and(|from| from <= newest);
        return if serves { Standing::Ahead } else { Standing::TooFarAhead { found } };
    }
    let is_whole = known.iter().all(|(version, _)| applied.iter().any(|(applied, _)| applied == version));
    if is_whole { Standing::Current } else { Standing::Behind { found } }
}

/// What was applied, oldest first; nothing on a database that is new.
async fn applied(store: &Store) -> Result<Vec<Applied>> {
    if !has_table(store, "_sqlx_migrations").await? {
        return Ok(Vec::new());
    }
    let mut c = store.read().await?;
    Ok(sql!(
        c,
        fetch_all as Applied,
        "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version"
    )?)
}

async fn served_from(store: &Store) -> Result<Option<i64>> {
    if !has_table(store, "meta").await? {
        return Ok(None);
    }
    Ok(store.remembered(SERVES_FROM_KEY).await?.and_then(|text| text.parse().ok()))
}

async fn has_table(store: &Store, name: &str) -> Result<bool> {
    let mut c = store.read().await?;
    let (there,) = sql!(
        c,
        fetch_one as (i64,),
        {
            sqlite: "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
            postgres: "SELECT CAST(CASE WHEN to_regclass($1) IS NULL THEN 0 ELSE 1 END AS BIGINT)",
        },
        name
    )?;
    Ok(there > 0)
}

async fn leave_word(store: &Store) -> Result<()> {
    let mut tx = store.begin().await?;
    sql!(
        tx,
        execute,
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2",
        SERVES_FROM_KEY,
        SERVES_FROM.to_string()
    )?;
    tx.commit().await
}

/// Before a SQLite file with data in it is changed, a copy of it is laid beside it, named by its version. PostgreSQL has
/// backups of its own.
async fn copy(store: &Store, found: i64) -> Result<()> {
    let Some(file) = store.file().await? else { return Ok(()) };
    let (name, part) = (format!("{file}.v{found}"), format!("{file}.v{found}.part"));
    match std::fs::remove_file(&part) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            return Err(Error::File { path: part, source });
        }
        _ => {} // what an interrupted start has left
    }
    let copy = Copy::begin(&part)?;
    store.copy_into(&copy).await?;
    copy.keep(&name)?;
    Ok(())
}

impl Store {
    /// The file behind a SQLite database; none in memory, none on PostgreSQL.
    async fn file(&self) -> Result<Option<String>> {
        if self.engine() == crate::Engine::Postgres {
            return Ok(None);
        }
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (String,),
            { sqlite: "SELECT file FROM pragma_database_list WHERE name = 'main'", postgres: "SELECT ''" }
        )?;
        Ok(row.map(|(file,)| file).filter(|file| !file.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrations(versions: &[i64]) -> Vec<Applied> {
        versions.iter().map(|version| (*version, vec![u8::try_from(*version).unwrap()])).collect()
    }

    #[test]
    fn what_is_done_about_a_database() {
        let known = migrations(&[1, 2, 4]);
        let check = |applied: &[i64], served_from, expected| {
            assert_eq!(standing(&known, &migrations(applied), served_from), expected, "{applied:?}");
        };
        check(&[], None, Standing::Behind { found: 0 });
        check(&[1, 2], None, Standing::Behind { found: 2 });
        check(&[1, 4], Some(1), Standing::Behind { found: 4 });
        check(&[1, 2, 4], None, Standing::Current);
        check(&[1, 2, 4, 5], Some(4), Standing::Ahead);
        check(&[1, 2, 4, 5], Some(2), Standing::Ahead);
        check(&[1, 2, 4, 5, 6], Some(5), Standing::TooFarAhead { found: 6 });
        check(&[1, 2, 4, 5], None, Standing::TooFarAhead { found: 5 });
        let other = [(1, vec![1]), (2, vec![77])];
        assert_eq!(standing(&known, &other, None), Standing::Foreign { version: 2 });
    }

    #[test]
    fn the_release_before_is_the_one_whose_queries_are_kept() {
        let kept = include_str!("../../../migrations/last_release.json");
        let kept: serde_json::Value = serde_json::from_str(kept).unwrap();
        assert_eq!(kept["version"], SERVES_FROM);
    }
}
