//! What is asked for under a key happens once, whoever races, and is answered as it was the first time.

use crate::support::{World, on_both};
use chrono::TimeDelta;
use gavel_domain::event::Actor;
use gavel_domain::{AccountId, Timestamp};
use gavel_store::choices::Refusal;
use gavel_store::{Held, IdempotencyKey, Kept, KeptBody, Once, Result, Store};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn key(account: AccountId, key: &str, fingerprint: &str) -> IdempotencyKey {
    IdempotencyKey { account, key: key.to_owned(), fingerprint: fingerprint.to_owned() }
}

fn kept(body: &str) -> Kept {
    Kept { status: 201, body: KeptBody::Sealed(body.as_bytes().to_vec()) }
}

/// Posts a task under a key; what is answered is the task's id. `Err`: there was no such answer.
async fn post(store: &Store, task: &gavel_domain::task::Task, key: IdempotencyKey) -> Result<Once> {
    match store.once(Some(key), task.created_at).await? {
        Once::Fresh(mut deed) => {
            deed.create_task(task).await?;
            deed.commit(|_| kept(&task.id.to_string())).await?;
            Ok(Once::Before(kept(&task.id.to_string())))
        }
        other => Ok(other),
    }
}

fn answer(once: Once) -> String {
    match once {
        Once::Before(Kept { status: 201, body: KeptBody::Sealed(id) }) => String::from_utf8(id).unwrap(),
        other => panic!("{other:?}"),
    }
}

impl World {
    async fn count(&self, account: AccountId) -> usize {
        self.store.tasks_of(account, false, None, None, 10_000).await.unwrap().len()
    }

