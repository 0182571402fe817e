//! Agents that are busy: who waits for them hinders nobody, and is sent what holds when its turn comes.

use crate::world::{Script, World, text};
use chrono::TimeDelta;
use gavel_domain::TaskId;
use gavel_domain::agent::ExecutionMode::{Pull, Sync};
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::exchange::Taken;
use gavel_domain::invitation::Mode;
use gavel_domain::lifecycle::TaskState;
use std::time::Duration;

impl World {
    /// Two tasks that the same agent has won. It takes one call at a time: one final call is under way, slowly, and the
    /// other waits for it.
    async fn won_twice(&self) -> [TaskId; 2] {
        let work = text(200);
        let script = Script::answers(&work)
            .then_slow(Duration::ZERO, &work)
            .then_slow(Duration::from_millis(2_500), &work)
            .then_slow(Duration::ZERO, &work);
        self.agent_that_takes(1, "one", script).await;
        let tasks = [self.in_review().await, self.in_review().await];
        for task in tasks {
            let bid = self.context.store.gallery(task).await.unwrap()[0].bid.id;
            self.select(task, bid).await.unwrap();
        }
        self.transport.until_sends("one", 3).await;
        tasks
    }

    async fn in_review(&self) -> TaskId {
        let task = self.post().await;
        self.until(task, TaskState::Review).await;
        task
    }

    async fn both_delivered(&self, tasks: [TaskId; 2]) {
        for task in tasks {
            self.until_delivery(task, DeliveryStatus::Ready).await;
        }
        assert_eq!(self.transport.sends_to("one"), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tasks_go_on_while_a_busy_winner_is_waited_for() {
    let world = World::new().await.with_settings(|settings| {
        settings.tasks_at_once = 1;
        settings.timers.final_call = TimeDelta::seconds(10);
    });
    let loop_ = world.run();
    let won = world.won_twice().await;
    world.agent("other", Script::answers(&text(100))).await;
    world.in_review().await;
    assert_eq!(world.transport.sends_to("one"), 3, "the second final call still waits");
    world.both_delivered(won).await;
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_may_wait_for_a_busy_winner_than_there_is_room_for() {
    let world = World::new().await.with_settings(|settings| {
        settings.tasks_at_once = 1;
        settings.timers.final_call = TimeDelta::seconds(20);
    });
    let work = text(200);
    world.agent_that_takes(1, "one", Script::answers(&work)).await;
    let loop_ = world.run();
    let mut tasks = Vec::new();
    for _ in 0..12 {
        tasks.push(world.in_review().await);
    }
    world.transport.slow_down("one", Duration::from_millis(100));
    for task in &tasks {
        let bid = world.context.store.gallery(*task).await.unwrap()[0].bid.id;
        world.select(*task, bid).await.unwrap();
    }
    for task in tasks {
        world.until_delivery(task, DeliveryStatus::Ready).await;
    }
    assert_eq!(world.transport.sends_to("one"), 24);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_call_that_waited_goes_the_way_its_agent_is_asked_now() {
    for (before, after) in [(Sync, Pull), (Pull, Sync)] {
        let world = World::new().await;
        world.agent_like((before, 1), "one", Script::slow(Duration::from_millis(700), &text(200))).await;
        let loop_ = world.run();
        let won = world.post().await;
        if before == Pull {
            assert_eq!(world.brings(world.fetches().await.key, "m1", Ok(&text(200))).await, Taken::Accepted);
        }
        world.until(won, TaskState::Review).await;
        // The agent is busy with another brief when it is chosen.
        let other = world.post().await;
        let busy = if before == Pull { Some(world.fetches().await.key) } else { None };
        if before == Sync {
            world.transport.until_sends("one", 2).await;
        }
        let bid = world.context.store.gallery(won).await.unwrap()[0].bid.id;
        world.select(won, bid).await.unwrap();
        world.until(won, TaskState::Delivering).await;
        world.is_asked(won, after).await;
        let sent = world.transport.sends_to("one");
        if let Some(key) = busy {
            assert_eq!(world.brings(key, "m2", Ok(&text(200))).await, Taken::Accepted);
        }
        world.until(other, TaskState::Review).await;
        if after == Pull {
            let fetched = world.fetches().await;
            assert_eq!(fetched.key.mode, Mode::Final);
            assert_eq!(world.brings(fetched.key, "m3", Ok(&text(200))).await, Taken::Accepted);
        }
        world.until_delivery(won, DeliveryStatus::Ready).await;
        assert_eq!(
            world.transport.sends_to("one"),
            sent + usize::from(after == Sync),
            "{before:?} to {after:?}"
        );
        loop_.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tasks_go_on_while_an_agent_does_not_answer() {
    let world = World::new().await.with_settings(|settings| settings.tasks_at_once = 1);
    world.agent("hang", Script::hangs()).await;
    let loop_ = world.run();
    let waits = world.post().await;
    world.transport.until_called("hang").await;
    world.agent("good", Script::answers(&text(100))).await;
    let next = world.post().await;
    world.until_bids(next, 1).await;
    assert_eq!(world.state(waits).await, TaskState::Prototyping);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_call_that_waited_is_signed_with_the_key_of_its_moment() {
    let world =
        World::new().await.with_settings(|settings| settings.timers.final_call = TimeDelta::seconds(10));
    let loop_ = world.run();
    let won = world.won_twice().await;
    let key = world.replaces_its_key().await;
    world.both_delivered(won).await;
    let keys = world.transport.header("one", "X-AITasker-Key");
    assert_eq!(keys.iter().map(|sent| *sent == key).collect::<Vec<_>>(), [false, false, false, true]);
    loop_.stop().await;
}
