//! The outbox, the queue of deliveries, and subscriptions.

use crate::support::{World, done, on_both};
use chrono::TimeDelta;
use gavel_domain::event::Actor;
use gavel_domain::invitation::Outcome;
use gavel_domain::limits::SUBSCRIPTIONS_MAX;
use gavel_domain::webhook::{Came, Rules, SecretVersion, Standing, Subscription, Topic, event_id};
use gavel_domain::{AccountId, SubscriptionId, TaskId, Timestamp, WebhookDeliveryId};
use gavel_store::webhooks::claims::{DueWebhook, Turn, WebhookResult};
use gavel_store::webhooks::log::{LoggedWebhook, Redelivery};
use gavel_store::webhooks::subscriptions::Refused;
use gavel_store::{Guarded, IdempotencyKey, Once};
use std::collections::BTreeSet;

/// Deliveries to one subscription side by side.
const AT_ONCE: u32 = 3;

impl World {
    async fn subscription(&self, account: AccountId, host: &str) -> Subscription {
        self.subscription_to(account, host, None).await
    }

    async fn subscription_to(
        &self,
        account: AccountId,
        host: &str,
        topics: Option<Vec<Topic>>,
    ) -> Subscription {
        let new = self.new_subscription(account, host, topics);
        let added = self.store.add_subscription(&new, None, 201, "").await.unwrap();
        assert_eq!(added, Once::Fresh(Ok(())));
        new
    }

    fn new_subscription(&self, account: AccountId, host: &str, topics: Option<Vec<Topic>>) -> Subscription {
        Subscription {
            id: SubscriptionId::new(self.now(), &self.chance),
            account,
            test: false,
            url: format!("https://{host}/hook"),
            host: host.to_owned(),
            topics,
            description: Some("mine".to_owned()),
            secret: SecretVersion::FIRST,
            created_at: self.now(),
            endpoint: Default::default(),
            disabled: None,
        }
    }

    /// A task that is cancelled at once: one event to be told of.
    async fn cancelled(&self, account: AccountId) -> TaskId {
        let task = self.task(account).await.id;
        self.store.cancel(task, Actor::Buyer, "cancelled_by_buyer", self.now()).await.unwrap().unwrap();
        task
    }

    async fn relay(&self) -> usize {
        let fresh = || WebhookDeliveryId::new(self.now(), &self.chance);
        let render = |news: &gavel_domain::webhook::News| {
            format!(
                r#"{{"id":"{}","type":"{}"}}"#,
                event_id(news.event.task, news.event.seq),
                news.topic.name()
            )
        };
        self.store.relay_webhooks(100, self.now(), fresh, render).await.unwrap()
    }

    async fn relay_all(&self) {
        while self.relay().await > 0 {}
    }

    async fn claims(&self, failing: bool, most: u32) -> Vec<DueWebhook> {
        self.claims_but(failing, most, &[]).await
    }

    async fn claims_but(&self, failing: bool, most: u32, full_hosts: &[String]) -> Vec<DueWebhook> {
        let now = self.now();
        let lost_at = now + TimeDelta::seconds(20);
        let standings: &[_] = if failing { &[Standing::Failing] } else { &[Standing::Proven, Standing::New] };
        let mut all = Vec::new();
        for &standing in standings {
            let most = most - all.len() as u32;
            let turn = Turn { standing, most, at_once: AT_ONCE, full_hosts, now, lost_at };
            let claimed = self.store.claim_webhooks(&turn, |_| Some(())).await.unwrap();
            all.extend(claimed.into_iter().map(|(due, ())| due));
        }
        all
    }

    /// An endpoint that has taken something before.
    async fn proven(&self, account: AccountId, host: &str) -> Subscription {
        let proven = self.subscription(account, host).await;
        self.cancelled(account).await;
        self.relay_all().await;
        let due = self.claims(false, 100).await;
        let due = due.iter().find(|due| due.subscription == proven.id).unwrap();
        let _ = self.answers(due, 200).await;
        proven
    }

