//! Agents that say they do not do a type, and rounds after the first.

use crate::world::{Script, World, text};
use gavel_candidates::stored;
use gavel_domain::TaskId;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::task::{Task, Wishes};
use gavel_triage::{Gate, Reason};
use std::collections::BTreeMap;

impl World {
    /// Why each agent was asked or not, in the first round.
    async fn reasons(&self, task: TaskId) -> BTreeMap<String, Reason> {
        let stored = stored(&self.context.store, task, 1).await.unwrap().unwrap();
        stored.table().unwrap().into_iter().map(|row| (row.slug, row.reason)).collect()
    }

    async fn done_by_all(&self) -> TaskId {
        let task = self.post().await;
        self.until(task, TaskState::Review).await;
        task
    }
}

/// Three refusals in a row are enough: the agent is not asked for the type, and the others are.
#[tokio::test(flavor = "multi_thread")]
async fn who_declines_a_type_again_and_again_is_not_asked_for_it() {
    let world = World::new().await;
    world.agent("does", Script::answers(&text(200))).await;
    world.agent("declines", Script::status(422)).await;
    let loop_ = world.run();
    for _ in 0..3 {
        let task = world.done_by_all().await;
        assert_eq!(world.reasons(task).await["declines"], Reason::Chosen);
    }
    let task = world.done_by_all().await;
    let reasons = world.reasons(task).await;
    assert_eq!(reasons["declines"], Reason::Gated(Gate::DeclinesType));
    assert_eq!((reasons["does"], world.transport.sends_to("declines")), (Reason::Chosen, 3));
    loop_.stop().await;
}

/// In a second round whoever lost in the first is left out, and challengers have more seats.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_round_looks_further() {
    let world = World::new().await;
    for slug in ["one", "two", "three", "four", "five", "six"] {
        world.agent(slug, Script::answers(&text(200))).await;
    }
    let loop_ = world.run();
    let wishes = Wishes { agents: Some(3), experimentation_milli: 300, ..Wishes::default() };
    let first = world.post_with(world.buyer(), |task| Task { wishes, ..task }).await;
    world.until(first, TaskState::Review).await;
    loop_.stop().await;
    let task = world.context.store.task(first).await.unwrap().unwrap();
    let second = Task { round: 2, ..task };
    let record = world.context.candidates.decide(&second, 1, world.now()).await.unwrap().record;
    assert_eq!(record.reasons[&Reason::Gated(Gate::Excluded)], 3);
    assert_eq!((record.question.experimentation_milli, record.chosen.len()), (600, 3));
    let reasons = world.reasons(first).await;
    assert!(record.chosen.iter().all(|chosen| reasons[&chosen.slug] == Reason::NotDrawn));
}
