//! What buyers do with their subscriptions, and what they see of them.

use crate::support::on_both;
use chrono::TimeDelta;
use gavel_domain::limits::SUBSCRIPTIONS_MAX;
use gavel_domain::webhook::{SecretVersion, Topic};
use gavel_domain::{Timestamp, WebhookDeliveryId};
use gavel_store::Guarded;
use gavel_store::webhooks::log::Redelivery;
use gavel_store::webhooks::subscriptions::Refused;

on_both! {
    async fn gone_disables_and_nothing_more_is_sent(world) {
        let buyer = world.account("buyer").await;
        let gone = world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let due = world.claims(false, 1).await.remove(0);
        assert_eq!(world.answers(&due, 410).await, Guarded::Done(Some("the endpoint answered 410 Gone".to_owned())));
        let known = world.store.subscription(gone.id).await.unwrap().unwrap();
        assert_eq!(known.disabled, Some((world.now(), "the endpoint answered 410 Gone".to_owned())));
        world.later(1000);
        assert!(world.claims(true, 10).await.is_empty() && world.claims(false, 10).await.is_empty());
        world.cancelled(buyer).await;
        assert_eq!(world.relay().await, 0, "nobody listens any more");
        let again = world.store.redeliver_webhook(gone.id, due.delivery, world.now()).await.unwrap();
        assert_eq!(again, Redelivery::Disabled);
    }
}

on_both! {
    async fn deleted_is_gone_even_with_a_try_under_way(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let due = world.claims(false, 1).await.remove(0);
        assert_eq!(world.store.delete_subscription(all.id, (buyer, false), world.now()).await.unwrap(), Ok(()));
        assert_eq!(world.answers(&due, 500).await, Guarded::Done(None));
        world.later(100_000);
        assert!(world.claims(true, 10).await.is_empty());
        assert_eq!(world.store.subscription(all.id).await.unwrap(), None);
        assert!(world.store.subscriptions_of(buyer, false).await.unwrap().is_empty());
        let again = world.store.delete_subscription(all.id, (buyer, false), world.now()).await.unwrap();
        assert_eq!(again, Err(Refused::Gone));
        let promotes_at = world.now() + TimeDelta::hours(1);
        let rotated = world.store
            .rotate_webhook_secret(all.id, promotes_at, world.now()).await.unwrap();
        assert_eq!(rotated, Err(Refused::Gone));
    }
}

on_both! {
    async fn a_delivery_is_sent_again_by_hand_under_its_own_id(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let due = world.claims(false, 1).await.remove(0);
        let again = async || world.store.redeliver_webhook(all.id, due.delivery, world.now()).await.unwrap();
        assert_eq!(again().await, Redelivery::UnderWay);
        let _ = world.answers(&due, 200).await;
        assert_eq!(again().await, Redelivery::Begun);
        let second = world.claims(false, 10).await.remove(0);
        assert_eq!((second.delivery, second.attempt, second.tries), (due.delivery, 2, 1));
        let _ = world.answers(&second, 200).await;
        assert!(world.claims(false, 10).await.is_empty());
        let unknown = WebhookDeliveryId::new(world.now(), &world.chance);
        let unknown = world.store.redeliver_webhook(all.id, unknown, world.now()).await.unwrap();
        assert_eq!(unknown, Redelivery::Unknown);
    }
}

on_both! {
    async fn the_log_comes_page_by_page(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        let mut tasks = Vec::new();
        for _ in 0..5 {
            world.later(1);
            tasks.push(world.cancelled(buyer).await);
            world.relay_all().await;
        }
        tasks.reverse();
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = world.store.webhook_log(all.id, before, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.into_iter().map(|logged| logged.task));
        }
        assert_eq!(seen, tasks);
    }
}

on_both! {
    async fn an_account_has_so_many_subscriptions_whatever_races(world) {
        let buyer = world.account("buyer").await;
        let add = async |n: i64| {
            let new = world.new_subscription(buyer, &format!("{n}.example.com"), Some(vec![Topic::Expired]));
            world.store.add_subscription(&new).await.unwrap().is_ok()
        };
        let added = futures::future::join_all((0..SUBSCRIPTIONS_MAX + 5).map(add)).await;
        assert_eq!(added.iter().filter(|added| **added).count() as i64, SUBSCRIPTIONS_MAX);
        let known = world.store.subscriptions_of(buyer, false).await.unwrap();
        assert_eq!(known.len() as i64, SUBSCRIPTIONS_MAX);
        assert_eq!(known[0].topics, Some(vec![Topic::Expired]));
        assert!(world.store.subscriptions_of(buyer, true).await.unwrap().is_empty());
    }
}

on_both! {
    async fn secrets_rotate_by_number(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        let promotes_at = world.now() + TimeDelta::hours(24);
        let rotate = async |now: Timestamp, promotes_at| {
            let rotated = world.store.rotate_webhook_secret(all.id, promotes_at, now).await.unwrap();
            rotated.map(|subscription| subscription.secret.newest)
        };
        let now = world.now();
        assert_eq!(rotate(now, promotes_at).await, Ok(2));
        assert_eq!(rotate(now, promotes_at).await, Err(Refused::Overlaps { until: promotes_at }));
        let known = world.store.subscription(all.id).await.unwrap().unwrap();
        assert_eq!(known.secret, SecretVersion { newest: 2, promotes_at: Some(promotes_at) });
        assert_eq!(rotate(promotes_at, promotes_at + TimeDelta::hours(24)).await, Ok(3));
    }
}
