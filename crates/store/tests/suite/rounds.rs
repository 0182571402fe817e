//! A round: invitations, attempts, bids, verdicts, and the end of the phase.

use crate::support::{answer, done, on_both};
use gavel_domain::bid::BidStatus;
use gavel_domain::event::EventKind;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{AttemptResult, Mode, Outcome};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{BidId, Ppm};
use gavel_store::Guarded;
use gavel_store::decisions::Decision;
use gavel_store::scores::PhaseEnd;
use std::collections::BTreeSet;

on_both! {
    async fn attempts_are_counted_per_mode_and_revision(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "atlas").await;
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        let attempt = |number| world.attempt(&invited[0], number);
        let first = attempt(1);
        done(world.store.begin_attempts(claimed.lease(), std::slice::from_ref(&first), &[]).await.unwrap());
        let dispatch = &world.store.dispatches(task.id, 1).await.unwrap()[0];
        assert_eq!((dispatch.sends, dispatch.open_attempt), (1, Some(first.id)));
        assert_eq!(dispatch.invitation, invited[0]);
        assert_eq!((&dispatch.sealed_key[..], &dispatch.secrets.current[..]), (&b"sealed key"[..], &b"sealed secret"[..]));

        let result = AttemptResult {
            ended_at: world.now(),
            status: Some(503),
            code: "status_503".to_owned(),
            warnings: vec!["w".to_owned()],
            error_body: Some("nul\0byte".to_owned()),
            trace: None,
        };
        let again = attempt(2);
        world.store.end_attempt(first.id, &result).await.unwrap();
        done(world.store.begin_attempts(claimed.lease(), std::slice::from_ref(&again), &[]).await.unwrap());
        let log = world.store.attempts(invited[0].id).await.unwrap();
        assert_eq!(log.len(), 2);
        assert_eq!(log[0].result.as_ref().unwrap().error_body.as_deref(), Some("nul\u{FFFD}byte"));
        let dispatch = &world.store.dispatches(task.id, 1).await.unwrap()[0];
        assert_eq!((dispatch.sends, dispatch.open_attempt), (2, Some(again.id)));
        let ended = gavel_store::invitations::Ended { attempt: Some((again.id, result.clone())), ..world.ended(&invited[0], Outcome::Unavailable) };
        done(world.end_invitation(&claimed, &ended).await);
        assert_eq!(world.store.attempts(invited[0].id).await.unwrap()[1].result.as_ref().unwrap().status, Some(503));
        let key = ExchangeKey { invitation: invited[0].id, mode: Mode::Final, revision: 0 };
        let for_final = world.store.dispatch(key).await.unwrap().unwrap();
        assert_eq!(for_final.sends, 0);
        let third = world.store.begin_attempts(claimed.lease(), &[attempt(3)], &[]).await.unwrap();
        assert_eq!(third, Guarded::Done(Vec::new()), "nothing is sent after the end");
    }
}

on_both! {
    async fn an_invitation_ends_once(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "atlas").await;
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        let valid = world.ended(&invited[0], Outcome::Valid);
        done(world.end_invitation(&claimed, &valid).await);
        let again = world.end_invitation(&claimed, &world.ended(&invited[0], Outcome::Timeout)).await;
        assert_eq!(again, Guarded::Lost);
        let gallery = world.store.gallery(task.id).await.unwrap();
        assert_eq!(gallery[0].bid.answer, answer());
        assert_eq!(gallery[0].bid.status, BidStatus::Received);
        assert_eq!(world.store.unscored_bids(task.id, 1).await.unwrap().len(), 1);
        let (_, record) = world.store.agent(agent.id).await.unwrap().unwrap();
        assert_eq!(record.real_tasks, 1);
    }
}

