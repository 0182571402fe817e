//! Who waits for a place at an agent, what a wait is worth, and that nobody waits for ever.

use crate::support::{LETTER, World, done, on_both};
use chrono::TimeDelta;
use gavel_domain::AttemptId;
use gavel_domain::account::Developer;
use gavel_domain::agent::{Agent, ExecutionMode};
use gavel_domain::delivery::Delivery;
use gavel_domain::event::Actor;
use gavel_domain::exchange::{Exchange, ExchangeKey};
use gavel_domain::invitation::{Invitation, Mode, Outcome};
use gavel_domain::task::Task;
use gavel_store::pull::{Fetched, Worker};
use gavel_store::{Claimed, Engine};

fn prototype(invited: &Invitation) -> ExchangeKey {
    ExchangeKey { invitation: invited.id, mode: Mode::Prototype, revision: 0 }
}

impl World {
    async fn agent_of(&self, how: (ExecutionMode, u32)) -> (Developer, Agent) {
        let developer = self.developer("dev").await;
        let agent = self.agent_like(&developer, "atlas", how).await;
        (developer, agent)
    }

    /// A task of a buyer for this agent alone, claimed while it works.
    async fn asks(&self, agent: &Agent) -> (Task, Claimed, Invitation) {
        let task = self.task(self.account("buyer").await).await;
        let (claimed, mut invited) = self.prototyping(&task, &[agent]).await;
        (task, claimed, invited.remove(0))
    }

    async fn begins(&self, claimed: &Claimed, invited: &Invitation) -> bool {
        let attempt = self.attempt(invited, 1);
        let attempts = std::slice::from_ref(&attempt);
        !done(self.store.begin_attempts(claimed.lease(), attempts, &[]).await.unwrap()).is_empty()
    }

    async fn fetches(&self, developer: &Developer) -> Vec<Fetched> {
        let worker = Worker { developer: developer.id, test: false, agent: None };
        let fresh = || AttemptId::new(self.now(), &self.chance);
        self.store.fetch(&worker, (9, TimeDelta::seconds(60)), self.now(), fresh).await.unwrap()
    }

    async fn exchange(&self, key: ExchangeKey) -> Exchange {
        self.store.dispatch(key).await.unwrap().unwrap().exchange.unwrap()
    }

    async fn charged(&self, invited: &Invitation) -> Outcome {
        self.exchange(prototype(invited)).await.unanswered(self.now()).outcome
    }

    async fn in_flight(&self) -> u32 {
        let facts = self.store.candidates("content-writing", false, self.now()).await.unwrap();
        facts[0].in_flight
    }

    /// The task's bid is in and chosen; its final call is pending.
    async fn wins(&self, claimed: &Claimed, invited: &Invitation) -> (Claimed, Delivery) {
        let bid = self.scored(claimed, invited, 700_000).await;
        let picked = self.store.select(bid.task, bid.id, self.now()).await;
        assert!(picked.unwrap().is_ok());
        let delivery = self.pending(&bid);
        done(self.store.hold_and_deliver(self.claim().await, &delivery, None, self.now()).await.unwrap());
        (self.claim().await, delivery)
    }

    async fn finishes(&self, (claimed, delivery): &(Claimed, Delivery), invited: &Invitation) -> bool {
        let begun = self.store.begin_final_call(claimed, delivery, (invited, LETTER), None, self.now()).await;
        done(begun.unwrap())
    }
}

on_both! {
    async fn a_send_that_had_to_wait_is_not_charged_afterwards(world) {
        let (_, agent) = world.agent_of((ExecutionMode::Async, 1)).await;
        let (_, first, asked) = world.asks(&agent).await;
        let (_, second, waits) = world.asks(&agent).await;
        let (_, third, waits_here) = world.asks(&agent).await;
        assert!(world.begins(&first, &asked).await);
        assert!(!world.begins(&second, &waits).await, "all places are taken");
        let waiting = [prototype(&waits_here)];
        done(world.store.begin_attempts(third.lease(), &[], &waiting).await.unwrap());
        done(world.end_invitation(&first, &world.ended(&asked, Outcome::Valid)).await);
        assert!(world.begins(&second, &waits).await);
        for (invited, own_limit) in [(&asked, true), (&waits, false), (&waits_here, false)] {
            assert_eq!(world.exchange(prototype(invited)).await.deadline_is_own_limit, own_limit);
        }
    }
}

