//! Results that come to our door: the loop parks while it waits for them and goes on when they are there.

use crate::world::{Script, World, text};
use gavel_domain::agent::ExecutionMode::{Async, Pull};
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::exchange::Taken;
use gavel_domain::invitation::{Mode, Outcome};
use gavel_domain::lifecycle::TaskState;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_answers_by_callback_in_both_modes_and_over_a_restart() {
    let world = World::new().await;
    world.agent_like((Async, 8), "later", Script::status(202)).await;
    world.agent("good", Script::answers(&text(100))).await;
    let before = world.run();
    let task = world.post().await;
    world.until_bids(task, 1).await;
    let key = world.key(task, "later", Mode::Prototype).await;
    world.until_acknowledged(key).await;
    let sent = world.transport.bodies("later").remove(0);
    assert_eq!(sent.as_object().unwrap().len(), 15);
    assert!(
        sent["callback_url"].as_str().unwrap().starts_with("https://gavel.example.com/api/v1/callbacks/")
    );
    before.stop().await;

    let after = world.run();
    assert_eq!(world.brings(key, "m1", Ok(&text(300))).await, Taken::Accepted);
    world.until(task, TaskState::Review).await;
    assert_eq!(world.outcomes(task).await, [("good", Outcome::Valid), ("later", Outcome::Valid)]);
    assert_eq!(world.transport.sends_to("later"), 1, "a brief that was acknowledged is not sent again");

    let gallery = world.context.store.gallery(task).await.unwrap();
    let bid = gallery.iter().find(|g| g.agent_slug == "later").unwrap();
    assert!(bid.bid.score.is_some());
    world.select(task, bid.bid.id).await.unwrap();
    world.transport.until_sends("later", 2).await;
    let key = world.key(task, "later", Mode::Final).await;
    world.until_acknowledged(key).await;
    let secrets: Vec<_> =
        world.transport.bodies("later").iter().map(|b| b["callback_secret"].clone()).collect();
    assert_ne!(secrets[0], secrets[1], "each call has its own");
    assert_eq!(world.brings(key, "m2", Ok(&text(300))).await, Taken::Accepted);
    world.until_delivery(task, DeliveryStatus::Ready).await;
    assert_eq!(world.state(task).await, TaskState::Delivering);
    world.approve(task).await.unwrap();
    after.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_never_comes_is_the_agents_timeout() {
    let world = World::new().await;
    world.agent_like((Async, 8), "silent", Script::status(202)).await;
    world.agent_like((Async, 8), "wrong", Script::status(202)).await;
    world.agent_like((Async, 8), "deaf", Script::hangs()).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until(task, TaskState::Prototyping).await;
    let key = world.key(task, "wrong", Mode::Prototype).await;
    assert_eq!(world.brings(key, "m1", Err(Outcome::InvalidResponse)).await, Taken::Refused);
    world.until(task, TaskState::Expired).await;
    let ends =
        [("deaf", Outcome::Timeout), ("silent", Outcome::Timeout), ("wrong", Outcome::InvalidResponse)];
    assert_eq!(world.outcomes(task).await, ends);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_counts_even_where_its_brief_was_not_acknowledged_yet() {
    let world = World::new().await;
    world.agent_like((Async, 8), "eager", Script::hangs()).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.transport.until_called("eager").await;
    let key = world.key(task, "eager", Mode::Prototype).await;
    assert_eq!(world.brings(key, "m1", Ok(&text(100))).await, Taken::Accepted);
    world.until(task, TaskState::Review).await;
    assert_eq!(world.outcomes(task).await, [("eager", Outcome::Valid)]);
    assert_eq!(world.context.store.gallery(task).await.unwrap().len(), 1);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_call_that_is_given_up_or_forgotten_gives_the_money_back() {
    for gives_up in [true, false] {
        let world = World::new().await;
        world.agent_like((Async, 8), "later", Script::status(202)).await;
        let loop_ = world.run();
        let task = world.post().await;
        world.transport.until_called("later").await;
        let key = world.key(task, "later", Mode::Prototype).await;
        assert_eq!(world.brings(key, "m1", Ok(&text(100))).await, Taken::Accepted);
        world.until_bids(task, 1).await;
        let bid = world.context.store.gallery(task).await.unwrap()[0].bid.id;
        world.select(task, bid).await.unwrap();
        world.transport.until_sends("later", 2).await;
        if gives_up {
            let key = world.key(task, "later", Mode::Final).await;
            assert_eq!(world.brings(key, "m2", Err(Outcome::AgentError)).await, Taken::Accepted);
        }
        world.until(task, TaskState::Expired).await;
        assert_eq!(world.reason(task).await.as_deref(), Some("delivery_failed"));
        let report = world.context.store.verify_ledger("USD").await.unwrap();
        assert_eq!((report.transfers, report.problems), (2, vec![]), "held and refunded");
        loop_.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_fetches_what_others_are_sent_and_wins() {
    let world = World::new().await;
    world.agent_like((Pull, 1), "hidden", Script::hangs()).await;
    world.agent("good", Script::answers(&text(60))).await;
    let loop_ = world.run();
    let task = world.post().await;
    let fetched = world.fetches().await;
    world.transport.until_called("good").await;
    let sent = world.transport.bodies("good").remove(0);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&fetched.envelope).unwrap(), sent);
    assert_eq!(world.brings(fetched.key, "m1", Ok(&text(400))).await, Taken::Accepted);
    world.until(task, TaskState::Review).await;
    let gallery = world.context.store.gallery(task).await.unwrap();
    let bid = gallery.iter().find(|g| g.agent_slug == "hidden").unwrap();
    world.select(task, bid.bid.id).await.unwrap();
    let fetched = world.fetches().await;
    assert_eq!(fetched.key.mode, Mode::Final);
    assert_eq!(world.brings(fetched.key, "m2", Ok(&text(400))).await, Taken::Accepted);
    world.until_delivery(task, DeliveryStatus::Ready).await;
    assert_eq!(world.transport.sends_to("hidden"), 0, "it cannot be reached and need not be");
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_never_asks_was_not_reachable() {
    let world = World::new().await;
    world.agent_like((Pull, 1), "away", Script::hangs()).await;
    world.agent("good", Script::answers(&text(60))).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until(task, TaskState::Review).await;
    assert_eq!(world.outcomes(task).await, [("away", Outcome::Unreachable), ("good", Outcome::Valid)]);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brief_whose_sends_a_restart_has_lost_may_still_be_answered() {
    let world = World::new().await;
    world.agent_like((Async, 8), "eager", Script::hangs()).await;
    let task = world.post().await;
    for sends in 1..=2 {
        let loop_ = world.run();
        world.transport.until_sends("eager", sends).await;
        loop_.stop().await;
    }
    let loop_ = world.run();
    let key = world.key(task, "eager", Mode::Prototype).await;
    assert_eq!(world.brings(key, "m1", Ok(&text(100))).await, Taken::Accepted);
    world.until(task, TaskState::Review).await;
    assert_eq!(world.transport.sends_to("eager"), 2, "it is not sent a third time");
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brief_that_perhaps_never_arrived_is_not_the_agents_fault() {
    let world = World::new().await;
    world.agent_like((Async, 8), "unsure", Script::hangs()).await;
    let task = world.post().await;
    for sends in 1..=2 {
        let loop_ = world.run();
        world.transport.until_sends("unsure", sends).await;
        loop_.stop().await;
    }
    let loop_ = world.run();
    world.until(task, TaskState::Expired).await;
    assert_eq!(world.outcomes(task).await, [("unsure", Outcome::PlatformFault)]);
    loop_.stop().await;
}
