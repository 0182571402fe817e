//! The delivery log: pages, filters, and one send whole.

use crate::support::{World, answer, done, on_both};
use chrono::TimeDelta;
use gavel_domain::agent::{Agent, ExecutionMode};
use gavel_domain::exchange::{Arrived, ExchangeKey, Taken};
use gavel_domain::invitation::{Attempt, AttemptResult, Invitation, Mode, Outcome, Timing, Trace};
use gavel_domain::task::Task;
use gavel_domain::{AttemptId, BidId, Timestamp};
use gavel_store::Claimed;
use gavel_store::delivery_log::{LogFilter, LoggedSend, Standing, TakenAs};
use gavel_store::invitations::Ended;
use gavel_store::pull::Worker;

fn send(world: &World, invitation: &Invitation, number: u32) -> Attempt {
    world.clock.advance(TimeDelta::milliseconds(1)); // sends are in the order of their times
    world.attempt(invitation, number)
}

fn result(at: Timestamp, code: &str) -> AttemptResult {
    let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
    AttemptResult {
        ended_at: at,
        status: Some(503),
        code: code.to_owned(),
        warnings: vec!["w".to_owned()],
        error_body: Some("busy".to_owned()),
        trace: Some(Trace {
            url: "https://agents.example.com/execute".to_owned(),
            request_headers: headers.clone(),
            response_headers: headers,
            response_bytes: Some(4),
            timing: Timing { reused: true, first_byte: Some(1_500), ..Timing::default() },
        }),
    }
}

/// A task that is being prototyped by these agents.
async fn round(world: &World, agents: &[&Agent]) -> (Task, Claimed, Vec<Invitation>) {
    world.clock.advance(TimeDelta::seconds(1));
    let task = world.task(world.account("buyer").await).await;
    let (claimed, invited) = world.prototyping(&task, agents).await;
    (task, claimed, invited)
}

async fn log(world: &World, agent: &Agent, filter: LogFilter) -> Vec<LoggedSend> {
    world.store.delivery_log(agent.id, &filter, 100).await.unwrap()
}

on_both! {
    async fn a_log_is_read_page_by_page_and_narrowed(world) {
        let developer = world.developer("dev").await;
        let (agent, other) = (world.agent(&developer, "atlas").await, world.agent(&developer, "boreas").await);
        let mut sent = Vec::new();
        let mut tasks = Vec::new();
        for (code, outcome) in [("status_503", Outcome::Unavailable), ("ok", Outcome::Valid)] {
            let (task, claimed, invited) = round(&world, &[&agent, &other]).await;
            let attempts = [send(&world, &invited[0], 1), send(&world, &invited[1], 1)];
            let _ = done(world.store.begin_attempts(claimed.lease(), &attempts, &[]).await.unwrap());
            world.store.end_attempt(attempts[0].id, &result(world.now(), code)).await.unwrap();
            done(world.end_invitation(&claimed, &world.ended(&invited[0], outcome)).await);
            sent.insert(0, attempts[0].clone());
            tasks.insert(0, task);
        }
        let (_, claimed, invited) = round(&world, &[&agent]).await;
        let open = send(&world, &invited[0], 1);
        let _ = done(world.store.begin_attempts(claimed.lease(), std::slice::from_ref(&open), &[]).await.unwrap());
        sent.insert(0, open);
        let ids: Vec<AttemptId> = sent.iter().map(|attempt| attempt.id).collect();

        let check = async |filter: LogFilter, expected: &[AttemptId]| {
            let found: Vec<AttemptId> = log(&world, &agent, filter.clone()).await.iter().map(|s| s.attempt.id).collect();
            assert_eq!(found, expected, "{filter:?} on {:?}", world.store.engine());
        };
        let all = LogFilter::default;
        check(all(), &ids).await;
        check(LogFilter { before: Some(ids[0]), ..all() }, &ids[1..]).await;
        check(LogFilter { since: Some(sent[1].started_at), ..all() }, &ids[..2]).await;
        check(LogFilter { task: Some(tasks[1].id), ..all() }, &ids[2..]).await;
        check(LogFilter { mode: Some(Mode::Prototype), ..all() }, &ids).await;
        check(LogFilter { mode: Some(Mode::Final), ..all() }, &[]).await;
        check(LogFilter { code: Some("ok".to_owned()), ..all() }, &ids[1..2]).await;
        check(LogFilter { standing: Some(Standing::Open), ..all() }, &ids[..1]).await;
        check(LogFilter { standing: Some(Standing::Ended(Outcome::Unavailable)), ..all() }, &ids[2..]).await;
        check(LogFilter { standing: Some(Standing::Ended(Outcome::Late)), ..all() }, &[]).await;
        let first = world.store.delivery_log(agent.id, &all(), 2).await.unwrap();
        assert_eq!(first.iter().map(|send| send.attempt.id).collect::<Vec<_>>(), ids[..2]);
        assert_eq!(log(&world, &other, all()).await.len(), 2, "the other agent's sends are its own");
    }
}