on_both! {
    async fn what_a_busy_worker_cannot_fetch_is_not_charged(world) {
        let (developer, agent) = world.agent_of((ExecutionMode::Pull, 1)).await;
        let (_, _, first) = world.asks(&agent).await;
        let (_, _, beside) = world.asks(&agent).await;
        assert_eq!(world.charged(&beside).await, Outcome::Unreachable, "its worker could fetch it and does not");
        assert_eq!(world.fetches(&developer).await[0].key, prototype(&first));
        let (_, _, later) = world.asks(&agent).await;
        assert_eq!(world.charged(&first).await, Outcome::Timeout);
        assert_eq!(world.charged(&beside).await, Outcome::Late, "offered before the place was taken");
        assert_eq!(world.charged(&later).await, Outcome::Late, "offered while it was taken");
        assert!(world.fetches(&developer).await.is_empty());
    }
}

on_both! {
    async fn an_agent_that_takes_fewer_now_is_not_charged_for_what_has_to_wait(world) {
        let (developer, agent) = world.agent_of((ExecutionMode::Pull, 2)).await;
        let (_, _, first) = world.asks(&agent).await;
        assert_eq!(world.fetches(&developer).await[0].key, prototype(&first));
        let (_, _, beside) = world.asks(&agent).await;
        assert_eq!(world.charged(&beside).await, Outcome::Unreachable);
        let fewer = Agent { max_concurrency: 1, ..agent.clone() };
        world.store.update_agent(&fewer, world.now()).await.unwrap();
        assert_eq!(world.charged(&beside).await, Outcome::Late);
    }
}

on_both! {
    async fn a_final_call_for_a_worker_begins_when_it_has_a_place(world) {
        let (developer, agent) = world.agent_of((ExecutionMode::Pull, 1)).await;
        let (_, claimed, won) = world.asks(&agent).await;
        world.fetches(&developer).await;
        let wins = world.wins(&claimed, &won).await;
        assert_eq!(world.in_flight().await, 1, "a winner that is waited for is not asked for more");
        let (_, other_claimed, other) = world.asks(&agent).await;
        assert_eq!(world.fetches(&developer).await[0].key, prototype(&other));

        assert!(!world.finishes(&wins, &won).await, "its worker is busy");
        let key = ExchangeKey { mode: Mode::Final, ..prototype(&won) };
        assert!(world.store.dispatch(key).await.unwrap().unwrap().exchange.is_none(), "and no limit runs");
        done(world.end_invitation(&other_claimed, &world.ended(&other, Outcome::Valid)).await);
        let (_, _, waits) = world.asks(&agent).await;
        assert!(world.finishes(&wins, &won).await);
        assert_eq!(world.charged(&waits).await, Outcome::Late, "the place is the final call's");
        let fetched: Vec<_> = world.fetches(&developer).await.into_iter().map(|fetched| fetched.key).collect();
        assert_eq!(fetched, [key]);
    }
}

on_both! {
    async fn a_final_call_that_is_not_fetched_is_charged(world) {
        let (developer, agent) = world.agent_of((ExecutionMode::Pull, 1)).await;
        let (_, claimed, won) = world.asks(&agent).await;
        world.fetches(&developer).await;
        let wins = world.wins(&claimed, &won).await;
        assert!(world.finishes(&wins, &won).await);
        let exchange = world.exchange(ExchangeKey { mode: Mode::Final, ..prototype(&won) }).await;
        let ending = exchange.unanswered(world.now());
        assert_eq!((ending.outcome, ending.detail.as_deref()), (Outcome::Unreachable, Some("never_fetched")));
    }
}

on_both! {
    async fn a_worker_may_finish_what_its_agent_was_asked_before_it_changed(world) {
        let (developer, agent) = world.agent_of((ExecutionMode::Pull, 1)).await;
        let (_, _, invited) = world.asks(&agent).await;
        world.store.update_agent(&Agent { execution_mode: ExecutionMode::Sync, ..agent.clone() }, world.now()).await.unwrap();
        let worker = Worker { developer: developer.id, test: false, agent: None };
        assert_eq!(world.store.agents_of_worker(&worker).await.unwrap(), [agent.id]);
        assert_eq!(world.fetches(&developer).await[0].key, prototype(&invited));
        let taken = world.take(prototype(&invited), &world.arrived("m", Outcome::Valid)).await;
        assert_eq!(taken, gavel_domain::exchange::Taken::Accepted);
        assert!(world.store.agents_of_worker(&worker).await.unwrap().is_empty());
    }
}

