//! The queue of deliveries: who is sent to, what came of it, when again.

use super::{AT_ONCE, states};
use crate::support::{done, on_both};
use chrono::TimeDelta;
use gavel_domain::webhook::{Came, Rules, Standing};
use gavel_store::Guarded;
use gavel_store::webhooks::claims::{Full, Turn, WebhookResult};
use std::collections::BTreeSet;

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
    async fn who_is_full_is_left_out_and_those_behind_it_served(world) {
        let buyer = world.account("buyer").await;
        for n in 0..5 {
            let mut new = world.new_subscription(buyer, "shared.example.com", None);
            new.url = format!("https://shared.example.com/{n}");
            world.store.add_subscription(&new).await.unwrap().unwrap();
        }
        let other = world.subscription(buyer, "other.example.com").await;
        world.cancelled(buyer).await;
        world.relay_all().await;
        let stranger = world.account("stranger").await;
        let strangers = world.subscription(stranger, "shared.example.com").await;
        world.cancelled(stranger).await;
        world.relay_all().await;
        let shared = "shared.example.com".to_owned();
        let claims = async |full| {
            let claimed = world.claims_but(false, 1, &full).await;
            for due in &claimed {
                world.store.let_webhook_go(due, world.now()).await.unwrap();
            }
            claimed.first().map(|due| due.subscription)
        };
        let full = Full { hosts: vec![shared.clone()], ..Full::default() };
        assert_eq!(claims(full).await, Some(other.id));
        let full = Full { accounts: vec![buyer], ..Full::default() };
        assert_eq!(claims(full).await, Some(strangers.id));
        let full = Full { at_hosts: vec![(shared.clone(), buyer), ("other.example.com".to_owned(), buyer)], ..Full::default() };
        assert_eq!(claims(full).await, Some(strangers.id));
        let full = Full { accounts: vec![stranger], hosts: vec![shared.clone()], ..Full::default() };
        assert_eq!(claims(full).await, Some(other.id));
        let full = Full { accounts: vec![stranger], at_hosts: vec![(shared.clone(), buyer)], ..Full::default() };
        assert_eq!(claims(full).await, Some(other.id));
        let full = Full { hosts: vec![shared, "other.example.com".to_owned()], ..Full::default() };
        assert_eq!(claims(full).await, None);
        let turn = Turn {
            standing: Standing::New, most: 10, at_once: AT_ONCE, full: &Full { hosts: vec!["other.example.com".to_owned()], ..Full::default() }, now: world.now(),
            lost_at: world.now() + TimeDelta::seconds(20),
        };
        let mut room = 2;
        let place = |host: &str, account| {
            assert!(host == "shared.example.com" && [buyer, stranger].contains(&account));
            if room == 0 { return None }
            room -= 1;
            Some(())
        };
        assert_eq!(world.store.claim_webhooks(&turn, place).await.unwrap().len(), 2);
        assert_eq!(world.claims(false, 10).await.len(), 5, "the others are still due");
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
                let _ = world.store.rotate_webhook_secret(subscription.id, promotes_at, world.now()).await.unwrap();
                if let Some(logged) = world.log(subscription).await.first() {
                    world.store.redeliver_webhook(subscription.id, logged.id, world.now()).await.unwrap();
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