    async fn held(&self, key: &IdempotencyKey, until: Timestamp) -> Held {
        match self.store.once(Some(key.clone()), self.now()).await.unwrap() {
            Once::Fresh(deed) => deed.hold(until).await.unwrap().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// What a look at a key finds that nobody waits for.
    async fn found(&self, key: &IdempotencyKey) -> Once {
        self.store.once(Some(key.clone()), self.now()).await.unwrap()
    }
}

on_both! {
    async fn one_key_is_one_effect_and_one_answer(world) {
        let (account, other) = (world.account("buyer").await, world.account("other").await);
        let post = async |account, name: &str, fingerprint: &str| {
            post(&world.store, &world.new_task(account), key(account, name, fingerprint)).await.unwrap()
        };
        let first = answer(post(account, "k", "f").await);
        assert_eq!(answer(post(account, "k", "f").await), first);
        assert!(matches!(post(account, "k", "g").await, Once::Mismatch));
        assert_ne!(answer(post(account, "other", "f").await), first);
        assert_ne!(answer(post(other, "k", "f").await), first, "keys are each account's own");
        assert_eq!((world.count(account).await, world.count(other).await), (2, 1));
    }
}

on_both! {
    async fn what_does_not_come_to_its_end_leaves_no_key(world) {
        let account = world.account("buyer").await;
        for end in ["dropped", "given up"] {
            let Once::Fresh(mut deed) = world.found(&key(account, "k", "f")).await else { panic!("{end}") };
            deed.create_task(&world.new_task(account)).await.unwrap();
            if end == "given up" {
                deed.give_up().await.unwrap();
            }
        }
        assert_eq!(world.count(account).await, 0);
        answer(post(&world.store, &world.new_task(account), key(account, "k", "g")).await.unwrap());
        assert_eq!(world.count(account).await, 1);
    }
}

on_both! {
    async fn a_refusal_that_is_kept_has_changed_nothing_else(world) {
        let account = world.account("buyer").await;
        let task = world.task(account).await;
        world.store.cancel(task.id, Actor::Buyer, "x", world.now()).await.unwrap().unwrap();
        let before = (world.store.task(task.id).await.unwrap(), world.store.events_after(task.id, 0, 99).await.unwrap());
        let Once::Fresh(mut deed) = world.found(&key(account, "k", "f")).await else { panic!("it is new") };
        let refused = deed.cancel(task.id, Actor::Buyer, "x", world.now()).await.unwrap();
        assert!(matches!(refused, Err(Refusal::State(_))));
        deed.commit(|_| kept("no")).await.unwrap();
        assert_eq!(answer(world.found(&key(account, "k", "f")).await), "no");
        let after = (world.store.task(task.id).await.unwrap(), world.store.events_after(task.id, 0, 99).await.unwrap());
        assert_eq!(before, after);
    }
}

on_both! {
    async fn many_keys_that_race_are_one_effect_each(world) {
        const KEYS: usize = 40;
        const AT_ONCE: usize = 16;
        let account = world.account("buyer").await;
        let stores = world.stores().await;
        for name in 0..KEYS {
            let posts = (0..AT_ONCE).map(|n| {
                let (store, task) = (stores[n % stores.len()].clone(), world.new_task(account));
                let key = key(account, &name.to_string(), "f");
                tokio::spawn(async move { answer(post(&store, &task, key).await.unwrap()) })
            });
            let answers: Vec<_> = futures::future::join_all(posts).await.into_iter().map(|one| one.unwrap()).collect();
            assert!(answers.iter().all(|id| *id == answers[0]), "{answers:?}");
            assert_eq!(world.count(account).await, name + 1);
        }
    }
}

on_both! {
    async fn those_that_wait_for_a_slow_one_get_its_answer_and_hold_up_nobody(world) {
        let account = world.account("buyer").await;
        let task = world.new_task(account);
        let Once::Fresh(mut slow) = world.found(&key(account, "k", "f")).await else { panic!("it is new") };
        let waiting: Vec<_> = (0..32).map(|_| {
            let (store, task) = (world.store.clone(), world.new_task(account));
            let key = key(account, "k", "f");
            tokio::spawn(async move { answer(post(&store, &task, key).await.unwrap()) })
        }).collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        // As many wait as there are connections, twice; whoever only reads still gets one.
        assert_eq!(world.count(account).await, 0);
        slow.create_task(&task).await.unwrap();
        slow.commit(|_| kept("the first one's")).await.unwrap();
        for one in waiting {
            assert_eq!(one.await.unwrap(), "the first one's");
        }
        assert_eq!(world.count(account).await, 1);
    }
}

on_both! {
    async fn what_happens_outside_holds_its_key_and_keeps_its_answer(world) {
        let key = key(world.account("developer").await, "k", "f");
        let held = world.held(&key, world.now() + TimeDelta::seconds(130)).await;
        let waiting = {
            let (store, key, now) = (world.store.clone(), key.clone(), world.now());
            tokio::spawn(async move { store.once(Some(key), now).await.unwrap() })
        };
        tokio::time::sleep(Duration::from_millis(100)).await;
        held.keep(&kept("came back")).await.unwrap();
        assert_eq!(answer(waiting.await.unwrap()), "came back", "it waited");
        assert_eq!(answer(world.found(&key).await), "came back");
    }
}

on_both! {
    async fn a_repetition_waits_five_seconds_and_no_longer(world) {
        let key = key(world.account("developer").await, "k", "f");
        let _held = world.held(&key, world.now() + TimeDelta::seconds(130)).await;
        let begun = Instant::now();
        assert!(matches!(world.found(&key).await, Once::UnderWay));
        let waited = begun.elapsed();
        assert!((Duration::from_secs(5)..Duration::from_secs(9)).contains(&waited), "{waited:?}");
    }
}

on_both! {
    async fn a_key_whose_holder_died_is_free_when_its_time_is_over(world) {
        let key = key(world.account("developer").await, "k", "f");
        let died = world.held(&key, world.now() + TimeDelta::seconds(130)).await;
        world.clock.advance(TimeDelta::seconds(130));
        let next = world.held(&key, world.now() + TimeDelta::seconds(130)).await;
        died.keep(&kept("too late")).await.unwrap();
        next.keep(&kept("the second one's")).await.unwrap();
        assert_eq!(answer(world.found(&key).await), "the second one's");
    }
}

on_both! {
    async fn a_key_that_is_let_go_is_as_if_it_had_never_been_used(world) {
        let account = world.account("developer").await;
        let held = world.held(&key(account, "k", "f"), world.now() + TimeDelta::seconds(130)).await;
        held.let_go().await.unwrap();
        assert!(matches!(world.found(&key(account, "k", "another request")).await, Once::Fresh(_)));
    }
}

on_both! {
    async fn an_answer_that_was_kept_in_clear_is_still_one(world) {
        let key = key(world.account("buyer").await, "k", "f");
        let Once::Fresh(deed) = world.found(&key).await else { panic!("it is new") };
        let before = Kept { status: 200, body: KeptBody::Clear("{}".to_owned()) };
        deed.commit(|_| before.clone()).await.unwrap();
        let Once::Before(kept) = world.found(&key).await else { panic!("it was kept") };
        assert_eq!(kept, before);
    }
}

on_both! {
    async fn a_key_that_is_forgotten_while_it_is_repeated_is_answered_or_free(world) {
        let account = world.account("buyer").await;
        for round in 1..=30 {
            let key = key(account, &format!("k{round}"), "f");
            let first = answer(post(&world.store, &world.new_task(account), key.clone()).await.unwrap());
            world.clock.advance(TimeDelta::hours(50));
            let used_until = world.now() - TimeDelta::hours(49);
            let forget = async || world.store.forget_requests(used_until, 10).await.unwrap();
            let repeat = async || {
                let mut answers = BTreeSet::new();
                for _ in 0..3 {
                    answers.insert(answer(post(&world.store, &world.new_task(account), key.clone()).await.unwrap()));
                }
                answers
            };
            let (a, one, b, other, c) = tokio::join!(repeat(), forget(), repeat(), forget(), repeat());
            let answers: BTreeSet<_> = [a, b, c].into_iter().flatten().filter(|id| *id != first).collect();
            assert!(one + other >= 1 && answers.len() <= 1, "it is forgotten, and done once more: {answers:?}");
            let again = answer(post(&world.store, &world.new_task(account), key).await.unwrap());
            assert_ne!(again, first);
            assert_eq!(world.count(account).await, 2 * round);
        }
    }
}
