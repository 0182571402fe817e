//! Several processes on one PostgreSQL, and a PostgreSQL that goes away while they work.

use crate::world::{Running, Script, World, text, wait};
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use gavel_store::Store;
use gavel_testkit::SeededChance;
use gavel_testkit::postgres::{server, server_of_ones_own};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const WINDOW: Duration = Duration::from_secs(3600);

/// What a process does beside its loop: it speaks and hears.
fn shares(store: &Store, name: &'static str) -> Running {
    let (store, stop) = (store.clone(), CancellationToken::new());
    let until = stop.clone().cancelled_owned();
    Running::start(stop, async move { store.share_hints(name, &SeededChance::new(1), until).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_at_one_replica_drops_the_calls_of_another_at_once() {
    let Some(server) = server() else { return };
    let url = server.create_database("selection");
    let (a, b) = (Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap());
    let (speaks, hears) = (shares(&b, "b"), shares(&a, "a"));
    let world = World::over(a, WINDOW).await;
    let (rounds, mut took) = (6, Duration::ZERO);
    for round in ["first", "second", "third"] {
        world.agent(round, Script::answers(&text(100))).await;
    }
    world.agent("hangs", Script::hangs()).await;
    let loop_ = world.run();
    for _ in 0..rounds {
        let task = world.post().await;
        world.until_bids(task, 1).await;
        world.transport.until_called("hangs").await;
        wait("the hanging call is open", async || world.transport.open_calls() == 1).await;
        let bid = world.context.store.gallery(task).await.unwrap()[0].bid.id;
        let since = Instant::now();
        let now = world.now();
        let _ = b.select(task, bid, now).await.unwrap();
        // The winner's final call may be open meanwhile; the one that hangs is not.
        world.transport.until_idle().await;
        took += since.elapsed();
    }
    // A look each second would take half a second on average.
    assert!(took / rounds < Duration::from_millis(250), "{rounds} rounds took {took:?}");
    loop_.stop().await;
    hears.stop().await;
    speaks.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_costs_no_answer_and_no_second_send() {
    let Some(server) = server_of_ones_own() else { return };
    let world = World::over(Store::open(&server.create_database("away")).await.unwrap(), WINDOW).await;
    let world = world.with_settings(|settings| {
        settings.timers.phase = chrono::TimeDelta::seconds(60);
        settings.timers.prototype_call = chrono::TimeDelta::seconds(60);
    });
    world.agent("soon", Script::slow(Duration::from_millis(500), &text(100))).await;
    world.agent("late", Script::slow(Duration::from_millis(4_000), &text(100))).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.transport.until_called("soon").await;
    world.transport.until_called("late").await;

    server.stop();
    wait("one has answered into the void", async || world.transport.open_calls() == 1).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(world.transport.open_calls(), 1, "the other call goes on");
    server.start_again();
    let since = Instant::now();
    world.until(task, TaskState::Review).await;
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    assert_eq!(world.outcomes(task).await, [("late", Outcome::Valid), ("soon", Outcome::Valid)]);
    assert_eq!((world.transport.sends_to("late"), world.transport.sends_to("soon")), (1, 1));
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_winner_finished_is_stored_as_soon_as_it_can_be_and_not_asked_for_again() {
    let Some(server) = server() else { return };
    let url = server.create_database("finished");
    let world = World::over(Store::open(&url).await.unwrap(), WINDOW).await;
    let work = text(100);
    world.agent("one", Script::answers(&work).then_slow(Duration::from_secs(1), &work)).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until(task, TaskState::Review).await;
    // Writes begin as ever, and fail at the table of answers.
    let mut locked =
        server.run_beside(&url, "BEGIN; LOCK TABLE answers IN SHARE MODE; SELECT pg_sleep(5); COMMIT");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let bid = world.context.store.gallery(task).await.unwrap()[0].bid.id;
    world.select(task, bid).await.unwrap();
    world.until_delivery(task, DeliveryStatus::Ready).await;
    assert!(locked.wait().unwrap().success(), "the table was locked meanwhile");
    assert_eq!(world.transport.sends_to("one"), 2, "a prototype and a finished work");
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_that_outlasts_leases_takes_no_task_from_those_at_work() {
    let Some(server) = server_of_ones_own() else { return };
    let url = server.create_database("outlasts");
    let beside = Store::open(&url).await.unwrap();
    let world = World::over(Store::open(&url).await.unwrap(), WINDOW).await.with_settings(|settings| {
        settings.lease = chrono::TimeDelta::seconds(3);
        settings.timers.phase = chrono::TimeDelta::seconds(60);
        settings.timers.prototype_call = chrono::TimeDelta::seconds(60);
    });
    world.agent("slow", Script::slow(Duration::from_secs(12), &text(100))).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.transport.until_called("slow").await;
    let idle = world.run_beside(beside);
    server.stop();
    tokio::time::sleep(Duration::from_secs(5)).await;
    server.start_again();
    world.until(task, TaskState::Review).await;
    assert_eq!(world.outcomes(task).await, [("slow", Outcome::Valid)]);
    assert_eq!(world.transport.sends_to("slow"), 1);
    loop_.stop().await;
    idle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_on_soon_after_the_database_is_back() {
    let Some(server) = server_of_ones_own() else { return };
    let world = World::over(Store::open(&server.create_database("back")).await.unwrap(), WINDOW).await;
    world.agent("good", Script::answers(&text(100))).await;
    let mut loop_ = world.run();
    for _ in 0..3 {
        server.stop();
        assert!(loop_.is_running(Duration::from_millis(700)).await, "the loop has ended");
        server.start_again();
        let since = Instant::now();
        let task = world.post().await;
        world.until(task, TaskState::Review).await;
        assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    }
    loop_.stop().await;
}