    async fn answers(&self, due: &DueWebhook, status: u16) -> Guarded<Option<String>> {
        let now = self.now();
        let result = WebhookResult {
            status: Some(status),
            problem: (status != 200).then(|| "no".to_owned()),
            response: Some("body".to_owned()),
            at: now,
        };
        let came = Came::Answer { status, retry_after: None };
        let judge = |before: &_| Rules::default().judge(before, due.tries, &came, now, &self.chance);
        self.store.record_webhook(due, &result, AT_ONCE, judge).await.unwrap()
    }

    async fn log(&self, subscription: &Subscription) -> Vec<LoggedWebhook> {
        self.store.webhook_log(subscription.id, None, 1000).await.unwrap()
    }

    fn later(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }
}

fn states(log: &[LoggedWebhook]) -> Vec<&str> {
    log.iter().map(|logged| logged.state.as_str()).collect()
}

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
    async fn a_delivery_is_claimed_once_and_recorded_by_its_own_try_alone(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let first = world.claims(false, 10).await.remove(0);
        assert!(world.claims(false, 10).await.is_empty(), "it is under way");
        world.later(20); // its process died: the lease ends, and the try counts
        let second = world.claims(false, 10).await.remove(0);
        assert_eq!((second.delivery, second.attempt, second.tries), (first.delivery, 2, 2));
        assert_eq!(world.answers(&first, 500).await, Guarded::Lost);
        assert_eq!(world.answers(&second, 200).await, Guarded::Done(None));
        assert_eq!(world.answers(&second, 200).await, Guarded::Lost, "once");
        let log = world.log(&all).await;
        assert_eq!((log[0].state.as_str(), log[0].next_at), ("delivered", None));
        let tries: Vec<_> = log[0].attempts.iter().map(|a| (a.number, a.status, a.ended_at.is_some())).collect();
        assert_eq!(tries, [(2, Some(200), true), (1, None, false)]);
        assert!(world.claims(false, 10).await.is_empty());
    }
}

on_both! {
    async fn replicas_that_claim_at_once_share(world) {
        let buyer = world.account("buyer").await;
        for n in 0..20 {
            world.subscription(buyer, &format!("{n}.example.com")).await;
        }
        world.cancelled(buyer).await;
        world.relay_all().await;
        let claims = async || {
            let mut mine = Vec::new();
            for _ in 0..20 {
                mine.extend(world.claims(false, 2).await.into_iter().map(|due| due.delivery));
            }
            mine
        };
        let (a, b, c) = tokio::join!(claims(), claims(), claims());
        let all: Vec<_> = [a, b, c].concat();
        assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (20, 20));
    }
}

on_both! {
    async fn a_failing_delivery_follows_the_schedule_and_ends_visibly(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let (begun, mut tries) = (world.now(), 0);
        while let [logged] = &world.log(&all).await[..] && let Some(next) = logged.next_at {
            world.clock.advance(next - world.now());
            let due = world.claims(tries > 0, 10).await.remove(0);
            tries += 1;
            assert_eq!((due.tries, due.attempt), (tries, tries));
            world.later(1);
            let _ = world.answers(&due, 500).await;
        }
        let hours = (world.now() - begun).num_hours();
        assert_eq!((tries, (60..=91).contains(&hours)), (10, true), "{hours} h");
        assert_eq!(states(&world.log(&all).await), ["exhausted"]);
        let known = world.store.subscription(all.id).await.unwrap().unwrap();
        assert_eq!((known.endpoint.fails, known.disabled), (10, None));
    }
}

on_both! {
    async fn a_last_try_that_is_lost_is_not_made_again_for_ever(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        for tries in 1..=10 {
            assert_eq!(world.claims(false, 10).await.remove(0).tries, tries);
            world.later(20);
        }
        assert!(world.claims(false, 10).await.is_empty());
        assert_eq!(states(&world.log(&all).await), ["exhausted"]);
    }
}

