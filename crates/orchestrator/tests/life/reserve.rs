//! A buyer who wants so many bids: more agents are asked when too few can be expected.

use crate::world::{Script, World, text};
use chrono::TimeDelta;
use gavel_domain::TaskId;
use gavel_domain::agent::{Agent, ExecutionMode};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::task::{Routing, Task, Wishes};
use gavel_store::dispatches::Dispatch;
use std::collections::BTreeSet;
use std::time::Duration;

impl World {
    async fn post_wanting(&self, agents: u8, min_bids: u8) -> TaskId {
        let wishes = Wishes { agents: Some(agents), min_bids: Some(min_bids), ..Wishes::default() };
        self.post_with(self.buyer(), |task| Task { wishes, ..task }).await
    }

    /// Everybody who was asked, those first who were asked first.
    async fn asked(&self, task: TaskId) -> Vec<Dispatch> {
        let mut asked = self.context.store.dispatches(task, 1).await.unwrap();
        asked.sort_by_key(|dispatch| dispatch.invitation.created_at);
        asked
    }

    async fn bids(&self, task: TaskId) -> usize {
        self.context.store.gallery(task).await.unwrap().len()
    }
}

/// Whoever was asked first: when all have answered and bids are missing, the next are asked at once.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_next_is_asked_when_nobody_is_at_work_any_more() {
    let world = World::new().await;
    for slug in ["good", "fine"] {
        world.agent(slug, Script::answers(&text(200))).await;
    }
    for slug in ["one", "two", "three"] {
        world.agent(slug, Script::status(500)).await;
    }
    let loop_ = world.run();
    let task = world.post_wanting(3, 2).await;
    world.until(task, TaskState::Review).await;
    assert_eq!(world.bids(task).await, 2);
    let asked = world.asked(task).await;
    let agents: BTreeSet<_> = asked.iter().map(|dispatch| dispatch.invitation.agent).collect();
    assert_eq!(agents.len(), asked.len(), "nobody twice");

    // Without the wish three are asked, whatever becomes of them.
    let plain = world.post_to(Routing::default()).await;
    world.until_over(plain).await;
    assert_eq!(world.asked(plain).await.len(), 4, "by budget");
    loop_.stop().await;
}

/// While somebody may still answer, the next are asked at half of the time.
#[tokio::test(flavor = "multi_thread")]
async fn at_half_of_the_time_missing_bids_are_made_up_for() {
    let world = World::new().await.with_settings(|settings| {
        settings.timers.phase = TimeDelta::seconds(3);
        settings.timers.prototype_call = TimeDelta::seconds(9);
    });
    for slug in ["good", "fine"] {
        world.agent(slug, Script::answers(&text(200))).await;
    }
    for slug in ["one", "two"] {
        world.agent(slug, Script::status(500)).await;
    }
    world.agent("silent", Script::hangs()).await;
    let loop_ = world.run();
    let task = world.post_wanting(3, 3).await;
    world.until(task, TaskState::Review).await;
    assert_eq!(world.bids(task).await, 2, "all that could be had");
    let asked = world.asked(task).await;
    let began = asked[0].invitation.created_at;
    let is_silent = |dispatch: &Dispatch| dispatch.agent_slug == "silent";
    let silent_from_the_start = asked.iter().take(3).any(is_silent);
    for later in &asked[3..] {
        let waited = later.invitation.created_at - began;
        assert_eq!(silent_from_the_start, waited >= TimeDelta::milliseconds(1500), "after {waited}");
    }
    loop_.stop().await;
}

/// A process that died in between: the next one asks whom it would have asked, and nobody twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_reserve() {
    let world = World::new().await.with_settings(|settings| {
        settings.timers.phase = TimeDelta::seconds(4);
        settings.timers.prototype_call = TimeDelta::seconds(9);
        settings.lease = TimeDelta::milliseconds(300);
    });
    for slug in ["one", "two", "three", "four"] {
        world.agent(slug, Script::hangs()).await;
    }
    world.agent("good", Script::answers(&text(200))).await;
    let loop_ = world.run();
    let task = world.post_wanting(3, 4).await;
    world.until(task, TaskState::Prototyping).await;
    loop_.dies().await;
    assert_eq!(world.asked(task).await.len(), 3);
    let loop_ = world.run();
    world.until_over(task).await;
    let asked = world.asked(task).await;
    assert_eq!(asked.iter().map(|d| d.invitation.agent).collect::<BTreeSet<_>>().len(), asked.len());
    assert_eq!(asked.len(), 4, "one bid more could be expected of one agent more");
    loop_.stop().await;
}

/// Whoever is named next was taken out: the step waits for those who were asked, and for nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_left_in_the_reserve_keeps_no_step_busy() {
    let world = World::new().await.with_settings(|settings| {
        settings.timers.phase = TimeDelta::seconds(8);
        settings.timers.prototype_call = TimeDelta::seconds(9);
    });
    for slug in ["one", "two", "three", "four"] {
        world.agent_like((ExecutionMode::Pull, 1), slug, Script::hangs()).await;
    }
    let loop_ = world.run();
    let task = world.post_wanting(3, 4).await;
    world.until(task, TaskState::Prototyping).await;
    for (agent, _) in world.context.store.agents_of(world.developer_id(), false).await.unwrap() {
        let out = Agent { paused: true, ..agent };
        world.context.store.update_agent(&out, world.now()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(5)).await; // half of the time is over
    assert_eq!((world.state(task).await, world.asked(task).await.len()), (TaskState::Prototyping, 3));
    let stopped = tokio::time::timeout(Duration::from_secs(1), loop_.stop()).await;
    assert!(stopped.is_ok(), "the step is at work without anything to do");
}
