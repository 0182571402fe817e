//! Exchanges: places that hold over all processes, results at our door, and workers that fetch.

use crate::support::{LETTER, World, answer, done, on_both};
use chrono::TimeDelta;
use gavel_domain::account::Developer;
use gavel_domain::agent::{Agent, ExecutionMode};
use gavel_domain::delivery::{Delivery, DeliveryStatus};
use gavel_domain::exchange::{Arrived, ExchangeKey, Taken};
use gavel_domain::invitation::{Attempt, AttemptResult, Invitation, Mode, Outcome};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::limits::FETCHES_MAX;
use gavel_domain::task::Task;
use gavel_domain::{AttemptId, BidId, Timestamp};
use gavel_store::pull::{Beat, Fetched, Worker};
use gavel_store::{Claimed, Guarded};

/// A task whose only agent is asked in this way, claimed while it works.
struct Asked {
    developer: Developer,
    agent: Agent,
    task: Task,
    claimed: Claimed,
    invited: Invitation,
    key: ExchangeKey,
}

fn prototype(invited: &Invitation) -> ExchangeKey {
    ExchangeKey { invitation: invited.id, mode: Mode::Prototype, revision: 0 }
}

impl World {
    async fn asked(&self, how: (ExecutionMode, u32)) -> Asked {
        let developer = self.developer("dev").await;
        let agent = self.agent_like(&developer, "atlas", how).await;
        let task = self.task(self.account("buyer").await).await;
        let (claimed, mut invited) = self.prototyping(&task, &[&agent]).await;
        let invited = invited.remove(0);
        Asked { key: prototype(&invited), developer, agent, task, claimed, invited }
    }

    async fn begin(&self, claimed: &Claimed, invited: &Invitation, number: u32) -> bool {
        let attempt = self.attempt(invited, number);
        let begun =
            self.store.begin_attempts(claimed.lease(), std::slice::from_ref(&attempt), &[]).await.unwrap();
        done(begun) == [attempt.id]
    }

    pub(crate) fn arrived(&self, message: &str, outcome: Outcome) -> Arrived {
        Arrived {
            message_id: message.to_owned(),
            lease: None,
            outcome,
            code: if outcome == Outcome::Valid { "ok".to_owned() } else { "full_text_short".to_owned() },
            answer: (outcome == Outcome::Valid).then(answer),
            warnings: vec!["w".to_owned()],
            error_body: (outcome != Outcome::Valid).then(|| "nul\0byte".to_owned()),
            at: self.now(),
        }
    }

    pub(crate) async fn take(&self, key: ExchangeKey, arrived: &Arrived) -> Taken {
        let dispatch = self.store.dispatch(key).await.unwrap().unwrap();
        let (bid, until) = (BidId::new(self.now(), &self.chance), self.now() + TimeDelta::days(14));
        self.store.take_result(&dispatch, key, arrived, bid, until).await.unwrap()
    }

    async fn fetch(&self, developer: &Developer, most: usize) -> Vec<Fetched> {
        let worker = Worker { developer: developer.id, test: false, agent: None };
        let (now, lease) = (self.now(), TimeDelta::seconds(60));
        let fresh = || AttemptId::new(now, &self.chance);
        self.store.fetch(&worker, (most, lease), now, fresh).await.unwrap()
    }

    /// The task's only bid is chosen and its final call is pending.
    async fn chosen(&self, asked: &Asked) -> Delivery {
        let bid = self.store.gallery(asked.task.id).await.unwrap()[0].bid.clone();
        let verdict = gavel_store::scores::NewVerdict {
            judge: "embedded-1".to_owned(),
            composite: gavel_domain::Ppm::new(700_000),
            document: "{}".to_owned(),
        };
        self.score(&asked.claimed, &bid, verdict).await;
        let picked = self.store.select(asked.task.id, bid.id, self.now()).await;
        assert!(picked.unwrap().is_ok());
        let delivery = self.pending(&bid);
        done(self.store.hold_and_deliver(self.claim().await, &delivery, None, self.now()).await.unwrap());
        delivery
    }

    pub(crate) async fn state_of(&self, task: &Task) -> TaskState {
        self.store.task(task.id).await.unwrap().unwrap().state
    }
}

