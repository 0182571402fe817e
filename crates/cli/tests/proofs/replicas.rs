//! Three processes on one PostgreSQL: killed, paused beyond their leases, restarted in turn; and the database itself
//! killed under them.

use crate::support::arena::Arena;
use crate::support::dice::Dice;
use crate::support::place::Place;
use crate::support::{ONE_AT_A_TIME, aloud, wanted};
use gavel_testkit::postgres;
use std::time::{Duration, Instant};

const REPLICAS: usize = 3;
const BUYERS: usize = 8;
/// Longer than `work.lease_seconds` of a run (2 s): others have taken the work up when it comes back.
const PAUSE: Duration = Duration::from_millis(2_600);
/// A paused process may have written a send down and make it when it comes back.
const SLACK: Duration = Duration::from_secs(4);
/// Without a database everybody is put off, but the process lives.
const AWAY: &[(&str, &str, u16)] = &[
    ("POST", "/api/v1/tasks", 503),
    ("GET", "/api/v1/tasks", 503),
    ("GET", "/readyz", 503),
    ("GET", "/livez", 200),
];
/// So long the database is away, at most.
const AWAY_MS: u64 = 1_500;
/// So soon after the database is back, everything must work again.
const RECOVERY: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_killed_and_paused_lose_nothing_and_do_nothing_twice() {
    let Some(database) = postgres::durable_server() else { return };
    let _alone = ONE_AT_A_TIME.lock().await;
    let (faults, seed) = (wanted("GAVEL_REPLICA_KILLS", 20), wanted("GAVEL_SEED", 1));
    let dice = Dice::new(seed);
    let mut arena = Arena::open(on(&database, "killed"), REPLICAS).await;
    let load = arena.load(BUYERS, seed);
    let mut pauses = 0;
    for _ in 0..faults {
        tokio::time::sleep(dice.ms(50..1_200)).await;
        let replica = dice.index(REPLICAS);
        if dice.one_in(4) {
            pauses += 1;
            arena.replica(replica).signal("-STOP");
            tokio::time::sleep(PAUSE).await;
            arena.replica(replica).signal("-CONT");
        } else {
            arena.kill(replica);
            tokio::time::sleep(dice.ms(0..600)).await;
            arena.start(replica).await;
        }
    }
    let verdict = arena.settle(load, SLACK).await;
    verdict.must_be_clean(&format!("{} kills and {pauses} pauses of replicas, seed {seed}", faults - pauses));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_is_waited_for() {
    let Some(database) = postgres::durable_server() else { return };
    let _alone = ONE_AT_A_TIME.lock().await;
    let (kills, seed) = (wanted("GAVEL_SERVER_KILLS", 5), wanted("GAVEL_SEED", 1));
    let dice = Dice::new(seed);
    let mut arena = Arena::open(on(&database, "away"), REPLICAS).await;
    let load = arena.load(BUYERS, seed);
    let mut slowest = Duration::ZERO;
    for kill in 0..kills {
        tokio::time::sleep(dice.ms(500..2_000)).await;
        if kill % 2 == 0 {
            database.kill()
        } else {
            database.stop_at_once()
        }
        arena.all_answer(AWAY).await;
        tokio::time::sleep(dice.ms(0..AWAY_MS)).await;
        database.start_again();
        let since = Instant::now();
        arena.all_ready().await;
        arena.goes_on().await;
        slowest = slowest.max(since.elapsed());
        arena.all_run();
    }
    let verdict = arena.settle(load, SLACK).await;
    aloud(&format!("after the database was back work went on within {} ms", slowest.as_millis()));
    verdict.must_be_clean(&format!("{kills} kills of the database under {REPLICAS} replicas, seed {seed}"));
    assert!(slowest < RECOVERY, "it took {slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_is_not_noticed() {
    let Some(database) = postgres::durable_server() else { return };
    let _alone = ONE_AT_A_TIME.lock().await;
    let (rounds, seed) = (wanted("GAVEL_ROLLS", 2), wanted("GAVEL_SEED", 1));
    let mut arena = Arena::open(on(&database, "rolling"), REPLICAS).await;
    let load = arena.load(BUYERS, seed);
    for _ in 0..rounds {
        for replica in 0..REPLICAS {
            // Long enough that no call is cut by two restarts: each has two sends.
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            arena.stop(replica).await;
            arena.start(replica).await;
        }
    }
    let put_off = arena.put_offs();
    let verdict = arena.settle(load, SLACK).await;
    verdict.must_be_clean(&format!("{rounds} rolling restarts of {REPLICAS} replicas, seed {seed}"));
    assert_eq!(put_off, 0, "requests were answered 503");
    let invitations = verdict.found.tasks.values().flat_map(|task| task.invitations.values());
    let lost = invitations.filter(|(_, outcome)| outcome.as_deref() == Some("platform_fault")).count();
    assert_eq!(lost, 0, "calls were cut and not sent again");
}

fn on(database: &postgres::Server, name: &str) -> Place {
    Place::new().set("GAVEL__DATABASE__URL", &database.create_database(name))
}
