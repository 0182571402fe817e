//! Databases of other versions: brought up to date, taken as they are, or refused; and what was prepared before a
//! migration is of no harm after it.

use crate::support::on_both;
use gavel_domain::clock::{FollowedClock, SystemClock};
use gavel_store::doctor::Terms;
use gavel_store::{Engine, Error, Migrate, Older, Opening, Refused, Store};
use gavel_testkit::SeededChance;
use sqlx::Connection;
use std::time::{Duration, Instant};

/// A database is taken as it is, or not at all.
fn never() -> Opening {
    Opening { migrate: Migrate::Never, ..Opening::default() }
}

on_both! {
    async fn a_newer_schema_is_worked_on_when_it_serves_us(world) {
        let newest = world.store.remembered("schema_serves_from").await.unwrap();
        assert!(newest.is_some(), "who migrates leaves word");
        world.execute("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9001, 'of a newer release', TRUE, 'x', 0)").await;
        let world = world.closed().await;
        drop(Store::open(&world.url).await.unwrap());

        world.execute("UPDATE meta SET value = '9001' WHERE key = 'schema_serves_from'").await;
        let refused = Store::open(&world.url).await.err().unwrap();
        assert!(matches!(refused, Error::Refused(Refused::Newer { found: 9001, .. })), "{refused}");
        assert!(refused.to_string().contains("use a newer gavel"), "{refused}");
    }
}

on_both! {
    async fn an_older_database_waits_for_the_migration_where_that_is_wished(world) {
        let world = world.closed().await;
        drop(Store::open_as(&world.url, &never()).await.unwrap());
        world.forget_the_newest_migration().await;
        let refused = Store::open_as(&world.url, &never()).await.err().unwrap();
        assert!(matches!(refused, Error::Refused(Refused::Older { .. })), "{refused}");
        assert!(refused.to_string().contains("gavel migrate"), "{refused}");
    }
}

on_both! {
    async fn whoever_only_looks_leaves_an_older_database_as_it_is(world) {
        let world = world.closed().await;
        let found = world.forget_the_newest_migration().await;
        for look in ["a first", "a second"] {
            let store = Store::open_to_look(&world.url, &Opening::default()).await.unwrap();
            let terms = Terms { currency: "USD" };
            let examined = store.examine(terms).await.unwrap();
            assert_eq!(examined.older, Some(Older { found, needed: found + 1 }), "{look}");
            assert_eq!((examined.findings, examined.counts), (vec![], vec![]));
            store.close().await;
        }
        let copy = format!("{}.v{found}", world.url.trim_start_matches("sqlite:"));
        assert!(!std::path::Path::new(&copy).exists(), "nobody meant to migrate it");
    }
}

on_both! {
    async fn a_migration_that_is_not_ours_is_refused(world) {
        world.execute("UPDATE _sqlx_migrations SET checksum = 'x' WHERE version = 2").await;
        let world = world.closed().await;
        let refused = Store::open(&world.url).await.err().unwrap();
        assert!(matches!(refused, Error::Refused(Refused::Foreign { version: 2 })), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_is_copied_before_it_is_migrated() {
    let world = crate::support::worlds("copied").await.remove(0);
    assert_eq!(world.store.engine(), Engine::Sqlite);
    world.store.remember_once("kept", "before the migration").await.unwrap();
    let world = world.closed().await;
    let found = world.forget_the_newest_migration().await;
    let copy = format!("{}.v{found}", world.url.strip_prefix("sqlite:").unwrap());
    assert!(!std::path::Path::new(&copy).exists(), "a new database needs none");

    // It cannot be migrated: its tables are there already. The copy has been made, and is whole.
    assert!(Store::open(&world.url).await.is_err());
    let kept: String = crate::support::ask(&copy, "SELECT value FROM meta WHERE key = 'kept'");
    assert_eq!(kept, "before the migration");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(Store::open(&world.url).await.is_err(), "a second try makes the copy anew");
    assert!(!std::path::Path::new(&format!("{copy}.part")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_migrate_once() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let url = server.create_database("together");
    let opened = futures::future::join_all((0..6).map(|_| Store::open(&url))).await;
    for store in opened {
        store.unwrap().is_writable().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_migrates_tries_again_for_a_lock() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let url = server.create_database("waits");
    let mut other = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; CREATE TABLE meta (in_the_way BIGINT)").execute(&mut other).await.unwrap();
    let opened = tokio::spawn(async move { Store::open(&url).await });
    tokio::time::sleep(Duration::from_millis(2_500)).await; // longer than anybody waits for a lock
    assert!(!opened.is_finished());
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    opened.await.unwrap().unwrap().is_writable().await.unwrap();
}

/// A migration that changes a column's type would break what other processes have prepared on their connections, again
/// and again. Those connections are replaced as soon as the migration is seen.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_prepared_before_a_migration_is_prepared_anew() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let world = crate::support::on_postgres(server, "prepared").await;
    let stopwatch = Instant::now();
    let look = world.store.look(&stopwatch).await.unwrap().unwrap();
    let followed = FollowedClock::new(Box::new(stopwatch), look);
    let pulse = {
        let store = world.store.clone();
        tokio::spawn(async move { store.keep_pulse(&SystemClock, &followed, &SeededChance::new(1)).await })
    };
    let read = async || world.store.remembered("schema_serves_from").await;
    read().await.unwrap();
    // What our own migrations do: nobody notices.
    world.execute("ALTER TABLE meta ADD COLUMN more TEXT NOT NULL DEFAULT ''").await;
    for _ in 0..20 {
        read().await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await; // the version has been seen
    // What they never should do.
    world.execute("ALTER TABLE meta ALTER COLUMN value TYPE VARCHAR(1000)").await;
    assert!(read().await.is_err(), "or this test proves nothing");
    world
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9001, 'of a newer release', TRUE, 'x', 0)",
        )
        .await;
    let since = Instant::now();
    while read().await.is_err() {
        assert!(since.elapsed() < Duration::from_secs(10), "it never heals");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..20 {
        read().await.unwrap();
    }
    pulse.abort();
}

#[tokio::test]
async fn commits_that_are_not_durable_are_refused() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let url = format!("{}&options[synchronous_commit]=off", server.create_database("hasty"));
    let refused = Store::open(&url).await.err().unwrap();
    assert!(refused.to_string().contains("synchronous_commit"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_long_for_a_row_that_another_holds() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let world = crate::support::on_postgres(server, "held").await;
    let task = world.task(world.account("buyer").await).await;
    let holder = world.holding("SELECT id FROM tasks FOR UPDATE").await;
    let since = Instant::now();
    let late = world.store.cancel(task.id, gavel_domain::event::Actor::Buyer, "no", world.now()).await;
    assert!(matches!(late, Err(Error::Busy(_))), "{late:?}");
    assert!((1..4).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
    drop(holder);
}
