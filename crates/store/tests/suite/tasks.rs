//! Tasks as posted and listed.

use crate::support::on_both;
use gavel_domain::event::{Actor, EventKind};
use gavel_domain::lifecycle::TaskState;

on_both! {
    async fn a_task_reads_back_as_posted_with_its_first_event(world) {
        let task = world.task(world.account("buyer").await).await;
        assert_eq!(world.store.task(task.id).await.unwrap(), Some(task.clone()));
        let events = world.store.events_after(task.id, 0, 10).await.unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].seq, events[0].kind, events[0].actor), (1, EventKind::State, Actor::Buyer));
        assert_eq!((events[0].from, events[0].to), (None, Some(TaskState::Open)));
    }
}

on_both! {
    async fn a_list_is_newest_first_and_pages(world) {
        let account = world.account("buyer").await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            world.clock.advance(chrono::TimeDelta::milliseconds(5));
            ids.push(world.task(account).await.id);
        }
        world.task(world.account("another").await).await;
        let list = async |state, before, limit| -> Vec<_> {
            let tasks = world.store.tasks_of(account, false, state, before, limit).await.unwrap();
            tasks.into_iter().map(|t| t.id).collect()
        };
        assert_eq!(list(None, None, 2).await, [ids[2], ids[1]]);
        assert_eq!(list(None, Some(ids[1]), 2).await, [ids[0]]);
        assert_eq!(list(Some(TaskState::Open), None, 9).await.len(), 3);
        assert!(list(Some(TaskState::Review), None, 9).await.is_empty());
    }
}
