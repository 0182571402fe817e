//! What is too old goes, while the loop works on what is new.

use crate::world::{Running, Script, World, text, wait};
use chrono::TimeDelta;
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{TaskId, Timestamp};
use gavel_orchestrator::retention::{self, Settings};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

impl World {
    /// The loop that removes what is too old.
    fn removes(&self) -> Running {
        let stop = CancellationToken::new();
        Running::start(stop.clone(), retention::run(Arc::clone(&self.context), stop))
    }

    async fn completed(&self) -> TaskId {
        let task = self.post().await;
        self.until(task, TaskState::Review).await;
        let bid = self.context.store.gallery(task).await.unwrap()[0].bid.id;
        self.select(task, bid).await.unwrap();
        self.until_delivery(task, DeliveryStatus::Ready).await;
        self.approve(task).await.unwrap();
        task
    }

    async fn removed_at(&self, task: TaskId) -> Option<Timestamp> {
        self.context.store.bodies_removed_at(task).await.unwrap()
    }
}

/// Texts go as soon as a task has ended.
fn at_once(settings: &mut gavel_orchestrator::Settings) {
    settings.retention = Settings { bodies: Some(TimeDelta::zero()), ..Settings::default() };
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_tasks_lose_their_texts_and_living_ones_do_not() {
    let world = World::new().await.with_settings(at_once);
    world.agent("good", Script::answers(&text(200))).await;
    let loop_ = world.run();
    let ended: Vec<TaskId> = vec![world.completed().await, world.completed().await];
    let alive = world.post().await;
    world.until(alive, TaskState::Review).await;
    let removal = world.removes();
    for task in &ended {
        wait("its texts are gone", async || world.removed_at(*task).await.is_some()).await;
    }
    assert_eq!(world.removed_at(alive).await, None);
    let bid = world.context.store.gallery(alive).await.unwrap()[0].bid.clone();
    assert!(bid.answer.full_text.len() > 100, "{}", bid.answer.full_text);
    let report = world.context.store.verify_ledger("USD").await.unwrap();
    assert_eq!((report.transfers, report.problems), (4, vec![]));
    removal.stop().await;
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_kept_for_ever_is_kept() {
    let forever = Settings { bodies: None, ..Settings::default() };
    let world = World::new().await.with_settings(|settings| settings.retention = forever);
    world.agent("good", Script::answers(&text(200))).await;
    let loop_ = world.run();
    let task = world.completed().await;
    let mut removal = world.removes();
    assert!(removal.is_running(Duration::from_millis(200)).await);
    assert_eq!(world.removed_at(task).await, None);
    removal.stop().await;
    loop_.stop().await;
}