on_both! {
    async fn an_agent_has_no_more_begun_than_it_takes_whoever_began_them(world) {
        let asked = world.asked((ExecutionMode::Sync, 1)).await;
        let other = world.task(world.account("another").await).await;
        let (claimed, invited) = world.prototyping(&other, &[&asked.agent]).await;
        assert!(world.begin(&asked.claimed, &asked.invited, 1).await);
        assert!(!world.begin(&claimed, &invited[0], 1).await, "another replica asks for the same agent");
        assert!(world.store.attempts(invited[0].id).await.unwrap().is_empty(), "and writes nothing");
        assert!(world.begin(&asked.claimed, &asked.invited, 2).await, "a second send has its place already");

        let ended = world.ended(&asked.invited, Outcome::Timeout);
        done(world.end_invitation(&asked.claimed, &ended).await);
        assert!(world.begin(&claimed, &invited[0], 1).await, "the place is free again");

        // What a killed process left behind is over at its deadline, whoever closes it later.
        let third = world.task(world.account("third").await).await;
        let (claimed, invited) = world.prototyping(&third, &[&asked.agent]).await;
        assert!(!world.begin(&claimed, &invited[0], 1).await);
        world.clock.advance(TimeDelta::seconds(121));
        let facts = world.store.candidates("content-writing", false, world.now()).await.unwrap();
        assert_eq!(facts[0].in_flight, 2, "triage still counts what has not ended");
    }
}

on_both! {
    async fn a_result_at_our_door_is_the_bid_once(world) {
        let asked = world.asked((ExecutionMode::Async, 1)).await;
        assert!(world.begin(&asked.claimed, &asked.invited, 1).await);
        let attempt = world.store.attempts(asked.invited.id).await.unwrap()[0].id;
        let acknowledged = AttemptResult {
            ended_at: world.now(),
            status: Some(202),
            code: "acknowledged".to_owned(),
            warnings: vec![],
            error_body: None,
            trace: None,
        };
        world.store.acknowledge(asked.key, attempt, &acknowledged).await.unwrap();
        let exchange = world.store.dispatch(asked.key).await.unwrap().unwrap().exchange.unwrap();
        assert_eq!((exchange.acknowledged_at, exchange.awaits_send(1)), (Some(world.now()), false));

        let short = world.arrived("m1", Outcome::InvalidResponse);
        assert_eq!(world.take(asked.key, &short).await, Taken::Refused);
        let exchange = world.store.dispatch(asked.key).await.unwrap().unwrap().exchange.unwrap();
        assert_eq!(exchange.refused.as_deref(), Some("full_text_short"));
        let seen = world.store.progress(asked.task.id, 1).await.unwrap();
        assert_eq!(world.take(asked.key, &world.arrived("m2", Outcome::Valid)).await, Taken::Accepted);
        assert_eq!(world.take(asked.key, &world.arrived("m2", Outcome::Valid)).await, Taken::Repeated(Outcome::Valid));
        assert_eq!(world.take(asked.key, &world.arrived("m3", Outcome::Valid)).await, Taken::Answered(Outcome::Valid));
        assert_eq!(world.store.gallery(asked.task.id).await.unwrap().len(), 1);

        let dispatch = world.store.dispatch(asked.key).await.unwrap().unwrap();
        assert_eq!(dispatch.invitation.ended.unwrap().outcome, Outcome::Valid);
        assert_eq!(dispatch.exchange.unwrap().answered_by.as_deref(), Some("m2"));
        let (_, record) = world.store.agent(asked.agent.id).await.unwrap().unwrap();
        assert_eq!((record.real_tasks, record.succeeded()), (1, 1));

        // The step had read the round before the result came: it does not sleep over it.
        let hour = world.now() + TimeDelta::hours(1);
        world.store.park(asked.claimed.lease(), seen.event_seq, hour, world.now()).await.unwrap();
        let claimed = world.claim().await;
        let seen = world.store.progress(asked.task.id, 1).await.unwrap();
        world.store.park(claimed.lease(), seen.event_seq, hour, world.now()).await.unwrap();
        assert!(world.try_claim().await.is_none(), "nothing has happened since");
    }
}

on_both! {
    async fn what_comes_too_late_changes_nothing(world) {
        let asked = world.asked((ExecutionMode::Async, 1)).await;
        world.clock.advance(TimeDelta::seconds(120));
        let at_the_edge = world.arrived("m1", Outcome::InvalidResponse);
        assert_eq!(world.take(asked.key, &at_the_edge).await, Taken::Refused, "the edge is inside");
        world.clock.advance(TimeDelta::milliseconds(1));
        assert_eq!(world.take(asked.key, &world.arrived("m1", Outcome::Valid)).await, Taken::TooLate);
        assert!(world.store.gallery(asked.task.id).await.unwrap().is_empty());

        let ended = world.ended(&asked.invited, Outcome::Timeout);
        done(world.end_invitation(&asked.claimed, &ended).await);
        let before = Arrived { at: asked.invited.created_at, ..world.arrived("m1", Outcome::Valid) };
        assert_eq!(world.take(asked.key, &before).await, Taken::TooLate, "it has its outcome");
    }
}

