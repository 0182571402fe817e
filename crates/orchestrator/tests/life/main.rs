//! The life of a task through the real loop on a real database, with scripted agents in place of the network.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod benchmarks;
mod busy;
mod declines;
mod door;
mod health;
mod recovery;
mod reserve;
mod webhooks;
mod retention;
mod leaving;
mod replicas;
mod world;

use gavel_domain::bid::BidStatus;
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::event::Actor;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::policy::MoneyMode;
use std::time::Duration;
use world::{Script, World, text};

#[tokio::test(flavor = "multi_thread")]
async fn agents_compete_the_buyer_picks_the_winner_delivers_money_settles() {
    let world = World::new().await;
    world.agent("thorough", Script::answers(&text(400))).await;
    world.agent("terse", Script::answers(&text(30))).await;
    world.agent("broken", Script::status(500)).await;
    let loop_ = world.run();
    let task = world.post().await;

    world.until(task, TaskState::Review).await;
    assert_eq!(
        world.outcomes(task).await,
        [("broken", Outcome::ServerError), ("terse", Outcome::Valid), ("thorough", Outcome::Valid)]
    );
    let gallery = world.context.store.gallery(task).await.unwrap();
    assert_eq!(gallery.len(), 2);
    assert!(
        gallery
            .iter()
            .all(|g| g.bid.score.is_some() && g.bid.status == BidStatus::Presented && g.verdict.is_some())
    );
    assert_eq!(gallery[0].agent_slug, "thorough");

    world.select(task, gallery[0].bid.id).await.unwrap();
    world.until_delivery(task, DeliveryStatus::Ready).await;
    assert_eq!(world.transport.sends_to("thorough"), 2, "prototype and final");
    assert_eq!(world.transport.sends_to("terse"), 1, "losers get no final call");
    world.approve(task).await.unwrap();
    world.until(task, TaskState::Completed).await;
    let report = world.context.store.verify_ledger("USD").await.unwrap();
    assert_eq!((report.transfers, report.problems), (2, vec![]));
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_agent_delays_nobody_and_times_out() {
    let world = World::new().await;
    world.agent("good", Script::answers(&text(200))).await;
    world.agent("hang", Script::hangs()).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until_bids(task, 1).await;
    assert_eq!(world.state(task).await, TaskState::Prototyping, "shown while the other still works");
    world.until(task, TaskState::Review).await;
    assert_eq!(world.outcomes(task).await, [("good", Outcome::Valid), ("hang", Outcome::Timeout)]);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_selection_gives_the_others_up() {
    let world = World::new().await;
    world.agent("good", Script::answers(&text(200))).await;
    world.agent("hang", Script::hangs()).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until_bids(task, 1).await;
    let bid = world.context.store.gallery(task).await.unwrap()[0].bid.id;
    world.select(task, bid).await.unwrap();
    world.until_delivery(task, DeliveryStatus::Ready).await;
    assert_eq!(world.outcomes(task).await, [("good", Outcome::Valid), ("hang", Outcome::Superseded)]);
    assert_eq!(world.transport.open_calls(), 0, "the hanging request was dropped");
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_drops_every_request() {
    let world = World::new().await;
    world.agent("hang", Script::hangs()).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until(task, TaskState::Prototyping).await;
    world.transport.until_called("hang").await;
    let cancelled =
        world.context.store.cancel(task, Actor::Buyer, "changed my mind", world.now()).await.unwrap();
    assert!(cancelled.is_ok());
    world.transport.until_idle().await;
    assert_eq!(world.outcomes(task).await, [("hang", Outcome::Cancelled)]);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_asks_again_only_who_has_not_answered() {
    let world = World::new().await;
    world.agent("fast", Script::answers(&text(200))).await;
    world.agent("slow", Script::slow(Duration::from_millis(400), &text(100))).await;
    let before = world.run();
    let task = world.post().await;
    world.until_bids(task, 1).await;
    before.stop().await;
    assert_eq!(world.state(task).await, TaskState::Prototyping);

    let after = world.run();
    world.until(task, TaskState::Review).await;
    assert_eq!(world.outcomes(task).await, [("fast", Outcome::Valid), ("slow", Outcome::Valid)]);
    assert_eq!(world.transport.sends_to("fast"), 1);
    assert_eq!(world.transport.sends_to("slow"), 2);
    let ids = world.transport.header("slow", "webhook-id");
    assert_eq!(ids[0], ids[1], "the same call under the same id");
    after.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lost_sends_are_our_fault() {
    let world = World::new().await;
    world.agent("hang", Script::hangs()).await;
    world.agent("good", Script::answers(&text(100))).await;
    let task = world.post().await;
    for _ in 0..2 {
        let loop_ = world.run();
        let calls = world.transport.sends_to("hang");
        world.transport.until_sends("hang", calls + 1).await;
        loop_.stop().await;
    }
    let loop_ = world.run();
    world.until(task, TaskState::Review).await;
    assert_eq!(world.outcomes(task).await, [("good", Outcome::Valid), ("hang", Outcome::PlatformFault)]);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_agents_or_bids_a_task_expires_with_its_reason() {
    let world = World::new().await;
    let loop_ = world.run();
    let nobody = world.post().await;
    world.until(nobody, TaskState::Expired).await;
    assert_eq!(world.reason(nobody).await.as_deref(), Some("no_eligible_agents"));

    world.agent("busy", Script::status(503)).await;
    let nothing = world.post().await;
    world.until(nothing, TaskState::Expired).await;
    assert_eq!(world.reason(nothing).await.as_deref(), Some("no_valid_bids"));
    assert_eq!(world.outcomes(nothing).await, [("busy", Outcome::Unavailable)]);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_gives_the_money_back() {
    let world = World::new().await;
    world.agent("once", Script::answers(&text(200)).then_status(500)).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until(task, TaskState::Review).await;
    let bid = world.context.store.gallery(task).await.unwrap()[0].bid.id;
    world.select(task, bid).await.unwrap();
    world.until(task, TaskState::Expired).await;
    assert_eq!(world.reason(task).await.as_deref(), Some("delivery_failed"));
    assert!(world.context.store.balances().await.unwrap().is_empty());
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_money_is_off_nothing_is_held_and_nobody_is_paid() {
    let world = World::new().await.with_settings(|settings| settings.money.mode = MoneyMode::Off);
    world.agent("one", Script::answers(&text(200))).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until(task, TaskState::Review).await;
    let bid = world.context.store.gallery(task).await.unwrap()[0].bid.id;
    world.select(task, bid).await.unwrap();
    world.until_delivery(task, DeliveryStatus::Ready).await;
    world.approve(task).await.unwrap();
    world.until(task, TaskState::Completed).await;
    assert_eq!(world.context.store.count_transfers().await.unwrap(), 0);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_winner_that_is_busy_is_waited_for() {
    let world = World::new().await;
    // Each final call takes most of its limit of two seconds; the second begins when the first is over.
    let work = text(200);
    let script = Script::answers(&work)
        .then_slow(Duration::ZERO, &work)
        .then_slow(Duration::from_millis(1_400), &work);
    world.agent_that_takes(1, "one", script).await;
    let loop_ = world.run();
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let task = world.post().await;
        world.until(task, TaskState::Review).await;
        tasks.push(task);
    }
    for task in &tasks {
        let bid = world.context.store.gallery(*task).await.unwrap()[0].bid.id;
        world.select(*task, bid).await.unwrap();
    }
    for task in tasks {
        world.until_delivery(task, DeliveryStatus::Ready).await;
    }
    assert_eq!(world.transport.sends_to("one"), 4);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_agents_and_brief_give_the_same_choice_and_scores() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = World::new().await;
        for (i, slug) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
            world.agent(slug, Script::answers(&text(50 + 40 * i))).await;
        }
        let loop_ = world.run();
        let task = world.post().await;
        world.until(task, TaskState::Review).await;
        let gallery = world.context.store.gallery(task).await.unwrap();
        runs.push(gallery.into_iter().map(|g| (g.agent_slug, g.bid.score)).collect::<Vec<_>>());
        loop_.stop().await;
    }
    assert_eq!(runs[0].len(), 4, "25.00 buys four agents");
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lapsed_windows_end_a_task_by_policy() {
    let world = World::with_windows(Duration::from_millis(50)).await;
    world.agent("good", Script::answers(&text(200))).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until(task, TaskState::Expired).await;
    assert_eq!(world.reason(task).await.as_deref(), Some("review_window_lapsed"));
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_waits_for_agents_that_are_only_busy() {
    let world = World::new().await;
    world.agent_that_takes(1, "small", Script::slow(Duration::from_millis(300), &text(100))).await;
    let loop_ = world.run();
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(world.post().await);
    }
    for task in tasks {
        world.until(task, TaskState::Review).await;
        assert_eq!(world.outcomes(task).await, [("small", Outcome::Valid)]);
    }
    loop_.stop().await;
}
