//! Steps that failed or were lost: counted, tried again, given up at nobody's cost, set aside.

use crate::support::{World, done, on_both};
use chrono::TimeDelta;
use gavel_domain::bid::BidStatus;
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::event::Actor;
use gavel_domain::invitation::Outcome;
use gavel_domain::ledger::TransferKind;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{TaskId, Timestamp};
use gavel_store::recovery::{After, Counted};
use gavel_store::{Claimed, Engine, Guarded, Store};
use std::time::Duration;

const LEASE: TimeDelta = TimeDelta::seconds(30);
const PAUSE: TimeDelta = TimeDelta::seconds(7);
/// Failures after which these tests set a task aside.
const MAX: u32 = 3;

fn after(now: Timestamp) -> impl Fn(u32) -> After + Copy + Send {
    move |failures| if failures < MAX { After::Again(now + PAUSE) } else { After::SetAside }
}

async fn recover(store: &Store, now: Timestamp) -> Vec<(TaskId, u32)> {
    let counted = store.recover(now, 1_000, after(now)).await.unwrap();
    counted.into_iter().map(|counted| (counted.task, counted.failures)).collect()
}

impl World {
    async fn fails(&self, claimed: &Claimed) -> Option<Counted> {
        let now = self.now();
        self.store.failed(claimed.lease(), "it hurts", now, after(now)).await.unwrap()
    }

    /// The task's step fails until it is set aside.
    async fn is_set_aside(&self, claimed: Claimed) {
        let task = claimed.task().id;
        let mut claimed = Some(claimed);
        for failures in 1..=MAX {
            let this = match claimed.take() {
                Some(this) => this,
                None => self.claim().await,
            };
            assert_eq!((this.task().id, this.failures()), (task, failures - 1));
            assert_eq!(self.fails(&this).await.unwrap().failures, failures);
            self.clock.advance(PAUSE);
        }
    }

    async fn outcomes(&self, task: TaskId) -> Vec<Outcome> {
        let all = self.store.dispatches(task, 1).await.unwrap();
        all.into_iter().map(|dispatch| dispatch.invitation.ended.unwrap().outcome).collect()
    }
}

on_both! {
    async fn a_lease_that_ended_is_a_failure_and_the_task_rests(world) {
        let task = world.task(world.account("buyer").await).await;
        let slow = world.claim().await;
        world.clock.advance(LEASE - TimeDelta::milliseconds(1));
        assert_eq!(recover(&world.store, world.now()).await, []);
        world.clock.advance(TimeDelta::milliseconds(1));
        assert!(world.try_claim().await.is_none(), "nobody takes it before it is taken back");
        assert_eq!(recover(&world.store, world.now()).await, [(task.id, 1)]);
        assert_eq!(recover(&world.store, world.now()).await, [], "once");
        assert!(!world.store.renew(slow.lease(), world.now() + LEASE).await.unwrap());
        assert_eq!(world.fails(&slow).await, None, "whoever had it counts for nothing more");
        assert_eq!(world.store.start(slow, world.now(), world.now()).await.unwrap(), Guarded::Lost);

        assert!(world.try_claim().await.is_none(), "it rests");
        world.clock.advance(PAUSE);
        let again = world.claim().await;
        assert_eq!((again.task().id, again.failures()), (task.id, 1));
    }
}

on_both! {
    async fn a_start_takes_the_same_way(world) {
        for _ in 0..3 {
            world.task(world.account("buyer").await).await;
            world.claim().await;
        }
        let ended = world.store.end_leases(world.now()).await.unwrap();
        let recovered = recover(&world.store, world.now()).await;
        match world.store.engine() {
            Engine::Sqlite => assert_eq!((ended, recovered.len()), (3, 3), "the file lock proves that nobody works"),
            Engine::Postgres => assert_eq!((ended, recovered.len()), (0, 0), "others may be at work"),
        }
        // A crash at any moment of a start, and another start.
        world.store.end_leases(world.now()).await.unwrap();
        assert_eq!(recover(&world.store, world.now()).await, []);
        world.clock.advance(LEASE);
        let later = recover(&world.store, world.now()).await;
        assert_eq!(recovered.len() + later.len(), 3);
        assert!(recovered.iter().chain(&later).all(|(_, failures)| *failures == 1));
    }
}