on_both! {
    async fn of_many_results_at_once_one_is_taken(world) {
        let asked = world.asked((ExecutionMode::Async, 1)).await;
        let dispatch = world.store.dispatch(asked.key).await.unwrap().unwrap();
        let race = (0..8).map(|n| {
            let (store, dispatch, key) = (world.store.clone(), dispatch.clone(), asked.key);
            let arrived = world.arrived(&format!("m{n}"), Outcome::Valid);
            let bid = BidId::new(world.now(), &world.chance);
            let until = world.now();
            tokio::spawn(async move { store.take_result(&dispatch, key, &arrived, bid, until).await.unwrap() })
        });
        let taken = futures::future::join_all(race.collect::<Vec<_>>()).await;
        let accepted = taken.iter().filter(|taken| *taken.as_ref().unwrap() == Taken::Accepted).count();
        assert_eq!((accepted, world.store.gallery(asked.task.id).await.unwrap().len()), (1, 1));
    }
}

on_both! {
    async fn a_brief_is_leased_to_one_worker_and_may_be_fetched_again(world) {
        let asked = world.asked((ExecutionMode::Pull, 1)).await;
        let other = world.task(world.account("another").await).await;
        let (_, invited) = world.prototyping(&other, &[&asked.agent]).await;
        let stranger = world.developer("stranger").await;
        assert!(world.fetch(&stranger, 8).await.is_empty(), "it is nobody else's");

        let fetched = world.fetch(&asked.developer, 8).await;
        let [first] = &fetched[..] else { panic!("one at a time is what the agent takes: {fetched:?}") };
        assert_eq!((first.key, first.lease, first.envelope.as_str()), (asked.key, 1, LETTER));
        assert_eq!(first.lease_until, world.now() + TimeDelta::seconds(60));
        assert!(world.fetch(&asked.developer, 8).await.is_empty());

        world.clock.advance(TimeDelta::seconds(50));
        let beat = |lease| world.store.heartbeat(asked.key, lease, world.now() + TimeDelta::seconds(60), world.now());
        let until = world.now() + TimeDelta::seconds(60);
        let held = Beat::Held { lease_until: until, deadline_at: asked.invited.deadline_at };
        assert_eq!(beat(1).await.unwrap(), held);
        world.clock.advance(TimeDelta::seconds(60));
        let again = world.fetch(&asked.developer, 8).await;
        assert_eq!((again[0].key, again[0].lease), (asked.key, 2), "the same one, for nobody else may have it");
        assert_eq!(again[0].lease_until, asked.invited.deadline_at, "no lease lasts beyond the deadline");
        assert_eq!(beat(1).await.unwrap(), Beat::Lost { present: 2 });

        // Whichever worker answers first has answered; both fetches are on the log.
        assert_eq!(world.take(asked.key, &world.arrived("m1", Outcome::Valid)).await, Taken::Accepted);
        assert_eq!(beat(2).await.unwrap(), Beat::Over);
        let log = world.store.attempts(asked.invited.id).await.unwrap();
        let codes: Vec<_> = log.iter().map(|a| a.result.as_ref().unwrap().code.as_str()).collect();
        assert_eq!(codes, ["lease_expired", "ok"]);
        let next = world.fetch(&asked.developer, 8).await;
        assert_eq!(next[0].key, prototype(&invited[0]), "the place is free for the other task");
    }
}

on_both! {
    async fn workers_that_race_get_different_briefs_and_never_more_than_the_agent_takes(world) {
        let asked = world.asked((ExecutionMode::Pull, 3)).await;
        for n in 0..4 {
            let task = world.task(world.account(&format!("buyer{n}")).await).await;
            let _ = world.prototyping(&task, &[&asked.agent]).await;
        }
        let race = (0..6).map(|_| async { world.fetch(&asked.developer, 1).await });
        let fetched: Vec<Fetched> = futures::future::join_all(race).await.into_iter().flatten().collect();
        let mut keys: Vec<String> = fetched.iter().map(|f| f.key.to_string()).collect();
        keys.sort();
        keys.dedup();
        assert!(keys.len() == fetched.len() && keys.len() <= 3, "{keys:?}");
        let rest = world.fetch(&asked.developer, 8).await.len();
        assert_eq!(keys.len() + rest, 3);
    }
}

