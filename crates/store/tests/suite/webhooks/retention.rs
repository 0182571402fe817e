//! What buyers were told goes with time; what is on its way to somebody stays.

use crate::support::{World, on_both};
use chrono::TimeDelta;
use gavel_domain::SubscriptionId;
use gavel_domain::webhook::Topic;
use gavel_store::webhooks::log::Redelivery;

const DAYS: TimeDelta = TimeDelta::days(30);

impl World {
    /// Forgets what was told thirty days ago or earlier.
    async fn forget(&self, most: u32) -> u64 {
        self.store.forget_webhooks(self.now() - DAYS, most).await.unwrap()
    }

    /// Events, deliveries and tries that there are.
    async fn kept(&self) -> [i64; 3] {
        [
            self.number("SELECT COUNT(*) FROM webhook_events").await,
            self.number("SELECT COUNT(*) FROM webhook_deliveries").await,
            self.number("SELECT COUNT(*) FROM webhook_attempts").await,
        ]
    }

    /// Everything that waits is sent and taken.
    async fn told(&self) {
        self.relay_all().await;
        for due in self.claims(false, 100).await {
            let _ = self.answers(&due, 200).await;
        }
    }

    async fn delete(&self, account: gavel_domain::AccountId, id: SubscriptionId) {
        self.store.delete_subscription(id, (account, false), self.now()).await.unwrap().unwrap();
    }
}

on_both! {
    async fn what_was_told_goes_with_its_tries(world) {
        let buyer = world.account("buyer").await;
        let shop = world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.told().await;
        assert_eq!(world.kept().await, [1, 1, 1]);
        world.clock.advance(DAYS - TimeDelta::seconds(1));
        assert_eq!(world.forget(10).await, 0, "it was told a short while ago");
        world.clock.advance(TimeDelta::seconds(1));
        assert_eq!((world.forget(10).await, world.forget(10).await), (1, 0));
        assert_eq!(world.kept().await, [0, 0, 0]);
        assert!(world.log(&shop).await.is_empty());
        world.cancelled(buyer).await;
        world.told().await;
        assert_eq!(world.log(&shop).await.len(), 1, "what comes then is told as ever");
    }
}

on_both! {
    async fn what_is_on_its_way_to_somebody_stays(world) {
        let buyer = world.account("buyer").await;
        let slow = world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        assert_eq!(world.kept().await, [1, 0, 0]);
        world.clock.advance(DAYS * 2);
        assert_eq!(world.forget(10).await, 0, "nobody was told yet");
        world.relay_all().await;
        world.clock.advance(DAYS * 2);
        assert_eq!(world.forget(10).await, 0, "it waits to be sent");
        world.told().await;
        let delivery = world.log(&slow).await[0].id;
        world.clock.advance(DAYS);
        let again = world.store.redeliver_webhook(slow.id, delivery, world.now()).await.unwrap();
        assert_eq!((again, world.forget(10).await), (Redelivery::Begun, 0), "it is sent once more");
        world.delete(buyer, slow.id).await;
        world.clock.advance(DAYS - TimeDelta::seconds(1));
        assert_eq!(world.forget(10).await, 0, "what waited for a subscription that is gone stays as long as the rest");
        world.clock.advance(TimeDelta::seconds(1));
        assert_eq!((world.forget(10).await, world.kept().await), (1, [0, 0, 0]));
    }
}

on_both! {
    async fn what_was_told_first_goes_first_also_what_nobody_wanted(world) {
        let buyer = world.account("buyer").await;
        world.subscription_to(buyer, "a.example.com", Some(vec![Topic::BidReady])).await;
        for _ in 0..5 {
            world.cancelled(buyer).await;
            world.relay_all().await;
            world.later(60);
        }
        world.clock.advance(DAYS - TimeDelta::seconds(90));
        assert_eq!([world.forget(3).await, world.forget(3).await, world.forget(3).await], [3, 1, 0]);
        world.later(60);
        assert_eq!((world.forget(3).await, world.kept().await), (1, [0, 0, 0]));
    }
}

on_both! {
    async fn two_that_forget_at_once_take_different_events(world) {
        let buyer = world.account("buyer").await;
        world.subscription(buyer, "a.example.com").await;
        for _ in 0..12 {
            world.cancelled(buyer).await;
            world.told().await;
        }
        world.clock.advance(DAYS);
        let forgets = (0..4).map(|_| async { world.forget(3).await });
        let forgotten: u64 = futures::future::join_all(forgets).await.into_iter().sum();
        assert_eq!(forgotten + world.forget(20).await, 12);
        assert_eq!(world.kept().await, [0, 0, 0]);
    }
}

/// What is sent again by hand at the moment when it is forgotten: it waits, and then there is nothing to be sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_gone_is_not_sent_again() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let world = crate::support::on_postgres(server, "forgotten").await;
    let buyer = world.account("buyer").await;
    let shop = world.subscription(buyer, "a.example.com").await;
    world.cancelled(buyer).await;
    world.told().await;
    let delivery = world.log(&shop).await[0].id;
    let forgetting =
        world.holding("WITH tries AS (DELETE FROM webhook_attempts) DELETE FROM webhook_deliveries").await;
    let now = world.now();
    let again = world.store.redeliver_webhook(shop.id, delivery, now);
    let commit = async {
        let waits = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted";
        while world.number(waits).await == 0 {
            tokio::task::yield_now().await;
        }
        crate::support::commit(forgetting).await;
    };
    let (again, ()) = tokio::join!(again, commit);
    assert_eq!(again.unwrap(), Redelivery::Unknown);
}

/// What somebody holds is left for the next time, and nobody waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_in_somebodys_hands_stays() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let world = crate::support::on_postgres(server, "in_hands").await;
    let buyer = world.account("buyer").await;
    world.subscription(buyer, "a.example.com").await;
    world.cancelled(buyer).await;
    world.told().await;
    world.clock.advance(DAYS);
    let holder = world.holding("SELECT id FROM webhook_deliveries FOR NO KEY UPDATE").await;
    assert_eq!((world.forget(10).await, world.kept().await), (0, [1, 1, 1]));
    crate::support::commit(holder).await;
    assert_eq!(world.forget(10).await, 1);
}