on_both! {
    async fn a_recovery_that_is_cut_off_or_races_counts_nothing_twice(world) {
        const TASKS: usize = 60;
        let account = world.account("buyer").await;
        for _ in 0..TASKS {
            world.task(account).await;
            world.claim().await;
        }
        world.clock.advance(LEASE);
        let (stores, now) = (world.stores().await, world.now());
        let mut counted = 0;
        for cut in 0..12 {
            let taking = stores[0].recover(now, 7, after(now));
            let done = tokio::time::timeout(Duration::from_micros(300 * cut), taking).await;
            counted += done.map_or(0, |counted| counted.unwrap().len());
        }
        let all = (0..4).map(|n| {
            let store = stores[n % stores.len()].clone();
            tokio::spawn(async move { recover(&store, now).await.len() })
        });
        for one in futures::future::join_all(all).await {
            counted += one.unwrap();
        }
        counted += recover(&world.store, now).await.len(); // what a cut-off one still had locked
        assert!(counted <= TASKS, "{counted}");
        world.clock.advance(PAUSE);
        for _ in 0..TASKS {
            assert_eq!(world.claim().await.failures(), 1, "each failed once");
        }
    }
}

on_both! {
    async fn progress_forgets_failures(world) {
        let task = world.task(world.account("buyer").await).await;
        let failed = world.claim().await;
        world.fails(&failed).await.unwrap();
        world.clock.advance(PAUSE);
        let claimed = world.claim().await;
        assert_eq!(claimed.failures(), 1);
        world.store.let_go(claimed.lease(), world.now()).await.unwrap();
        let claimed = world.claim().await;
        assert_eq!(claimed.failures(), 1, "a stop is no progress");
        done(world.store.start(claimed, world.now(), world.now()).await.unwrap());
        let claimed = world.claim().await;
        assert_eq!((claimed.task().id, claimed.failures()), (task.id, 0), "a change of state");
        world.fails(&claimed).await.unwrap();
        world.clock.advance(PAUSE);
        world.store.release(world.claim().await.lease(), Some(world.now())).await.unwrap();
        assert_eq!(world.claim().await.failures(), 0, "a step that ended well");
    }
}

on_both! {
    async fn what_nothing_helps_is_set_aside_until_an_operator_wants_it_back(world) {
        let (poison, good) = (world.task(world.account("buyer").await).await, world.account("other").await);
        world.is_set_aside(world.claim().await).await;
        let aside = world.store.set_aside().await.unwrap();
        assert_eq!(aside.len(), 1);
        assert_eq!((aside[0].task, aside[0].state.as_str(), aside[0].failures), (poison.id, "open", MAX));
        assert_eq!((aside[0].reason.as_str(), aside[0].at), ("it hurts", world.now() - PAUSE));
        assert_eq!(world.store.count_set_aside().await.unwrap(), 1);
        world.clock.advance(TimeDelta::days(400));
        assert!(world.try_claim().await.is_none());
        assert_eq!(world.store.next_ready_at(world.now()).await.unwrap(), None);
        let other = world.task(good).await;
        assert_eq!(world.claim().await.task().id, other.id, "it stands in nobody's way");

        assert!(!world.store.retry(other.id, world.now()).await.unwrap(), "that one is not set aside");
        assert!(world.store.retry(poison.id, world.now()).await.unwrap());
        assert!(!world.store.retry(poison.id, world.now()).await.unwrap());
        let again = world.claim().await;
        assert_eq!((again.task().id, again.failures()), (poison.id, 0));
        assert_eq!(world.store.count_set_aside().await.unwrap(), 0);
    }
}

