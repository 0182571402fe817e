//! Whole rounds under paused time: what is sent when, and how each call ends.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use futures::StreamExt;
use gavel_contract::signature::{Secret, verify_hex, verify_webhook};
use gavel_dispatcher::transport::FailureKind::{self, Connect, NoResponse, Tls};
use gavel_dispatcher::{Ask, Call, Said, Settled};
use gavel_domain::AttemptId;
use gavel_domain::invitation::Outcome;
use gavel_domain::limits::SENDS_MAX;
use std::time::Duration;
use support::{Bench, Mood, SECOND, Step, bench, call, ended, good, invitation, result, status, url};
use tokio::time::Instant;

/// One call through a fresh bench: how it ended, when, and what the bench saw.
async fn one(steps: &[Step], mood: Mood, change: impl FnOnce(&mut Call)) -> (Settled, Duration, Bench) {
    let bench = bench(&[steps], mood);
    let mut call = call(0, 120);
    change(&mut call);
    let started = Instant::now();
    let (call, begun) = bench.begun(call);
    let settled = bench.dispatcher.exchange(&call, begun).await;
    (settled, started.elapsed(), bench)
}

/// Checks outcome, code and number of sends of one call.
async fn check(steps: &[Step], expected: (Outcome, &str, usize)) {
    let (settled, _, bench) = one(steps, Mood::Willing, |_| {}).await;
    let seen = (ended(&settled).outcome, ended(&settled).code.as_str(), bench.network.sent().len());
    assert_eq!(seen, expected);
    assert_eq!(result(&settled).code, expected.1);
    assert_eq!(ended(&settled).answer.is_some(), expected.0 == Outcome::Valid);
}

/// A call to an agent that takes one at a time.
fn busy(seconds: i64) -> Call {
    let call = call(0, seconds);
    Call { ask: Ask { agent_max: 1, ..call.ask.clone() }, ..call }
}

/// The row of the last send.
fn last_row(settled: &Settled) -> AttemptId {
    settled.last_send.as_ref().expect("something was sent").0
}

fn fail(kind: FailureKind) -> Step {
    Step::Fail(Duration::ZERO, kind)
}
fn answer(seconds: u32) -> Step {
    Step::Answer(SECOND * seconds, good())
}

#[tokio::test(start_paused = true)]
async fn every_way_a_call_can_end() {
    check(&[answer(1)], (Outcome::Valid, "ok", 1)).await;
    check(&[answer(119)], (Outcome::Valid, "ok", 1)).await; // slow, but inside its limit
    check(&[answer(121)], (Outcome::Timeout, "timeout", 1)).await;
    check(&[Step::Hang], (Outcome::Timeout, "timeout", 1)).await;
    check(&[Step::Panic], (Outcome::PlatformFault, "panic", 1)).await;
    check(&[fail(Connect), answer(1)], (Outcome::Valid, "ok", 2)).await;
    check(&[fail(NoResponse), answer(1)], (Outcome::Valid, "ok", 2)).await;
    check(&[fail(Connect), fail(Connect)], (Outcome::Unreachable, "connect_error", 2)).await;
    check(&[fail(NoResponse), fail(NoResponse)], (Outcome::Unreachable, "transport", 2)).await;
    check(&[fail(Connect), Step::Hang], (Outcome::Timeout, "timeout", 2)).await;
    check(&[fail(Connect), Step::Panic], (Outcome::PlatformFault, "panic", 2)).await;
    check(&[fail(Tls)], (Outcome::Unreachable, "tls_error", 1)).await;
    check(&[fail(FailureKind::Refused("private"))], (Outcome::Unreachable, "private", 1)).await;
    check(&[fail(FailureKind::BrokenHead)], (Outcome::InvalidResponse, "transport", 1)).await;
    check(&[fail(FailureKind::BrokenBody)], (Outcome::InvalidResponse, "transport_body", 1)).await;
    check(&[fail(FailureKind::TooLarge)], (Outcome::InvalidResponse, "body_too_large", 1)).await;
}