on_both! {
    async fn a_call_that_was_given_up_keeps_its_place_until_every_replica_knows(world) {
        let (_, agent) = world.agent_of((ExecutionMode::Sync, 1)).await;
        let (task, claimed, asked) = world.asks(&agent).await;
        assert!(world.begins(&claimed, &asked).await);
        let (_, other, next) = world.asks(&agent).await;
        assert!(world.store.cancel(task.id, Actor::Buyer, "x", world.now()).await.unwrap().is_ok());
        // Where one process makes all calls, its lanes know when this one has ended.
        if world.store.engine() == Engine::Sqlite {
            assert!(world.begins(&other, &next).await);
            continue;
        }
        assert!(!world.begins(&other, &next).await);
        world.clock.advance(TimeDelta::milliseconds(2_001));
        assert!(world.begins(&other, &next).await);
    }
}

on_both! {
    /// The paths that lock tasks and agents, all at once over the same agents and in each agent's order.
    async fn nobody_waits_for_somebody_who_waits_for_it(world) {
        let developer = world.developer("dev").await;
        let mut agents = Vec::new();
        for n in 0..6 {
            // Few places: who fetches makes others wait.
            let how = [(ExecutionMode::Async, 8), (ExecutionMode::Pull, 1)][n % 2];
            agents.push(world.agent_like(&developer, &format!("a{n}"), how).await);
        }
        for round in 0..12_i64 {
            agents.rotate_left(2);
            agents.swap(0, 3);
            let mut lives = Vec::new();
            for n in 0..4 {
                agents.rotate_right(n);
                let picked: Vec<_> = agents.iter().collect();
                let task = world.task(world.account("buyer").await).await;
                lives.push(world.prototyping(&task, &picked).await);
            }
            let lived = futures::future::join_all(lives.iter().zip(4 * round..).map(|(life, nth)| world.lives(&developer, nth, life)));
            let fresh = world.task(world.account("buyer").await).await;
            agents.reverse();
            let picked: Vec<_> = agents.iter().collect();
            let (_, (again, _)) = tokio::join!(lived, world.prototyping(&fresh, &picked));
            assert!(world.store.cancel(again.task().id, Actor::Buyer, "x", world.now()).await.unwrap().is_ok());
        }
    }
}

impl World {
    /// What happens to one phase from several sides at once.
    async fn lives(&self, developer: &Developer, nth: i64, (claimed, invited): &(Claimed, Vec<Invitation>)) {
        let worker = Worker { developer: developer.id, test: false, agent: None };
        let sends = async {
            let dispatches = self.store.dispatches(claimed.task().id, 1).await.unwrap();
            let sent = dispatches.iter().filter(|dispatch| dispatch.execution_mode != ExecutionMode::Pull);
            let attempts: Vec<_> = sent.map(|d| self.attempt(&d.invitation, 1)).collect();
            let _ = self.store.begin_attempts(claimed.lease(), &attempts, &[]).await.unwrap();
        };
        let answers = futures::future::join_all(invited.iter().map(|invited| async move {
            self.take(prototype(invited), &self.arrived("m", Outcome::Valid)).await
        }));
        let ends = async {
            for invited in invited.iter().rev() {
                let _ = self.end_invitation(claimed, &self.ended(invited, Outcome::Timeout)).await;
            }
        };
        let seen = async {
            self.store.seen(&worker, self.now() + TimeDelta::seconds(11 * nth)).await.unwrap();
        };
        let closes = async {
            let unjudged = self.store.unscored_bids(claimed.task().id, 1).await.unwrap();
            let unjudged = unjudged.iter().map(|shown| shown.bid.id).collect();
            let until = self.now() + TimeDelta::days(7);
            let closed =
                self.store.close_phase(claimed, &[], &unjudged, Outcome::Late, until, self.now()).await;
            let _ = closed.unwrap();
        };
        tokio::join!(sends, answers, ends, seen, self.fetches(developer), closes);
    }
}