on_both! {
    async fn a_worker_that_loses_every_brief_is_given_no_more_of_it(world) {
        let asked = world.asked((ExecutionMode::Pull, 1)).await;
        let worker = Worker { developer: asked.developer.id, test: false, agent: Some("atlas".to_owned()) };
        let mut fetches = 0;
        for _ in 0..FETCHES_MAX + 5 {
            let (now, lease) = (world.now(), TimeDelta::milliseconds(1));
            let fresh = || AttemptId::new(now, &world.chance);
            fetches += world.store.fetch(&worker, (1, lease), now, fresh).await.unwrap().len();
            world.clock.advance(TimeDelta::milliseconds(2));
        }
        assert_eq!(fetches, FETCHES_MAX as usize);
        assert_eq!(world.store.agents_of_worker(&worker).await.unwrap(), [asked.agent.id]);
        let nobody = Worker { agent: Some("another".to_owned()), ..worker };
        assert!(world.store.agents_of_worker(&nobody).await.unwrap().is_empty());
    }
}

on_both! {
    async fn a_final_call_is_fetched_and_its_result_is_the_delivery(world) {
        let asked = world.asked((ExecutionMode::Pull, 1)).await;
        world.fetch(&asked.developer, 1).await;
        assert_eq!(world.take(asked.key, &world.arrived("m1", Outcome::Valid)).await, Taken::Accepted);
        let delivery = world.chosen(&asked).await;
        let claimed = world.claim().await;
        let letter = (&asked.invited, r#"{"mode":"final"}"#);
        assert!(done(world.store.begin_final_call(&claimed, &delivery, letter, None, world.now()).await.unwrap()));
        let fetched = world.fetch(&asked.developer, 1).await;
        let key = ExchangeKey { mode: Mode::Final, ..asked.key };
        assert_eq!((fetched[0].key, fetched[0].envelope.as_str()), (key, r#"{"mode":"final"}"#));
        assert_eq!(world.take(asked.key, &world.arrived("m9", Outcome::Valid)).await, Taken::Answered(Outcome::Valid), "not its prototype's");

        assert_eq!(world.take(key, &world.arrived("m2", Outcome::Valid)).await, Taken::Accepted);
        let ready = world.store.latest_delivery(asked.task.id).await.unwrap().unwrap();
        assert_eq!((ready.status, ready.answer), (DeliveryStatus::Ready, Some(answer())));
        assert_eq!(world.state_of(&asked.task).await, TaskState::Delivering);
        assert!(!world.store.is_held(claimed.lease()).await.unwrap(), "a step that waits for it is dropped");
        assert_eq!(world.take(key, &world.arrived("m2", Outcome::Valid)).await, Taken::Repeated(Outcome::Valid));
    }
}

on_both! {
    async fn a_final_call_that_is_given_up_is_the_loops_to_end(world) {
        let asked = world.asked((ExecutionMode::Async, 1)).await;
        assert_eq!(world.take(asked.key, &world.arrived("m1", Outcome::Valid)).await, Taken::Accepted);
        let delivery = world.chosen(&asked).await;
        let claimed = world.claim().await;
        let attempt = Attempt { mode: Mode::Final, ..world.attempt(&asked.invited, 1) };
        let letter = (&asked.invited, LETTER);
        let begun = world.store.begin_final_call(&claimed, &delivery, letter, Some(&attempt), world.now()).await.unwrap();
        assert_eq!(begun, Guarded::Done(true));
        let key = ExchangeKey { mode: Mode::Final, ..asked.key };
        assert_eq!(world.take(key, &world.arrived("m2", Outcome::AgentError)).await, Taken::Accepted);
        let again = world.claim().await;
        let exchange = world.store.dispatch(key).await.unwrap().unwrap().exchange.unwrap();
        assert_eq!(exchange.ended.unwrap().outcome, Outcome::AgentError);
        assert_eq!(again.task().state, TaskState::Delivering);
        let late: Timestamp = world.now() + TimeDelta::seconds(1);
        assert_eq!(world.take(key, &Arrived { at: late, ..world.arrived("m3", Outcome::Valid) }).await, Taken::Answered(Outcome::AgentError));
    }
}
