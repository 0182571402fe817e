//! Steps that fail or panic: tried again, given up, set aside, and in nobody's way.

use crate::world::{Script, World, text, wait};
use chrono::TimeDelta;
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::recovery::Recovery;
use gavel_domain::task::Routing;
use gavel_domain::{AgentId, TaskId};

/// As in life, a hundred times as fast.
fn fast() -> Recovery {
    Recovery {
        pause: TimeDelta::milliseconds(10),
        pause_max: TimeDelta::milliseconds(100),
        ..Recovery::default()
    }
}

fn only(slug: &str) -> Routing {
    Routing { only: vec![slug.to_owned()], ..Routing::default() }
}

impl World {
    async fn hurried(recovery: Recovery) -> World {
        World::new().await.with_settings(|settings| {
            settings.recovery = recovery;
            settings.tasks_at_once = 2;
        })
    }

    async fn agent_id(&self, slug: &str) -> AgentId {
        let candidates = self.context.store.candidates("content-writing", false, self.now()).await.unwrap();
        candidates.into_iter().find(|facts| facts.agent.slug == slug).unwrap().agent.id
    }

    /// What is stored as the agent's secret opens with no key.
    async fn spoils_the_secret_of(&self, slug: &str) {
        let (agent, now) = (self.agent_id(slug).await, self.now());
        self.gets_the_secret(agent, b"of another key file, and long enough to have a nonce", now).await;
    }

    async fn gets_the_secret(&self, agent: AgentId, sealed: &[u8], now: gavel_domain::Timestamp) {
        let store = &self.context.store;
        let _ = store.rotate_secret(agent, sealed, now + TimeDelta::hours(1), now).await.unwrap();
        assert!(store.promote_secret(agent, now).await.unwrap());
    }

    async fn is_set_aside(&self, task: TaskId) -> bool {
        self.context.store.set_aside().await.unwrap().iter().any(|aside| aside.task == task)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_holds_up_no_other_task_and_ends_at_nobodys_cost() {
    let world = World::hurried(fast()).await;
    world.agent("good", Script::answers(&text(100))).await;
    world.agent("sealed", Script::answers(&text(100))).await;
    world.spoils_the_secret_of("sealed").await;
    let loop_ = world.run();
    let poison = world.post_to(only("sealed")).await;
    let mut good = Vec::new();
    for _ in 0..20 {
        good.push(world.post_to(only("good")).await);
    }
    for task in good {
        world.until(task, TaskState::Review).await;
    }
    world.until(poison, TaskState::Expired).await;
    assert_eq!(world.reason(poison).await.as_deref(), Some("platform_fault"));
    assert_eq!(world.outcomes(poison).await, [("sealed", Outcome::PlatformFault)]);
    let (_, record) = world.context.store.agent(world.agent_id("sealed").await).await.unwrap().unwrap();
    assert_eq!((record.real_tasks, record.counted(), world.transport.sends_to("sealed")), (0, 0, 0));
    assert_eq!(world.context.store.count_set_aside().await.unwrap(), 0);
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_call_that_cannot_be_made_gives_the_money_back() {
    let world = World::hurried(Recovery { failures_max: 1, ..fast() }).await;
    world.agent("good", Script::answers(&text(100))).await;
    let loop_ = world.run();
    let task = world.post().await;
    world.until(task, TaskState::Review).await;
    world.spoils_the_secret_of("good").await;
    let bid = world.context.store.gallery(task).await.unwrap()[0].bid.id;
    world.select(task, bid).await.unwrap();
    world.until(task, TaskState::Expired).await;
    assert_eq!(world.reason(task).await.as_deref(), Some("platform_fault"));
    let delivery = world.context.store.latest_delivery(task).await.unwrap().unwrap();
    assert_eq!((delivery.status, world.transport.sends_to("good")), (DeliveryStatus::Failed, 1));
    assert!(world.context.store.balances().await.unwrap().is_empty());
    assert_eq!(world.context.store.verify_ledger("USD").await.unwrap().problems, Vec::<String>::new());
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_goes_on_once_it_is_mended() {
    let world = World::hurried(Recovery { failures_max: 3, give_ups_max: 0, ..fast() }).await;
    world.agent("good", Script::answers(&text(100))).await;
    world.spoils_the_secret_of("good").await;
    let loop_ = world.run();
    let task = world.post().await;
    wait("the task is set aside", async || world.is_set_aside(task).await).await;
    let aside = world.context.store.set_aside().await.unwrap().remove(0);
    assert_eq!((aside.state.as_str(), aside.failures), ("prototyping", 3));
    assert!(aside.reason.contains("does not open"), "{}", aside.reason);

    let (agent, now) = (world.agent_id("good").await, world.now());
    world.gets_the_secret(agent, &world.sealed_secret(agent), now).await;
    assert!(world.context.store.retry(task, now).await.unwrap());
    world.until(task, TaskState::Review).await;
    assert_eq!(world.outcomes(task).await, [("good", Outcome::Valid)]);
    loop_.stop().await;
}
