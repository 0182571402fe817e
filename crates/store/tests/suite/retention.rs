//! What goes with time, and what stays.

use crate::support::{World, done, on_both};
use chrono::TimeDelta;
use gavel_domain::event::Actor;
use gavel_domain::invitation::{AttemptResult, Outcome, Trace};
use gavel_store::delivery_log::LogFilter;
use gavel_store::doctor::Terms;
use gavel_store::invitations::Ended;

const DAYS: TimeDelta = TimeDelta::days(30);

impl World {
    /// Removes what ended thirty days ago or earlier.
    async fn sweep(&self, most: u32) -> u64 {
        self.store.remove_bodies(self.now() - DAYS, most, self.now()).await.unwrap()
    }

    async fn is_sound(&self) {
        let examined = self.store.examine(Terms { currency: "USD" }).await.unwrap();
        assert_eq!(examined.findings, vec![]);
    }
}

on_both! {
    async fn the_texts_go_and_all_else_stays(world) {
        let played = world.completed().await;
        let (task, store) = (played.task.id, &world.store);
        let before = (store.gallery(task).await.unwrap(), store.events_after(task, 0, 100).await.unwrap());

        world.clock.advance(DAYS - TimeDelta::seconds(1));
        assert_eq!(world.sweep(10).await, 0, "it has not ended for so long");
        assert!(store.latest_delivery(task).await.unwrap().unwrap().answer.is_some());
        world.clock.advance(TimeDelta::seconds(1));
        assert_eq!((world.sweep(10).await, world.sweep(10).await), (1, 0), "once");

        assert_eq!(store.bodies_removed_at(task).await.unwrap(), Some(world.now()));
        assert!(store.latest_delivery(task).await.unwrap().unwrap().answer.is_none());
        assert_eq!(store.decision(task, 1).await.unwrap(), None);
        let told = format!("Removed by retention on {}.", world.now().date_naive());
        for (now, before) in store.gallery(task).await.unwrap().iter().zip(&before.0) {
            assert_eq!((now.removed_at, &now.bid.answer.full_text), (Some(world.now()), &told));
            assert_eq!((&now.bid.answer.artifacts, &now.verdict), (&vec![], &None));
            assert_eq!((now.bid.id, now.bid.status, now.bid.score), (before.bid.id, before.bid.status, before.bid.score));
            assert_eq!(now.bid.answer.price, before.bid.answer.price);
        }
        assert_eq!(store.events_after(task, 0, 100).await.unwrap(), before.1);
        assert_eq!(store.transfers_of(task).await.unwrap().len(), 2);
        world.is_sound().await;
    }
}

on_both! {
    async fn what_agents_were_sent_and_said_goes_from_their_log(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "rude").await;
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        let attempt = world.attempt(&invited[0], 1);
        done(world.store.begin_attempts(claimed.lease(), std::slice::from_ref(&attempt), &[]).await.unwrap());
        let trace = Trace { url: "https://agents.example.com/execute".to_owned(), ..Trace::default() };
        let result = AttemptResult {
            ended_at: world.now(),
            status: Some(500),
            code: "status_500".to_owned(),
            warnings: vec![],
            error_body: Some("it broke".to_owned()),
            trace: Some(trace.clone()),
        };
        let ended = Ended { attempt: Some((attempt.id, result)), ..world.ended(&invited[0], Outcome::ServerError) };
        done(world.end_invitation(&claimed, &ended).await);
        world.close(&claimed, Outcome::Late, world.now()).await;
        let detail = async || world.store.delivery_detail(agent.id, attempt.id).await.unwrap().unwrap();
        let before = detail().await;
        assert_eq!((before.letter.is_some(), before.send.attempt.result.unwrap().trace), (true, Some(trace)));

        world.clock.advance(DAYS);
        assert_eq!(world.sweep(10).await, 1);
        let after = detail().await;
        assert_eq!((after.letter, after.removed_at), (None, Some(world.now())));
        let kept = after.send.attempt.result.unwrap();
        assert_eq!((kept.status, kept.code.as_str()), (Some(500), "status_500"));
        assert_eq!((kept.error_body, kept.trace), (None, None));
        assert_eq!(world.store.delivery_log(agent.id, &LogFilter::default(), 10).await.unwrap().len(), 1);
        world.is_sound().await;
    }
}

on_both! {
    async fn those_that_ended_first_go_first_and_none_that_lives(world) {
        let buyer = world.account("buyer").await;
        let mut ended = Vec::new();
        for _ in 0..5 {
            let task = world.task(buyer).await.id;
            world.clock.advance(TimeDelta::seconds(1));
            world.store.cancel(task, Actor::Buyer, "", world.now()).await.unwrap().unwrap();
            ended.push(task);
        }
        let alive = world.task(buyer).await.id;
        world.clock.advance(TimeDelta::days(365));
        assert_eq!(world.sweep(2).await, 2);
        let mut removed = Vec::new();
        for task in ended.iter().chain([&alive]) {
            removed.push(world.store.bodies_removed_at(*task).await.unwrap().is_some());
        }
        assert_eq!(removed, [true, true, false, false, false, false]);
        assert_eq!([world.sweep(2).await, world.sweep(2).await, world.sweep(2).await], [2, 1, 0]);
        assert_eq!(world.store.bodies_removed_at(alive).await.unwrap(), None);
    }
}

on_both! {
    async fn two_that_sweep_at_once_take_different_tasks(world) {
        let buyer = world.account("buyer").await;
        for _ in 0..20 {
            let task = world.task(buyer).await.id;
            world.store.cancel(task, Actor::Buyer, "", world.now()).await.unwrap().unwrap();
        }
        world.clock.advance(DAYS);
        let sweeps = (0..4).map(|_| async { world.sweep(5).await });
        let swept: u64 = futures::future::join_all(sweeps).await.into_iter().sum();
        assert_eq!(swept + world.sweep(20).await, 20);
    }
}
