//! What a restart takes from an agent is not charged to it, and what may not have been heard of is not done twice.

use crate::support::{World, done, on_both};
use chrono::TimeDelta;
use gavel_domain::AttemptId;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{Attempt, AttemptResult, Invitation, Mode};
use gavel_store::Engine;

fn prototype(invited: &Invitation) -> ExchangeKey {
    ExchangeKey { invitation: invited.id, mode: Mode::Prototype, revision: 0 }
}

impl World {
    fn nth_send(&self, number: u32, invited: &Invitation) -> Attempt {
        Attempt {
            id: AttemptId::new(self.now(), &self.chance),
            invitation: invited.id,
            mode: Mode::Prototype,
            revision: 0,
            number,
            started_at: self.now(),
            result: None,
        }
    }

    fn code(&self, code: &str) -> AttemptResult {
        AttemptResult {
            ended_at: self.now(),
            status: None,
            code: code.to_owned(),
            warnings: Vec::new(),
            error_body: None,
            trace: None,
        }
    }

    /// For each of them whether passing its deadline would be charged.
    async fn are_charged(&self, invited: &[Invitation]) -> Vec<bool> {
        let mut charged = Vec::new();
        for invited in invited {
            let dispatch = self.store.dispatch(prototype(invited)).await.unwrap().unwrap();
            charged.push(dispatch.exchange.unwrap().deadline_is_own_limit);
        }
        charged
    }
}

on_both! {
    async fn whose_time_to_bring_a_result_ended_while_we_were_away_is_not_charged(world) {
        let developer = world.developer("dev").await;
        let brings = world.agent_like(&developer, "brings", (ExecutionMode::Async, 8)).await;
        let unheard = world.agent_like(&developer, "unheard", (ExecutionMode::Async, 8)).await;
        let worker = world.agent_like(&developer, "worker", (ExecutionMode::Pull, 8)).await;
        let answers = world.agent_like(&developer, "answers", (ExecutionMode::Sync, 8)).await;
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&brings, &unheard, &worker, &answers]).await;
        let sends = [&invited[0], &invited[1], &invited[3]].map(|invited| world.nth_send(1, invited));
        done(world.store.begin_attempts(claimed.lease(), &sends, &[]).await.unwrap());
        let acknowledged = world.code("acknowledged");
        world.store.acknowledge(prototype(&invited[0]), sends[0].id, &acknowledged).await.unwrap();

        let until = invited[0].deadline_at - world.now();
        world.clock.advance(until - TimeDelta::milliseconds(1));
        world.store.end_leases(world.now()).await.unwrap();
        assert_eq!(world.are_charged(&invited).await, [true; 4], "there is time left");
        world.clock.advance(TimeDelta::milliseconds(1));
        world.store.end_leases(world.now()).await.unwrap();
        match world.store.engine() {
            // Where a send of ours decides, nobody is charged either: `away_at_deadline`.
            Engine::Sqlite => assert_eq!(world.are_charged(&invited).await, [false, true, false, true]),
            Engine::Postgres => assert_eq!(world.are_charged(&invited).await, [true; 4], "others had a door"),
        }
    }
}

on_both! {
    async fn a_send_that_was_lost_leaves_less_time_and_that_is_not_charged(world) {
        let developer = world.developer("dev").await;
        let (lost, failed) = (world.agent(&developer, "lost").await, world.agent(&developer, "failed").await);
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&lost, &failed]).await;
        let first = [world.nth_send(1, &invited[0]), world.nth_send(1, &invited[1])];
        done(world.store.begin_attempts(claimed.lease(), &first, &[]).await.unwrap());
        world.store.end_attempt(first[1].id, &world.code("transport")).await.unwrap();
        for (invited, all) in invited.iter().zip([false, true]) {
            let dispatch = world.store.dispatch(prototype(invited)).await.unwrap().unwrap();
            assert_eq!(dispatch.has_all_its_time(), all);
        }

        let second = [world.nth_send(2, &invited[0]), world.nth_send(2, &invited[1])];
        done(world.store.begin_attempts(claimed.lease(), &second, &[]).await.unwrap());
        assert_eq!(world.are_charged(&invited).await, [false, true]);
    }
}

on_both! {
    async fn a_send_may_be_written_again_when_nobody_heard_of_the_commit(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "asked_once").await;
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        let send = [world.nth_send(1, &invited[0])];
        for _ in 0..2 {
            let begun = done(world.store.begin_attempts(claimed.lease(), &send, &[]).await.unwrap());
            assert_eq!(begun, [send[0].id]);
        }
        assert_eq!(world.store.attempts(invited[0].id).await.unwrap(), send, "it may leave, and is open");
        assert_eq!(world.are_charged(&invited).await, [true]);
    }
}
