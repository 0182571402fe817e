//! From an event to one delivery per subscription.

use crate::support::{done, on_both};
use chrono::TimeDelta;
use gavel_domain::event::Actor;
use gavel_domain::invitation::Outcome;
use gavel_domain::webhook::{Subscription, Topic, event_id};
use gavel_store::webhooks::Backlog;
use std::collections::BTreeSet;

on_both! {
    async fn an_event_reaches_every_subscription_that_wants_it_once(world) {
        let (buyer, other) = (world.account("buyer").await, world.account("other").await);
        let before = world.cancelled(buyer).await;
        assert_eq!(world.relay().await, 0, "nobody listened then, so nothing was kept");
        let all = world.subscription(buyer, "a.example.com").await;
        let bids = world.subscription_to(buyer, "b.example.com", Some(vec![Topic::BidReady])).await;
        let others = world.subscription(other, "c.example.com").await;
        let task = world.cancelled(buyer).await;
        assert_eq!((world.relay().await, world.relay().await), (1, 0));
        let log = world.log(&all).await;
        assert_eq!((log.len(), log[0].task, log[0].seq, log[0].topic), (1, task, 2, Topic::Cancelled));
        assert_ne!(log[0].task, before);
        assert!(world.log(&bids).await.is_empty() && world.log(&others).await.is_empty());
        let due = world.claims(false, 10).await;
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].body, format!(r#"{{"id":"{}","type":"task.cancelled"}}"#, event_id(task, 2)));
        assert_eq!((due[0].url.as_str(), due[0].tries, due[0].attempt), ("https://a.example.com/hook", 1, 1));
    }
}

on_both! {
    async fn what_nobody_passes_on_is_counted(world) {
        let buyer = world.account("buyer").await;
        world.subscription(buyer, "a.example.com").await;
        let backlog = async || world.store.webhook_backlog().await.unwrap();
        assert_eq!(backlog().await, Backlog { events: 0, oldest: None });
        let first = world.now();
        world.cancelled(buyer).await;
        world.clock.advance(TimeDelta::minutes(6));
        world.cancelled(buyer).await;
        assert_eq!(backlog().await, Backlog { events: 2, oldest: Some(first) });
        world.relay_all().await;
        assert_eq!(backlog().await, Backlog { events: 0, oldest: None });
    }
}

on_both! {
    async fn the_whole_life_of_a_task_is_told(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        let agent = world.agent(&world.developer("ada").await, "one").await;
        let task = world.task(buyer).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        world.scored(&claimed, &invited[0], 900_000).await;
        world.close(&claimed, Outcome::Late, world.now() + TimeDelta::days(7)).await;
        let until = world.now() + TimeDelta::days(8);
        world.clock.advance(TimeDelta::days(7));
        done(world.store.lapse(world.claim().await, "review_window_lapsed", None, until).await.unwrap());
        world.relay_all().await;
        let log = world.log(&all).await;
        let mut told: Vec<_> = log.iter().map(|logged| (logged.seq, logged.topic)).collect();
        told.sort_unstable();
        let events = world.store.events_after(task.id, 0, 100).await.unwrap();
        let expected: Vec<_> = events.iter().filter_map(|e| Some((e.seq, Topic::of(e)?))).collect();
        assert_eq!(told, expected);
        assert_eq!(expected.iter().map(|(_, topic)| *topic).collect::<Vec<_>>(), [Topic::BidReady, Topic::Expired]);
    }
}

on_both! {
    async fn relays_and_subscribers_side_by_side_neither_lose_nor_repeat(world) {
        let buyer = world.account("buyer").await;
        let first = world.subscription(buyer, "a.example.com").await;
        let second = world.subscription(buyer, "b.example.com").await;
        let tasks = async {
            let mut tasks = BTreeSet::new();
            for _ in 0..30 {
                tasks.insert(world.cancelled(buyer).await);
            }
            tasks
        };
        let relays = async || {
            for _ in 0..40 {
                world.relay().await;
                tokio::task::yield_now().await;
            }
        };
        let (tasks, (), (), ()) = tokio::join!(tasks, relays(), relays(), relays());
        world.relay_all().await;
        for subscription in [&first, &second] {
            let told: Vec<_> = world.log(subscription).await.into_iter().map(|logged| logged.task).collect();
            assert_eq!(told.len(), 30);
            assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), tasks);
        }
    }
}

on_both! {
    async fn whoever_subscribed_before_an_event_hears_of_it(world) {
        let buyer = world.account("buyer").await;
        let _first = world.subscription(buyer, "a.example.com").await;
        let relay = async {
            for _ in 0..60 {
                world.relay().await;
                tokio::task::yield_now().await;
            }
        };
        let subscribe_and_post = async {
            let mut pairs = Vec::new();
            for n in 0..12 {
                let subscription = world.subscription(buyer, &format!("{n}.example.com")).await;
                pairs.push((subscription, world.cancelled(buyer).await));
            }
            pairs
        };
        let (pairs, (), ()) = tokio::join!(subscribe_and_post, relay, async {
            for _ in 0..60 {
                world.relay().await;
                tokio::task::yield_now().await;
            }
        });
        world.relay_all().await;
        for (subscription, task) in pairs {
            let told = world.log(&subscription).await;
            assert!(told.iter().any(|logged| logged.task == task), "{task} was not told");
        }
    }
}

on_both! {
    async fn test_tasks_are_told_to_test_subscriptions_alone(world) {
        let buyer = world.account("buyer").await;
        let live = world.subscription(buyer, "a.example.com").await;
        let test = Subscription { test: true, ..world.new_subscription(buyer, "b.example.com", None) };
        world.store.add_subscription(&test).await.unwrap().unwrap();
        let task = gavel_domain::task::Task { test: true, ..world.new_task(buyer) };
        world.store.create_task(&task).await.unwrap();
        world.store.cancel(task.id, Actor::Buyer, "x", world.now()).await.unwrap().unwrap();
        world.relay_all().await;
        assert_eq!((world.log(&live).await.len(), world.log(&test).await.len()), (0, 1));
    }
}
