//! Tasks as posted, listed, and repeated under one key.

use crate::support::on_both;
use gavel_domain::event::{Actor, EventKind};
use gavel_domain::lifecycle::TaskState;
use gavel_store::{IdempotencyKey, Once};

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

on_both! {
    async fn one_key_makes_one_task(world) {
        let account = world.account("buyer").await;
        let key = |fingerprint: &str| IdempotencyKey { account, key: "k1".to_owned(), fingerprint: fingerprint.to_owned() };
        let create = async |fingerprint: &str, body: &str| {
            world.store.create_task(&world.new_task(account), Some(&key(fingerprint)), 201, body).await.unwrap()
        };
        assert_eq!(create("f", "first").await, Once::Fresh(()));
        assert_eq!(create("f", "second").await, Once::Replayed { status: 201, body: "first".to_owned() });
        assert_eq!(create("g", "third").await, Once::Mismatch);
        assert_eq!(world.store.tasks_of(account, false, None, None, 9).await.unwrap().len(), 1);
        assert_eq!(world.store.replay(&key("g")).await.unwrap(), Some(Once::Mismatch));
    }
}

on_both! {
    async fn concurrent_posts_with_one_key_make_one_task(world) {
        let account = world.account("buyer").await;
        let posts = (0..8).map(|i| {
            let (store, task) = (world.store.clone(), world.new_task(account));
            let key = IdempotencyKey { account, key: "k".to_owned(), fingerprint: "f".to_owned() };
            tokio::spawn(async move { store.create_task(&task, Some(&key), 201, &format!("body {i}")).await.unwrap() })
        });
        let answers = futures::future::join_all(posts).await;
        let fresh = answers.iter().filter(|a| matches!(a, Ok(Once::Fresh(())))).count();
        assert_eq!(fresh, 1);
        assert_eq!(world.store.tasks_of(account, false, None, None, 99).await.unwrap().len(), 1);
    }
}
