//! The release before this one runs beside it while replicas are replaced, so every later schema must bear it. What it
//! asks its database was kept when it went out (`migrations/keep_queries`); here each of its statements is prepared on
//! the newest schema of both engines.

use crate::support::{file_of, worlds};
use gavel_store::Engine;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor, SqlSafeStr};
use std::collections::{BTreeMap, BTreeSet};

/// What was kept of it.
#[derive(Deserialize)]
struct Kept {
    version: i64,
    /// The hash of each migration's file.
    migrations: BTreeMap<String, String>,
    sqlite: Vec<String>,
    postgres: Vec<String>,
}

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");

fn kept() -> Kept {
    let text = std::fs::read_to_string(format!("{MIGRATIONS}/last_release.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_asks_can_be_asked_of_the_newest_schema() {
    let kept = kept();
    for world in worlds("last_release").await {
        let (texts, refused) = match world.store.engine() {
            Engine::Sqlite => (&kept.sqlite, refused_by_sqlite(&world.url, &kept.sqlite)),
            Engine::Postgres => (&kept.postgres, refused_by_postgres(&world.url, &kept.postgres).await),
        };
        assert!(texts.len() > 90, "only {} texts were kept", texts.len());
        assert!(refused.is_empty(), "the last release cannot ask any more:\n{}", refused.join("\n"));
    }
}

/// A check that never fails would be worth nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_went_away_is_found() {
    for world in worlds("contracted").await {
        let (text, gone) = ("SELECT id, gone FROM tasks WHERE id = $1".to_owned(), "gone");
        let refused = match world.store.engine() {
            Engine::Sqlite => refused_by_sqlite(&world.url, &[text]),
            Engine::Postgres => refused_by_postgres(&world.url, &[text]).await,
        };
        assert!(refused.len() == 1 && refused[0].contains(gone), "{refused:?}");
    }
}

fn refused_by_sqlite(url: &str, texts: &[String]) -> Vec<String> {
    let file = file_of(url);
    let refused = |text: &String| Some(format!("{}: {text}", file.prepare(text).err()?));
    texts.iter().filter_map(refused).collect()
}

async fn refused_by_postgres(url: &str, texts: &[String]) -> Vec<String> {
    let mut c = sqlx::PgConnection::connect(url).await.unwrap();
    let mut refused = Vec::new();
    for text in texts {
        if let Err(error) = (&mut c).prepare(AssertSqlSafe(text.clone()).into_sql_str()).await
            && !fits_with_types(&mut c, text).await
        {
            refused.push(format!("{error}: {text}"));
        }
    }
    refused
}

/// What stands behind THEN and ELSE PostgreSQL takes for text where it is told no type; the program tells it.
async fn fits_with_types(c: &mut sqlx::PgConnection, text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let behind = words.windows(2).filter(|pair| ["THEN", "ELSE"].contains(&pair[0]));
    let choices: BTreeSet<usize> =
        behind.filter_map(|pair| pair[1].strip_prefix('$')?.parse().ok()).collect();
    for chosen in ["TIMESTAMPTZ", "BIGINT", "BOOLEAN", "UUID", "BYTEA"] {
        let last = choices.last().copied().unwrap_or_default();
        let types: Vec<&str> =
            (1..=last).map(|n| if choices.contains(&n) { chosen } else { "unknown" }).collect();
        let prepare = format!("PREPARE tried ({}) AS {text}", types.join(", "));
        if sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *c).await.is_ok() {
            sqlx::raw_sql("DEALLOCATE tried").execute(&mut *c).await.unwrap();
            return true;
        }
    }
    false
}

#[test]
fn no_migration_that_went_out_has_changed() {
    let kept = kept();
    for (name, hash) in &kept.migrations {
        let text =
            std::fs::read(format!("{MIGRATIONS}/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(&found, hash, "{name} went out as it was: databases have it; write a new migration");
    }
    let newest =
        kept.migrations.keys().filter_map(|name| name.split('/').nth(1)?.split('_').next()?.parse().ok());
    assert_eq!(newest.max(), Some(kept.version));
}