on_both! {
    async fn a_buyer_may_still_end_what_is_set_aside(world) {
        let task = world.task(world.account("buyer").await).await;
        world.is_set_aside(world.claim().await).await;
        world.store.cancel(task.id, Actor::Buyer, "enough", world.now()).await.unwrap().unwrap();
        assert_eq!(world.store.count_set_aside().await.unwrap(), 0);
        assert_eq!(world.state(task.id).await.0, TaskState::Cancelled);
    }
}

on_both! {
    async fn giving_up_charges_nobody(world) {
        let developer = world.developer("dev").await;
        let (one, two) = (world.agent(&developer, "one").await, world.agent(&developer, "two").await);
        let record = async |agent| {
            let (_, record) = world.store.agent(agent).await.unwrap().unwrap();
            (record.real_tasks, record.recent)
        };
        let before = (record(one.id).await, record(two.id).await);
        for steps in 0..3 {
            let task = world.task(world.account("buyer").await).await;
            let claimed = match steps {
                0 => world.claim().await,
                1 => {
                    done(world.store.start(world.claim().await, world.now(), world.now()).await.unwrap());
                    world.claim().await
                }
                _ => world.prototyping(&task, &[&one, &two]).await.0,
            };
            done(world.store.give_up(claimed, world.now()).await.unwrap());
            assert_eq!(world.state(task.id).await, (TaskState::Expired, Some("platform_fault".to_owned())));
            let expected = if steps == 2 { vec![Outcome::PlatformFault; 2] } else { vec![] };
            assert_eq!(world.outcomes(task.id).await, expected);
        }
        assert_eq!((record(one.id).await, record(two.id).await), before);
    }
}

on_both! {
    async fn a_selection_whose_price_cannot_be_held_is_taken_back(world) {
        let developer = world.developer("dev").await;
        let (one, two) = (world.agent(&developer, "one").await, world.agent(&developer, "two").await);
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&one, &two]).await;
        let best = world.scored(&claimed, &invited[0], 900_000).await;
        world.scored(&claimed, &invited[1], 500_000).await;
        world.store.select(task.id, best.id, world.now()).await.unwrap().unwrap();

        let until = world.now() + TimeDelta::days(7);
        done(world.store.take_selection_back(world.claim().await, until, world.now()).await.unwrap());
        let after = world.store.task(task.id).await.unwrap().unwrap();
        assert_eq!((after.state, after.reason.as_deref(), after.expires_at), (TaskState::Review, Some("platform_fault"), Some(until)));
        let gallery = world.store.gallery(task.id).await.unwrap();
        assert!(gallery.iter().all(|shown| shown.bid.status == BidStatus::Presented), "as before");
        assert_eq!(world.store.selected_bid(task.id).await.unwrap(), None);
        world.store.select(task.id, gallery[1].bid.id, world.now()).await.unwrap().unwrap();
    }
}

on_both! {
    async fn a_final_call_that_is_given_up_gives_the_money_back(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "one").await;
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        let bid = world.scored(&claimed, &invited[0], 900_000).await;
        world.store.select(task.id, bid.id, world.now()).await.unwrap().unwrap();
        let delivery = world.pending(&bid);
        let settle = world.settlement();
        done(world.store.hold_and_deliver(world.claim().await, &delivery, Some(&settle), world.now()).await.unwrap());
        let before = world.store.agent(agent.id).await.unwrap().unwrap().1;

        let settle = world.settlement();
        let given_up = world.store.give_delivery_up(world.claim().await, &delivery, Some(&settle), world.now()).await;
        done(given_up.unwrap());
        assert_eq!(world.state(task.id).await, (TaskState::Expired, Some("platform_fault".to_owned())));
        assert_eq!(world.store.latest_delivery(task.id).await.unwrap().unwrap().status, DeliveryStatus::Failed);
        let kinds: Vec<_> = world.store.transfers_of(task.id).await.unwrap().iter().map(|t| t.kind).collect();
        assert_eq!(kinds, [TransferKind::Hold, TransferKind::Refund]);
        assert!(world.store.balances().await.unwrap().is_empty());
        assert_eq!(world.store.agent(agent.id).await.unwrap().unwrap().1, before, "the winner is not charged");
    }
}
