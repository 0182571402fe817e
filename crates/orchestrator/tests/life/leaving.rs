//! A process that leaves claims nothing more; calls that are under way may end, for a while.

use crate::world::{Script, World, text};
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn calls_under_way_end_before_a_process_leaves() {
    let world = World::new().await.with_settings(|settings| settings.drain = LONG);
    world.agent("one", Script::slow(Duration::from_millis(400), &text(100))).await;
    world.agent("two", Script::slow(Duration::from_millis(600), &text(100))).await;
    let before = world.run();
    let task = world.post().await;
    world.transport.until_called("one").await;
    world.transport.until_called("two").await;
    let since = Instant::now();
    before.stop().await;
    assert!(since.elapsed() < LONG, "the calls are over, and nothing else is waited for");
    assert_eq!(world.context.store.gallery(task).await.unwrap().len(), 2, "what they said is stored");
    // The rest is for whoever comes next, unless the step came to its end meanwhile.

    let after = world.run();
    world.until(task, TaskState::Review).await;
    assert_eq!(world.outcomes(task).await, [("one", Outcome::Valid), ("two", Outcome::Valid)]);
    assert_eq!((world.transport.sends_to("one"), world.transport.sends_to("two")), (1, 1));
    after.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_call_ends_before_a_process_leaves() {
    let world = World::new().await.with_settings(|settings| settings.drain = LONG);
    world.agent("one", Script::answers(&text(100)).then_slow(Duration::from_millis(400), &text(200))).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until(task, TaskState::Review).await;
    let bid = world.context.store.gallery(task).await.unwrap()[0].bid.id;
    world.select(task, bid).await.unwrap();
    world.transport.until_sends("one", 2).await;
    loop_.stop().await;
    world.until_delivery(task, DeliveryStatus::Ready).await;
    assert_eq!(world.transport.sends_to("one"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_takes_too_long_is_left_to_others() {
    let world = World::new().await.with_settings(|settings| settings.drain = Duration::from_millis(200));
    world.agent("slow", Script::hangs().then_slow(Duration::ZERO, &text(100))).await;
    let before = world.run();
    let task = world.post().await;
    world.transport.until_called("slow").await;
    let since = Instant::now();
    before.stop().await;
    assert!((200..1_500).contains(&since.elapsed().as_millis()), "{:?}", since.elapsed());
    assert_eq!(world.transport.open_calls(), 0);

    let since = Instant::now();
    let after = world.run();
    world.until(task, TaskState::Review).await;
    assert!(since.elapsed() < Duration::from_secs(2), "the lease was let go: {:?}", since.elapsed());
    assert_eq!(world.transport.sends_to("slow"), 2);
    after.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_leaves_begins_no_call_and_claims_no_task() {
    let world = World::new().await.with_settings(|settings| settings.drain = LONG);
    world.agent_that_takes(1, "busy", Script::slow(Duration::from_millis(500), &text(100))).await;
    let before = world.run();
    let first = world.post().await;
    world.transport.until_called("busy").await;
    let second = world.post().await; // all who could be asked are busy
    before.stop().await;
    let third = world.post().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.transport.sends_to("busy"), 1);
    assert_eq!(world.state(third).await, TaskState::Open);

    let after = world.run();
    for task in [first, second, third] {
        world.until(task, TaskState::Review).await;
    }
    assert_eq!(world.transport.sends_to("busy"), 3);
    after.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_turn_is_not_sent_by_a_process_that_leaves() {
    // The host takes one call at a time: of two agents one waits for its turn.
    let caps = gavel_dispatcher::Caps { host: 1, ..Default::default() };
    let world = World::new().await.with_settings(|settings| settings.drain = LONG).with_caps(caps);
    world.agent("one", Script::slow(Duration::from_millis(400), &text(100))).await;
    world.agent("two", Script::slow(Duration::from_millis(400), &text(100))).await;
    let before = world.run();
    let task = world.post().await;
    let sends = || (world.transport.sends_to("one"), world.transport.sends_to("two"));
    crate::world::wait("one of them is called", async || sends().0 + sends().1 == 1).await;
    before.stop().await;
    assert_eq!(sends().0 + sends().1, 1, "the other was not begun");
    let after = world.run();
    world.until(task, TaskState::Review).await;
    assert_eq!(world.outcomes(task).await, [("one", Outcome::Valid), ("two", Outcome::Valid)]);
    assert_eq!(sends(), (1, 1));
    after.stop().await;
}
