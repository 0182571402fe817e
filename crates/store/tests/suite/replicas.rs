//! Several processes on one PostgreSQL: what one writes wakes those who wait in another; a database that goes away is
//! told and survived; a clock that is wrong decides nothing.

use crate::support::{World, done};
use gavel_domain::clock::{FollowedClock, SteadyClock, SystemClock};
use gavel_domain::event::Actor;
use gavel_domain::{Clock, Timestamp};
use gavel_store::{Error, Store};
use gavel_testkit::SeededChance;
use gavel_testkit::disk::{Disk, fill};
use gavel_testkit::postgres::{Server, server, server_in, server_of_ones_own};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Far longer than anything here takes; who waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A further process on the same database: it speaks and hears.
struct Replica {
    store: Store,
    sharing: tokio::task::JoinHandle<()>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Replica {
    async fn on(url: &str, name: &'static str) -> Replica {
        let store = Store::open(url).await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let sharing = {
            let store = store.clone();
            tokio::spawn(async move {
                let until = async { drop(stopped.await) };
                store.share_hints(name, &SeededChance::new(1), until).await;
            })
        };
        Replica { store, sharing, stop }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.sharing.await.unwrap();
        self.store.close().await;
    }
}

/// Waits until `look` says so.
async fn until(what: &str, look: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !look().await {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How many connections of a database listen or have listened.
async fn listeners(world: &World) -> i64 {
    world.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_writes_wakes_those_who_wait_at_another() {
    let Some(server) = server() else { return };
    let world = crate::support::on_postgres(server, "wakes").await;
    let (a, b) = (Replica::on(&world.url, "a").await, Replica::on(&world.url, "b").await);
    until("both listen", async || listeners(&world).await == 2).await;
    tokio::time::sleep(Duration::from_millis(100)).await; // the first wake-up, of everybody, is over

    let task = world.new_task(world.account("buyer").await);
    let mut watch = b.store.hints().watch(task.id);
    let mut decided = b.store.hints().watch_decisions(task.id);
    a.store.create_task(&task).await.unwrap();
    // Nothing in a store looks by itself: that this returns at all shows that it was told.
    tokio::time::timeout(PATIENCE, watch.changed()).await.expect("b is told of the new task");
    a.store.cancel(task.id, Actor::Buyer, "changed my mind", world.now()).await.unwrap().unwrap();
    tokio::time::timeout(PATIENCE, decided.changed()).await.expect("b is told of the decision");
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_does_not_hear_itself_and_says_much_at_once() {
    let Some(server) = server() else { return };
    let world = crate::support::on_postgres(server, "once").await;
    let a = Replica::on(&world.url, "a").await;
    let mut ear = sqlx::postgres::PgListener::connect(&world.url).await.unwrap();
    ear.listen("gavel_hints").await.unwrap();
    until("it listens", async || listeners(&world).await >= 2).await;
    tokio::time::sleep(Duration::from_millis(100)).await;

    let account = world.account("buyer").await;
    let tasks: Vec<_> = (0..300).map(|_| world.new_task(account)).collect();
    let mut own = a.store.hints().watch(tasks[0].id);
    futures::future::join_all(tasks.iter().map(|task| a.store.create_task(task))).await;
    own.changed().await; // woken at home, without the database
    let echo = tokio::time::timeout(Duration::from_millis(300), own.changed()).await;
    assert!(echo.is_err(), "it heard itself");

    let mut texts = Vec::new();
    while let Ok(said) = tokio::time::timeout(Duration::from_millis(300), ear.recv()).await {
        texts.push(said.unwrap().payload().to_owned());
    }
    let named: usize = texts.iter().map(|text| text.split(' ').count() - 1).sum();
    assert!(named >= 300, "every task is named: {named}");
    assert!(texts.len() < 100, "{} notifications for 300 tasks", texts.len());
    a.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_last_is_still_heard() {
    let Some(server) = server() else { return };
    let world = crate::support::on_postgres(server, "last").await;
    let (a, b) = (Replica::on(&world.url, "a").await, Replica::on(&world.url, "b").await);
    until("both listen", async || listeners(&world).await == 2).await;
    let task = world.task(world.account("buyer").await).await;
    let claimed =
        a.store.claim("a", world.now(), world.now() + chrono::TimeDelta::seconds(30)).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut watch = b.store.hints().watch(task.id);
    a.store.release(claimed.lease(), Some(world.now())).await.unwrap();
    a.stop().await; // at once
    tokio::time::timeout(Duration::from_millis(500), watch.changed()).await.expect("b is told");
    done(b.store.start(world.claim().await, world.now(), world.now()).await.unwrap());
    b.stop().await;
}

/// A database on a server that may be stopped.
async fn mortal(name: &str) -> Option<(Server, String)> {
    let server = server_of_ones_own()?;
    let url = server.create_database(name);
    Some((server, url))
}

/// Looks at the database of a store every few seconds.
async fn pulse(store: &Store) -> tokio::task::JoinHandle<()> {
    let (store, clock) = (store.clone(), followed(store).await);
    tokio::spawn(async move { store.keep_pulse(&SystemClock, &clock, &SeededChance::new(1)).await })
}

/// A task that is posted; `false`: the buyer is to come back.
async fn is_posted(world: &World, account: gavel_domain::AccountId) -> bool {
    match world.store.create_task(&world.new_task(account)).await {
        Ok(()) => true,
        Err(Error::Busy(_)) => false,
        Err(other) => panic!("told as a fault of ours: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_made_read_only_is_told_and_survived() {
    let Some((_server, url)) = mortal("read_only").await else { return };
    let world = World::over(Store::open(&url).await.unwrap(), &url);
    let (pulse, account) = (pulse(&world.store).await, world.account("buyer").await);
    for _ in 0..2 {
        world.execute("ALTER SYSTEM SET default_transaction_read_only = on").await;
        world.execute("SELECT pg_reload_conf()").await;
        until("nothing is taken", async || !is_posted(&world, account).await).await;
        until("it is known", async || world.store.pulse().complaint().is_some()).await;
        assert!(world.store.pulse().complaint().unwrap().contains("read-only"));
        assert!(
            !world.store.pulse().is_away() && world.store.keys().await.is_ok(),
            "what is there can be read"
        );
        world.execute("ALTER SYSTEM RESET default_transaction_read_only").await;
        world.execute("SELECT pg_reload_conf()").await;
        until("it is known to be well", async || world.store.pulse().complaint().is_none()).await;
        until("writes are taken", async || is_posted(&world, account).await).await;
    }
    pulse.abort();
}

/// On a file system of its own that somebody else fills.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_is_told_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(folder.path(), 192) else { return };
    let Some(server) = server_in(folder.path()) else { return };
    let url = server.create_database("full");
    let world = World::over(Store::open(&url).await.unwrap(), &url);
    let (pulse, account) = (pulse(&world.store).await, world.account("buyer").await);
    for _ in 0..2 {
        let filler = folder.path().join("filler");
        fill(&filler);
        until("it is known", async || world.store.pulse().complaint().is_some()).await;
        let complaint = world.store.pulse().complaint().unwrap();
        assert!(complaint.contains("full"), "{complaint}");
        until("nothing is taken", async || !is_posted(&world, account).await).await;
        assert!(world.store.keys().await.is_ok(), "what is there can be read");
        std::fs::remove_file(filler).unwrap();
        until("it is known to be well", async || world.store.pulse().complaint().is_none()).await;
        until("writes are taken", async || is_posted(&world, account).await).await;
    }
    pulse.abort();
    drop((server, disk));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_is_told_and_survived() {
    let Some((server, url)) = mortal("restarts").await else { return };
    let (a, b) = (Replica::on(&url, "a").await, Replica::on(&url, "b").await);
    let world = World::over(b.store.clone(), &url);
    let pulse = pulse(&a.store).await;
    for round in 0..3 {
        server.stop();
        let since = Instant::now();
        let refused = a.store.is_writable().await;
        assert!(matches!(refused, Err(Error::Busy(_))), "round {round}: {refused:?}");
        assert!(
            since.elapsed() < Duration::from_secs(6),
            "told within a bounded time: {:?}",
            since.elapsed()
        );
        until("it is known to be away", async || a.store.pulse().is_away()).await;
        assert!(a.store.pulse().complaint().unwrap().contains("the database has been away for"));

        server.start_again();
        let since = Instant::now();
        until("it is known to be back", async || a.store.pulse().complaint().is_none()).await;
        a.store.is_writable().await.unwrap();
        assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
        // Hints come again, too.
        let task = world.new_task(world.account("buyer").await);
        let mut watch = b.store.hints().watch(task.id);
        a.store.create_task(&task).await.unwrap();
        tokio::time::timeout(PATIENCE, watch.changed()).await.expect("b hears again");
    }
    pulse.abort();
    a.stop().await;
    b.stop().await;
}

async fn followed(store: &Store) -> Arc<FollowedClock> {
    let stopwatch = Instant::now();
    let look = store.look(&stopwatch).await.unwrap().expect("PostgreSQL has a clock");
    Arc::new(FollowedClock::new(Box::new(stopwatch), look))
}

/// A machine's clock that is wrong.
struct Shifted(chrono::TimeDelta);

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_wrong_is_not_ready_and_takes_nothing_from_others() {
    let Some(server) = server() else { return };
    let world = crate::support::on_postgres(server, "clock").await;
    let right = SteadyClock::new(Box::new(followed(&world.store).await), Box::new(Instant::now()));
    world.task(world.account("buyer").await).await;
    let held_until = right.now() + chrono::TimeDelta::seconds(30);
    let held = world.store.claim("right", right.now(), held_until).await.unwrap().unwrap();

    for (hours, words) in [(1, "3600.0 s ahead of"), (-24, "86400.0 s behind")] {
        let store = Store::open(&world.url).await.unwrap();
        let wall = Shifted(chrono::TimeDelta::hours(hours));
        let follows = followed(&store).await;
        let clock = SteadyClock::new(Box::new(Arc::clone(&follows)), Box::new(Instant::now()));
        let pulse = {
            let store = store.clone();
            tokio::spawn(async move { store.keep_pulse(&wall, &follows, &SeededChance::new(1)).await })
        };
        until("the clock was held against the database's", async || store.pulse().complaint().is_some())
            .await;
        let complaint = store.pulse().complaint().unwrap();
        let off = |seconds: &str| complaint.contains(seconds);
        assert!(
            off(words)
                || off(&words.replace(".0", ".1"))
                || off(&words.replace("00.0", "99.9").replace("3600", "3599")),
            "{complaint}"
        );

        let apart = (clock.now() - right.now()).abs();
        assert!(apart < chrono::TimeDelta::milliseconds(500), "what it takes for the time is off by {apart}");
        let taken =
            store.claim("wrong", clock.now(), clock.now() + chrono::TimeDelta::seconds(30)).await.unwrap();
        assert!(taken.is_none(), "a lease that runs was taken for one that has ended");
        pulse.abort();
        store.close().await;
    }
    assert!(world.store.is_held(held.lease()).await.unwrap());
}