on_both! {
    async fn what_is_let_go_is_sent_again_at_once_and_the_schedule_does_not_count_it(world) {
        let buyer = world.account("buyer").await;
        world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let due = world.claims(false, 10).await.remove(0);
        world.store.let_webhook_go(&due, world.now()).await.unwrap();
        let again = world.claims(false, 10).await.remove(0);
        assert_eq!((again.delivery, again.attempt, again.tries), (due.delivery, 2, 1));
    }
}

on_both! {
    async fn a_subscription_gets_no_more_than_it_takes_and_less_while_it_fails(world) {
        let buyer = world.account("buyer").await;
        world.proven(buyer, "a.example.com").await;
        for _ in 0..6 {
            world.cancelled(buyer).await;
        }
        world.relay_all().await;
        let first = world.claims(false, 100).await;
        assert_eq!(first.len(), AT_ONCE as usize);
        assert!(world.claims(false, 100).await.is_empty());
        let _ = world.answers(&first[0], 200).await;
        let next = world.claims(false, 100).await;
        assert_eq!(next.len(), 1, "the place that is free again");
        for due in first[1..].iter().chain(&next) {
            let _ = world.answers(due, 500).await;
        }
        assert!(world.claims(false, 100).await.is_empty(), "it is not well any more");
        let probe = world.claims(true, 100).await;
        assert_eq!(probe.len(), 1, "one finds out");
        let _ = world.answers(&probe[0], 200).await;
        assert_eq!(world.claims(false, 100).await.len(), 1, "well again; the others wait for their time");
        world.later(7);
        assert_eq!(world.claims(false, 100).await.len(), 2, "and that has come");
    }
}

on_both! {
    async fn a_new_endpoint_is_tried_with_one(world) {
        let buyer = world.account("buyer").await;
        world.subscription(buyer, "a.example.com").await;
        for _ in 0..4 {
            world.cancelled(buyer).await;
        }
        world.relay_all().await;
        let first = world.claims(false, 100).await;
        assert_eq!((first.len(), world.claims(false, 100).await.len()), (1, 0));
        let _ = world.answers(&first[0], 200).await;
        assert_eq!(world.claims(false, 100).await.len(), AT_ONCE as usize);
    }
}

on_both! {
    async fn whoever_has_thousands_waiting_delays_nobody(world) {
        let (busy, quiet) = (world.account("busy").await, world.account("quiet").await);
        let many = world.proven(busy, "a.example.com").await;
        let few = world.proven(quiet, "b.example.com").await;
        for _ in 0..30 {
            world.cancelled(busy).await;
        }
        world.relay_all().await;
        let first = world.claims(false, 3).await;
        assert!(first.iter().all(|due| due.subscription == many.id));
        world.later(1);
        world.cancelled(quiet).await;
        world.relay_all().await;
        world.later(1);
        for due in &first {
            let _ = world.answers(due, 200).await;
        }
        let next = world.claims(false, 1).await;
        assert_eq!(next[0].subscription, few.id, "the other one is served before the rest of the first's");
    }
}