on_both! {
    async fn one_send_whole(world) {
        let developer = world.developer("dev").await;
        let (agent, other) = (world.agent(&developer, "atlas").await, world.agent(&developer, "boreas").await);
        let (task, claimed, invited) = round(&world, &[&agent]).await;
        let (lost, answered) = (send(&world, &invited[0], 1), send(&world, &invited[0], 2));
        let _ = done(world.store.begin_attempts(claimed.lease(), std::slice::from_ref(&lost), &[]).await.unwrap());
        world.store.end_attempt(lost.id, &result(world.now(), "connect_error")).await.unwrap();
        let _ = done(world.store.begin_attempts(claimed.lease(), std::slice::from_ref(&answered), &[]).await.unwrap());
        let ended = Ended {
            attempt: Some((answered.id, result(world.now(), "ok"))),
            ..world.ended(&invited[0], Outcome::Valid)
        };
        done(world.end_invitation(&claimed, &ended).await);

        let first = world.store.delivery_detail(agent.id, lost.id).await.unwrap().unwrap();
        assert!(!first.send.is_last && !first.send.fetched);
        let detail = world.store.delivery_detail(agent.id, answered.id).await.unwrap().unwrap();
        let send = &detail.send;
        assert_eq!((send.task, send.round, send.is_last), (task.id, 1, true));
        assert_eq!(send.execution_mode, ExecutionMode::Sync);
        assert_eq!(send.attempt.result.as_ref(), ended.attempt.as_ref().map(|(_, result)| result));
        assert_eq!(send.ended.as_ref(), Some(&ended.ending));
        assert_eq!(send.exchange.as_ref().map(|exchange| exchange.deadline_at), Some(invited[0].deadline_at));
        assert!(detail.letter.is_some_and(|letter| !letter.is_empty()));
        assert!(detail.result.is_none() && detail.fetches.is_empty());
        let taken = detail.taken.unwrap();
        assert_eq!(taken.owner, TakenAs::Bid(ended.bid.as_ref().unwrap().id));
        assert!(taken.bytes > answer().full_text.len() as u64, "{taken:?}");
        assert_eq!(world.store.taken_answer(&taken).await.unwrap(), answer());

        assert!(world.store.delivery_detail(other.id, answered.id).await.unwrap().is_none(), "not its send");
    }
}

on_both! {
    async fn a_result_at_the_door_stands_apart_from_the_send(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent_like(&developer, "atlas", (ExecutionMode::Async, 8)).await;
        let (_, claimed, invited) = round(&world, &[&agent]).await;
        let sent = send(&world, &invited[0], 1);
        let _ = done(world.store.begin_attempts(claimed.lease(), std::slice::from_ref(&sent), &[]).await.unwrap());
        let key = ExchangeKey { invitation: invited[0].id, mode: Mode::Prototype, revision: 0 };
        let acknowledged = AttemptResult { status: Some(202), error_body: None, ..result(world.now(), "acknowledged") };
        world.store.acknowledge(key, sent.id, &acknowledged).await.unwrap();
        let dispatch = world.store.dispatch(key).await.unwrap().unwrap();
        let arrives = async |code: &str, outcome, answer| {
            let arrived = Arrived {
                message_id: format!("msg_{code}"),
                lease: None,
                outcome,
                code: code.to_owned(),
                answer,
                warnings: vec![code.to_owned()],
                error_body: None,
                at: world.now(),
            };
            let bid = BidId::new(world.now(), &world.chance);
            world.store.take_result(&dispatch, key, &arrived, bid, world.now()).await.unwrap()
        };
        let detail = async || world.store.delivery_detail(agent.id, sent.id).await.unwrap().unwrap();

        assert_eq!(arrives("full_text_short", Outcome::InvalidResponse, None).await, Taken::Refused);
        let refused = detail().await;
        assert_eq!(refused.send.attempt.result, Some(acknowledged));
        assert_eq!((refused.send.execution_mode, &refused.send.ended), (ExecutionMode::Async, &None));
        let exchange = refused.send.exchange.unwrap();
        assert_eq!(exchange.refused.as_deref(), Some("full_text_short"));
        assert!(exchange.acknowledged_at.is_some());
        assert_eq!(refused.result.unwrap().code.as_deref(), Some("full_text_short"));
        assert!(refused.taken.is_none());

        assert_eq!(arrives("ok", Outcome::Valid, Some(answer())).await, Taken::Accepted);
        let taken = detail().await;
        assert_eq!(taken.send.ended.unwrap().outcome, Outcome::Valid);
        let result = taken.result.unwrap();
        assert_eq!((result.code.as_deref(), result.message_id.as_deref()), (Some("ok"), Some("msg_ok")));
        assert!(matches!(taken.taken.unwrap().owner, TakenAs::Bid(_)));
    }
}

on_both! {
    async fn every_fetch_is_a_line(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent_like(&developer, "atlas", (ExecutionMode::Pull, 8)).await;
        let _ = round(&world, &[&agent]).await;
        let worker = Worker { developer: developer.id, test: false, agent: None };
        let mut ids = Vec::new();
        for _ in 0..2 {
            world.clock.advance(TimeDelta::seconds(31));
            let id = AttemptId::new(world.now(), &world.chance);
            let lease = (1, TimeDelta::seconds(30));
            assert_eq!(world.store.fetch(&worker, lease, world.now(), || id).await.unwrap().len(), 1);
            ids.insert(0, id);
        }
        let lines = log(&world, &agent, LogFilter::default()).await;
        let said: Vec<_> = lines.iter().map(|line| (line.attempt.id, line.fetched, line.is_last)).collect();
        assert_eq!(said, [(ids[0], true, true), (ids[1], true, false)]);
        let expired = lines[1].attempt.result.as_ref().map(|result| result.code.as_str());
        assert_eq!(expired, Some("lease_expired"));
        let detail = world.store.delivery_detail(agent.id, ids[1]).await.unwrap().unwrap();
        let leases: Vec<_> = detail.fetches.iter().map(|fetch| (fetch.number, fetch.id)).collect();
        assert_eq!(leases, [(1, ids[1]), (2, ids[0])]);
    }
}