#[tokio::test(start_paused = true)]
async fn never_a_second_send_after_a_status() {
    for code in [100, 201, 302, 400, 404, 408, 422, 429, 500, 502, 503] {
        let (settled, _, bench) = one(&[Step::Answer(SECOND, status(code))], Mood::Willing, |_| {}).await;
        assert_eq!(bench.network.sent().len(), 1, "after {code}");
        assert_eq!(result(&settled).status, Some(code));
        assert_ne!(ended(&settled).outcome, Outcome::Valid, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn both_sends_share_one_deadline() {
    let late_failure = Step::Fail(SECOND * 100, NoResponse);
    let (settled, took, bench) = one(&[late_failure, Step::Hang], Mood::Willing, |_| {}).await;
    assert_eq!((ended(&settled).outcome, took), (Outcome::Timeout, SECOND * 120));
    assert_eq!(bench.network.sent().len(), 2);

    // So close to the deadline that a second send could only end as a timeout: the clear failure stands.
    let last_moment = Step::Fail(Duration::from_millis(119_900), NoResponse);
    let (settled, _, bench) = one(&[last_moment], Mood::Willing, |_| {}).await;
    assert_eq!((ended(&settled).outcome, bench.network.sent().len()), (Outcome::Unreachable, 1));
}

#[tokio::test(start_paused = true)]
async fn the_phase_cuts_a_call_without_blame() {
    let (settled, took, _) =
        one(&[Step::Hang], Mood::Willing, |call| call.deadline_is_own_limit = false).await;
    assert_eq!((ended(&settled).outcome, ended(&settled).code.as_str()), (Outcome::Late, "phase_closed"));
    assert_eq!(took, SECOND * 120);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_is_not_extended_and_not_the_agents_fault() {
    for (is_own_limit, outcome) in [(true, Outcome::PlatformFault), (false, Outcome::Late)] {
        let past = |call: &mut Call| {
            call.deadline_at = support::epoch();
            call.deadline_is_own_limit = is_own_limit;
        };
        let (settled, took, bench) = one(&[], Mood::Willing, past).await;
        assert_eq!((ended(&settled).outcome, took), (outcome, Duration::ZERO));
        assert!(bench.network.sent().is_empty(), "nothing is sent after the deadline");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_sent_no_more_at_once_than_it_takes() {
    let bench = support::bench(&[&[answer(10), answer(10), answer(10)]], Mood::Willing);
    let calls = (0..3).map(|_| bench.begun(busy(25))).collect();
    let settled: Vec<_> = bench.dispatcher.fan_out(calls).collect().await;
    let ends: Vec<_> = settled.iter().map(|s| (ended(s).outcome, ended(s).code.as_str())).collect();
    // The third has five seconds of its twenty-five left and needs ten: nobody is charged for the queue.
    assert_eq!(ends, [(Outcome::Valid, "ok"), (Outcome::Valid, "ok"), (Outcome::Late, "phase_closed")]);
    let sent: Vec<_> = bench.network.sent().iter().map(|sent| sent.at).collect();
    assert_eq!(sent, [Duration::ZERO, SECOND * 10, SECOND * 20]);

    let bench = support::bench(&[&[Step::Hang]], Mood::Willing);
    let calls = [25, 20].map(|seconds| bench.begun(busy(seconds))).into();
    let settled: Vec<_> = bench.dispatcher.fan_out(calls).collect().await;
    let mut ends: Vec<_> = settled.iter().map(|s| (ended(s).outcome, ended(s).code.as_str())).collect();
    ends.sort();
    assert_eq!(ends, [(Outcome::Timeout, "timeout"), (Outcome::PlatformFault, "never_its_turn")]);
    assert_eq!(bench.network.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_two_holds_over_restarts() {
    let restarted = |sends: u32| move |call: &mut Call| call.sends_so_far = sends;
    let (settled, _, bench) = one(&[fail(Connect)], Mood::Willing, restarted(1)).await;
    assert_eq!((ended(&settled).outcome, bench.network.sent().len()), (Outcome::Unreachable, 1));
    let (settled, _, bench) = one(&[answer(1)], Mood::Willing, restarted(1)).await;
    assert_eq!((ended(&settled).outcome, bench.network.sent().len()), (Outcome::Valid, 1));
    let (settled, _, bench) = one(&[], Mood::Willing, restarted(SENDS_MAX)).await;
    assert_eq!((ended(&settled).outcome, bench.network.sent().len()), (Outcome::PlatformFault, 0));
}

#[tokio::test(start_paused = true)]
async fn a_second_send_has_its_own_row_and_signature_but_the_same_id() {
    let steps = [Step::Fail(SECOND * 3, NoResponse), answer(1)];
    let (settled, _, bench) = one(&steps, Mood::Willing, |_| {}).await;
    assert_eq!(last_row(&settled), support::attempt(202), "the row of the second send");
    assert_eq!(*bench.notebook.begun.lock().unwrap(), [2]);
    assert_eq!(*bench.notebook.ended.lock().unwrap(), [(support::attempt(100), "transport".to_owned())]);
    let sent = bench.network.sent();
    let [first, second] = &sent[..] else { panic!("{} sends", sent.len()) };
    assert!(first.at == Duration::ZERO && second.at > SECOND * 3, "a pause lies between");
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.header("webhook-timestamp"), "1767225600");
    assert_eq!(second.header("webhook-timestamp"), "1767225603", "signed when it is sent");
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
    let secret = Secret::parse(support::SECRET).unwrap();
    for (sent, now) in [(first, 1_767_225_600), (second, 1_767_225_603)] {
        let id = verify_webhook(std::slice::from_ref(&secret), &sent.headers, &sent.body, now);
        assert_eq!(id, Some(sent.header("webhook-id")));
        let hex = sent.header("X-AITasker-Signature");
        assert!(verify_hex(&[support::SECRET.as_bytes()], &sent.body, hex));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_again_unless_it_is_written_down() {
    for mood in [Mood::Refusing, Mood::Hanging, Mood::Panicking] {
        let (settled, _, bench) = one(&[fail(Connect)], mood, |_| {}).await;
        assert_eq!(bench.network.sent().len(), 1);
        assert_eq!(
            (ended(&settled).outcome, last_row(&settled)),
            (Outcome::Unreachable, support::attempt(100))
        );
        let said = result(&settled).warnings.last().expect("the log says why");
        assert!(said.starts_with("nothing more was sent"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn eight_agents_and_none_delays_another() {
    let bad = Step::Answer(SECOND * 4, status(500));
    let scripts: [&[Step]; 8] = [
        &[answer(30)],
        &[Step::Hang],
        &[answer(1)],
        &[Step::Panic],
        &[fail(Connect), answer(2)],
        &[bad],
        &[fail(Tls)],
        &[answer(60)],
    ];
    let bench = bench(&scripts, Mood::Willing);
    let started = Instant::now();
    let mut ends = Vec::new();
    let mut stream = bench.dispatcher.fan_out((0..8).map(|n| bench.begun(call(n, 120))).collect());
    while let Some(settled) = stream.next().await {
        let agent = (0..8).find(|n| invitation(*n) == settled.key.invitation).unwrap();
        ends.push((agent, ended(&settled).outcome, started.elapsed().as_secs()));
    }
    ends[..2].sort_unstable(); // both end at once
    let expected = [
        (3, Outcome::PlatformFault, 0),
        (6, Outcome::Unreachable, 0),
        (2, Outcome::Valid, 1),
        (4, Outcome::Valid, 2),
        (5, Outcome::ServerError, 4),
        (0, Outcome::Valid, 30),
        (7, Outcome::Valid, 60),
        (1, Outcome::Timeout, 120),
    ];
    assert_eq!(ends, expected);
    let first_sends = bench.network.sent().iter().filter(|sent| sent.at == Duration::ZERO).count();
    assert_eq!(first_sends, 8, "all at once");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_moves_nobodys_deadline() {
    let scripts: [&[Step]; 3] = [&[answer(1)], &[answer(119)], &[answer(121)]];
    let bench = bench(&scripts, Mood::Willing);
    let mut stream = bench.dispatcher.fan_out((0..3).map(|n| bench.begun(call(n, 120))).collect());
    let mut outcomes = Vec::new();
    while let Some(settled) = stream.next().await {
        outcomes
            .push((ended(&settled).outcome, (result(&settled).ended_at - support::epoch()).num_seconds()));
        tokio::time::sleep(SECOND * 200).await;
    }
    assert_eq!(outcomes[0], (Outcome::Valid, 1));
    outcomes[1..].sort_unstable();
    assert_eq!(outcomes[1..], [(Outcome::Valid, 119), (Outcome::Timeout, 120)]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_gives_every_open_call_up() {
    let scripts: [&[Step]; 3] = [&[answer(1)], &[Step::Hang], &[Step::Hang]];
    let bench = bench(&scripts, Mood::Willing);
    let mut stream = bench.dispatcher.fan_out((0..3).map(|n| bench.begun(call(n, 120))).collect());
    assert_eq!(ended(&stream.next().await.unwrap()).outcome, Outcome::Valid);
    assert_eq!(bench.network.open(), 2);
    drop(stream);
    tokio::task::yield_now().await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(bench.network.open(), 0, "both hanging requests were dropped");
}

#[tokio::test(start_paused = true)]
async fn nobody_to_ask_is_an_empty_stream() {
    assert!(bench(&[], Mood::Willing).dispatcher.fan_out(Vec::new()).next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn every_send_goes_to_its_own_agent_with_the_exact_bytes() {
    let bench = bench(&[&[answer(1)], &[answer(1)]], Mood::Willing);
    bench
        .dispatcher
        .fan_out(vec![bench.begun(call(0, 9)), bench.begun(call(1, 9))])
        .collect::<Vec<_>>()
        .await;
    let mut sent = bench.network.sent();
    sent.sort_by(|a, b| a.url.cmp(&b.url));
    assert_eq!(sent.iter().map(|s| s.url.clone()).collect::<Vec<_>>(), [url(0), url(1)]);
    assert!(sent.iter().all(|s| s.body == call(0, 9).body));
    assert_ne!(sent[0].header("webhook-id"), sent[1].header("webhook-id"));
    assert_eq!(sent[0].header("X-AITasker-Key"), support::KEY);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_busy_elsewhere_is_asked_for_again() {
    let bench = bench(&[&[answer(10)]], Mood::Busy(3));
    let settled = bench.dispatcher.exchange(&call(0, 25), None).await;
    assert_eq!(ended(&settled).outcome, Outcome::Valid);
    assert_eq!(bench.network.sent()[0].at, Duration::from_millis(1_500), "three times half a second later");
    assert_eq!(bench.dispatcher.lanes.under_way(), 0);

    let bench = support::bench(&[&[]], Mood::Busy(usize::MAX));
    let settled = bench.dispatcher.exchange(&call(0, 25), None).await;
    assert_eq!(ended(&settled).code, "never_its_turn");
    assert!(settled.last_send.is_none() && bench.network.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_goes_where_the_agent_lives_now() {
    let bench = bench(&[&[], &[answer(1)]], Mood::Busy(1));
    *bench.notebook.moved_to.lock().unwrap() = Some(support::url(1));
    let settled = bench.dispatcher.exchange(&call(0, 25), None).await;
    assert_eq!(ended(&settled).outcome, Outcome::Valid);
    assert_eq!(bench.network.sent()[0].url, support::url(1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_be_written_down_is_not_sent_and_nobodys_fault() {
    let bench = bench(&[&[]], Mood::Refusing);
    let settled = bench.dispatcher.exchange(&call(0, 25), None).await;
    assert_eq!(
        (ended(&settled).outcome, ended(&settled).code.as_str()),
        (Outcome::PlatformFault, "not_sent")
    );
    assert!(bench.network.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_agent_only_says_that_it_has_the_brief() {
    let check = async |step: Step, expected: Result<u16, (Outcome, &str)>, seconds: u64| {
        let change = |call: &mut Call| {
            call.deadline_at = support::epoch() + chrono::TimeDelta::seconds(600);
            call.acknowledge_within = Some(SECOND * 30);
        };
        let (settled, took, bench) = one(std::slice::from_ref(&step), Mood::Willing, change).await;
        let said = match &settled.said {
            Said::Acknowledged { status } => Ok(*status),
            Said::Ended(ended) => Err((ended.outcome, ended.code.as_str())),
        };
        assert_eq!((said, took.as_secs()), (expected, seconds));
        assert_eq!(bench.network.sent()[0].header("Gavel-Deadline"), "2026-01-01T00:10:00.000Z");
        let code = expected.map_or_else(|(_, code)| code, |_| "acknowledged");
        assert_eq!(result(&settled).code, code);
    };
    check(Step::Answer(SECOND, status(202)), Ok(202), 1).await;
    check(Step::Answer(SECOND, good()), Ok(200), 1).await; // a result in the acknowledgement does not count
    check(Step::Answer(SECOND, status(201)), Err((Outcome::AgentError, "http_status")), 1).await;
    check(Step::Answer(SECOND, status(422)), Err((Outcome::Declined, "status_422")), 1).await;
    check(Step::Answer(SECOND, status(503)), Err((Outcome::Unavailable, "status_503")), 1).await;
    check(Step::Hang, Err((Outcome::Timeout, "not_acknowledged")), 30).await;
    check(Step::Answer(SECOND * 31, status(202)), Err((Outcome::Timeout, "not_acknowledged")), 30).await;
}

#[tokio::test(start_paused = true)]
async fn the_log_shows_what_went_over_the_wire_and_no_key() {
    let mut reply = good();
    reply.headers = vec![("x-echo".to_owned(), format!("you sent {}", support::KEY))];
    let (settled, ..) = one(&[Step::Answer(SECOND, reply)], Mood::Willing, |_| {}).await;
    let trace = result(&settled).trace.as_ref().expect("something was sent");
    assert_eq!(trace.url, url(0));
    let shown = format!("{trace:?}");
    assert!(shown.contains("webhook-signature") && shown.contains("x-echo"), "{shown}");
    assert!(!shown.contains(support::KEY) && !shown.contains(support::SECRET), "{shown}");
}