on_both! {
    async fn full_hosts_are_left_out_and_those_behind_them_served(world) {
        let buyer = world.account("buyer").await;
        for n in 0..5 {
            let mut new = world.new_subscription(buyer, "shared.example.com", None);
            new.url = format!("https://shared.example.com/{n}");
            let _ = world.store.add_subscription(&new, None, 201, "").await.unwrap();
        }
        let other = world.subscription(buyer, "other.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let claimed = world.claims_but(false, 1, &["shared.example.com".to_owned()]).await;
        assert_eq!(claimed[0].subscription, other.id);
        let turn = Turn {
            standing: Standing::New, most: 10, at_once: AT_ONCE, full_hosts: &[], now: world.now(),
            lost_at: world.now() + TimeDelta::seconds(20),
        };
        let mut room = 2;
        let place = |host: &str| {
            assert_eq!(host, "shared.example.com");
            if room == 0 { return None }
            room -= 1;
            Some(())
        };
        assert_eq!(world.store.claim_webhooks(&turn, place).await.unwrap().len(), 2);
        assert_eq!(world.claims(false, 10).await.len(), 3, "the others are still due");
    }
}

on_both! {
    async fn an_endpoint_that_asks_for_quiet_gets_it(world) {
        let buyer = world.account("buyer").await;
        world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let due = world.claims(false, 10).await.remove(0);
        let now = world.now();
        let came = Came::Answer { status: 429, retry_after: Some("120".to_owned()) };
        let judge = |before: &_| Rules::default().judge(before, due.tries, &came, now, &world.chance);
        let result = WebhookResult { status: Some(429), problem: None, response: None, at: now };
        done(world.store.record_webhook(&due, &result, AT_ONCE, judge).await.unwrap());
        world.cancelled(buyer).await; // news do not break the silence
        world.relay_all().await;
        world.later(119);
        assert!(world.claims(true, 10).await.is_empty());
        world.later(1);
        assert_eq!(world.claims(true, 10).await.len(), 1);
    }
}

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
        let again = world.store.redeliver_webhook((gone.id, due.delivery), None, world.now(), "").await.unwrap();
        assert_eq!(again, Once::Fresh(Redelivery::Disabled));
    }
}

on_both! {
    async fn deleted_is_gone_even_with_a_try_under_way(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let due = world.claims(false, 1).await.remove(0);
        assert_eq!(world.store.delete_subscription(all.id, None, world.now()).await.unwrap(), Once::Fresh(Ok(())));
        assert_eq!(world.answers(&due, 500).await, Guarded::Done(None));
        world.later(100_000);
        assert!(world.claims(true, 10).await.is_empty());
        assert_eq!(world.store.subscription(all.id).await.unwrap(), None);
        assert!(world.store.subscriptions_of(buyer, false).await.unwrap().is_empty());
        let again = world.store.delete_subscription(all.id, None, world.now()).await.unwrap();
        assert_eq!(again, Once::Fresh(Err(Refused::Gone)));
        let promotes_at = world.now() + TimeDelta::hours(1);
        let rotated = world.store
            .rotate_webhook_secret(all.id, promotes_at, None, world.now(), |_| String::new()).await.unwrap();
        assert_eq!(rotated, Once::Fresh(Err(Refused::Gone)));
    }
}