on_both! {
    async fn the_best_five_are_presented(world) {
        let developer = world.developer("dev").await;
        let mut agents = Vec::new();
        for i in 0..7 {
            agents.push(world.agent(&developer, &format!("agent-{i}")).await);
        }
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &agents.iter().collect::<Vec<_>>()).await;
        for (invitation, score) in invited.iter().take(6).zip([500_000, 700_000, 600_000, 900_000, 400_000, 800_000]) {
            world.scored(&claimed, invitation, score).await;
        }
        let until = world.now() + chrono::TimeDelta::days(7);
        world.close(&claimed, Outcome::Late, until).await;

        let after = world.store.task(task.id).await.unwrap().unwrap();
        assert_eq!((after.state, after.expires_at, after.under_supplied), (TaskState::Review, Some(until), true));
        let shown: Vec<_> = world.store.gallery(task.id).await.unwrap().iter()
            .map(|g| (g.bid.score.unwrap().get() / 1000, g.bid.presented)).collect();
        assert_eq!(shown, [(900, true), (800, true), (700, true), (600, true), (500, true), (400, false)]);
        let open: Vec<_> = world.store.dispatches(task.id, 1).await.unwrap().into_iter()
            .filter(|d| d.invitation.ended.as_ref().unwrap().outcome == Outcome::Late).collect();
        assert_eq!(open.len(), 1);

        let events = world.store.events_after(task.id, 0, 100).await.unwrap();
        assert!(events.iter().map(|e| e.seq).eq(1..=events.len() as i64), "no gap, no repeat");
        assert_eq!(events.iter().filter(|e| e.kind == EventKind::Scored).count(), 6);
        assert_eq!(world.store.decision(task.id, 1).await.unwrap().as_deref(), Some(r#"{"chosen":[]}"#));
        assert_eq!(world.store.next_ready_at(world.now()).await.unwrap(), Some(until));
        let one = world.store.bid(task.id, world.store.gallery(task.id).await.unwrap()[0].bid.id).await.unwrap().unwrap();
        assert_eq!(one.bid.score, Some(Ppm::new(900_000)));
    }
}

on_both! {
    async fn who_was_asked_and_is_late_has_had_a_real_task(world) {
        let developer = world.developer("dev").await;
        let (asked, unasked) = (world.agent(&developer, "asked").await, world.agent(&developer, "unasked").await);
        let counts = async || {
            let count = async |id| world.store.agent(id).await.unwrap().unwrap().1.real_tasks;
            (count(asked.id).await, count(unasked.id).await)
        };
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&asked, &unasked]).await;
        let send = world.attempt(&invited[0], 1);
        done(world.store.begin_attempts(claimed.lease(), &[send], &[]).await.unwrap());
        world.close(&claimed, Outcome::Late, world.now()).await;
        assert_eq!(counts().await, (1, 0));
        let given_up = world.store.attempts(invited[0].id).await.unwrap().remove(0);
        assert_eq!(given_up.result.map(|result| result.code).as_deref(), Some("phase_closed"));
        let events = world.store.events_after(task.id, 0, 100).await.unwrap();
        let told: Vec<_> = events.iter().map(|e| (e.kind, e.data["agent"].as_str().unwrap_or("-"))).collect();
        let kinds: Vec<_> = told[told.len() - 3..].iter().map(|(kind, _)| *kind).collect();
        let before_the_end = [EventKind::Outcome, EventKind::Outcome, EventKind::State];
        assert_eq!(kinds, before_the_end, "{told:?}: who is late is told before the state that ends the task");

        let task = world.task(world.account("buyer").await).await;
        let (claimed, _) = world.prototyping(&task, &[&asked, &unasked]).await;
        world.close(&claimed, Outcome::Superseded, world.now()).await;
        assert_eq!(counts().await, (1, 0), "given up is no task");
    }
}

on_both! {
    async fn without_a_bid_the_task_expires(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "atlas").await;
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        done(world.end_invitation(&claimed, &world.ended(&invited[0], Outcome::ServerError)).await);
        world.close(&claimed, Outcome::Late, world.now()).await;
        let after = world.store.task(task.id).await.unwrap().unwrap();
        assert_eq!((after.state, after.reason.as_deref()), (TaskState::Expired, Some("no_valid_bids")));
        assert!(world.try_claim().await.is_none());
    }
}

on_both! {
    async fn nobody_eligible_is_kept_with_its_reasons(world) {
        let task = world.task(world.account("buyer").await).await;
        done(world.store.start(world.claim().await, world.now(), world.now()).await.unwrap());
        let why = Decision { document: r#"{"why":1}"#.to_owned(), ..Decision::default() };
        done(world.store.nobody_eligible(world.claim().await, &why, world.now()).await.unwrap());
        let after = world.store.task(task.id).await.unwrap().unwrap();
        assert_eq!((after.state, after.reason.as_deref()), (TaskState::Expired, Some("no_eligible_agents")));
        assert_eq!(world.store.decision(task.id, 1).await.unwrap().as_deref(), Some(r#"{"why":1}"#));
    }
}

on_both! {
    async fn a_phase_does_not_end_over_a_bid_that_nobody_has_judged(world) {
        let developer = world.developer("dev").await;
        let (one, two) = (world.agent(&developer, "one").await, world.agent(&developer, "two").await);
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&one, &two]).await;
        let ended = world.ended(&invited[0], Outcome::Valid);
        done(world.end_invitation(&claimed, &ended).await);
        let bid = ended.bid.unwrap().id;
        let until = world.now() + chrono::TimeDelta::days(7);
        let close = async |unjudged: &BTreeSet<BidId>| {
            let closed = world.store.close_phase(&claimed, &[], unjudged, Outcome::Late, until, world.now()).await;
            closed.unwrap()
        };
        assert_eq!(close(&BTreeSet::new()).await, Guarded::Done(PhaseEnd::BidsToJudge));
        assert_eq!(world.state_of(&task).await, TaskState::Prototyping, "and nothing has changed");
        let dispatch = world.store.dispatch(ExchangeKey { invitation: invited[1].id, mode: Mode::Prototype, revision: 0 });
        assert!(dispatch.await.unwrap().unwrap().invitation.ended.is_none());
        // The judge failed at it: it is shown without a score, and holds up nobody.
        assert_eq!(close(&BTreeSet::from([bid])).await, Guarded::Done(PhaseEnd::Closed));
        assert_eq!(world.state_of(&task).await, TaskState::Review);
        assert_eq!(close(&BTreeSet::from([bid])).await, Guarded::Lost);
    }
}