on_both! {
    async fn a_delivery_is_sent_again_by_hand_under_its_own_id(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let due = world.claims(false, 1).await.remove(0);
        let again = async |key: Option<&IdempotencyKey>| {
            world.store.redeliver_webhook((all.id, due.delivery), key, world.now(), "begun").await.unwrap()
        };
        assert_eq!(again(None).await, Once::Fresh(Redelivery::UnderWay));
        let _ = world.answers(&due, 200).await;
        let key = IdempotencyKey { account: buyer, key: "k".to_owned(), fingerprint: "f".to_owned() };
        assert_eq!(again(Some(&key)).await, Once::Fresh(Redelivery::Begun));
        let second = world.claims(false, 10).await.remove(0);
        assert_eq!((second.delivery, second.attempt, second.tries), (due.delivery, 2, 1));
        let _ = world.answers(&second, 200).await;
        assert_eq!(again(Some(&key)).await, Once::Replayed { status: 202, body: "begun".to_owned() });
        assert!(world.claims(false, 10).await.is_empty(), "the repeated request had no effect");
        let unknown = WebhookDeliveryId::new(world.now(), &world.chance);
        let unknown = world.store.redeliver_webhook((all.id, unknown), None, world.now(), "").await.unwrap();
        assert_eq!(unknown, Once::Fresh(Redelivery::Unknown));
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
            world.store.add_subscription(&new, None, 201, "").await.unwrap() == Once::Fresh(Ok(()))
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
    async fn secrets_rotate_by_number_once_per_key(world) {
        let buyer = world.account("buyer").await;
        let all = world.subscription(buyer, "a.example.com").await;
        let promotes_at = world.now() + TimeDelta::hours(24);
        let key = IdempotencyKey { account: buyer, key: "k".to_owned(), fingerprint: "f".to_owned() };
        let rotate = async |key: Option<&IdempotencyKey>, now: Timestamp, promotes_at| {
            let render = |s: &Subscription| format!("version {}", s.secret.newest);
            world.store.rotate_webhook_secret(all.id, promotes_at, key, now, render).await.unwrap()
        };
        let now = world.now();
        assert_eq!(rotate(Some(&key), now, promotes_at).await, Once::Fresh(Ok("version 2".to_owned())));
        let replayed = Once::Replayed { status: 200, body: "version 2".to_owned() };
        assert_eq!(rotate(Some(&key), now, promotes_at).await, replayed);
        assert_eq!(rotate(None, now, promotes_at).await, Once::Fresh(Err(Refused::Overlaps { until: promotes_at })));
        let known = world.store.subscription(all.id).await.unwrap().unwrap();
        assert_eq!(known.secret, SecretVersion { newest: 2, promotes_at: Some(promotes_at) });
        let later = promotes_at + TimeDelta::hours(24);
        assert_eq!(rotate(None, promotes_at, later).await, Once::Fresh(Ok("version 3".to_owned())));
    }
}

on_both! {
    async fn test_tasks_are_told_to_test_subscriptions_alone(world) {
        let buyer = world.account("buyer").await;
        let live = world.subscription(buyer, "a.example.com").await;
        let test = Subscription { test: true, ..world.new_subscription(buyer, "b.example.com", None) };
        let _ = world.store.add_subscription(&test, None, 201, "").await.unwrap();
        let task = gavel_domain::task::Task { test: true, ..world.new_task(buyer) };
        let _ = world.store.create_task(&task, None, 201, "").await.unwrap();
        world.store.cancel(task.id, Actor::Buyer, "x", world.now()).await.unwrap().unwrap();
        world.relay_all().await;
        assert_eq!((world.log(&live).await.len(), world.log(&test).await.len()), (0, 1));
    }
}

on_both! {
    async fn everything_at_once_ends_without_a_deadlock(world) {
        let buyers = [world.account("one").await, world.account("two").await];
        let mut subscriptions = Vec::new();
        for (n, buyer) in [0, 1, 0, 1, 0, 1].into_iter().enumerate() {
            subscriptions.push(world.subscription(buyers[buyer], &format!("{n}.example.com")).await);
        }
        let post = async |buyer| {
            for _ in 0..12 {
                world.cancelled(buyer).await;
                world.relay().await;
            }
        };
        let send = async |statuses: [u16; 3]| {
            for n in 0..25 {
                world.relay().await;
                for failing in [false, true] {
                    for due in world.claims(failing, 5).await {
                        let _ = world.answers(&due, statuses[n % 3]).await;
                    }
                }
                world.later(30);
            }
        };
        let meddle = async {
            for n in 0..20 {
                let subscription = &subscriptions[n % 6];
                let promotes_at = world.now() + TimeDelta::seconds(1);
                let render = |_: &Subscription| String::new();
                world.store.rotate_webhook_secret(subscription.id, promotes_at, None, world.now(), render).await.unwrap();
                if let Some(logged) = world.log(subscription).await.first() {
                    world.store.redeliver_webhook((subscription.id, logged.id), None, world.now(), "").await.unwrap();
                }
            }
        };
        tokio::join!(post(buyers[0]), post(buyers[1]), send([200, 500, 200]), send([200, 429, 503]), meddle);
        world.relay_all().await;
        // Everything that is left is taken in the end.
        for _ in 0..400 {
            for failing in [false, true] {
                for due in world.claims(failing, 100).await {
                    let _ = world.answers(&due, 200).await;
                }
            }
            world.later(300);
        }
        for subscription in &subscriptions {
            let log = world.log(subscription).await;
            assert_eq!((log.len(), states(&log).iter().all(|state| *state == "delivered")), (12, true));
        }
    }
}
