//! Answers that come by callback.

use crate::agent::{Agent, BackTwist, Out, Twist};
use crate::{SECRET, all_are_there, all_passed, given, stage, verdict};
use gavel_conformance::{Given, Verdict, Via, cases, run};
use serde_json::json;
use std::time::Duration;

const BROKEN: &[(&str, Twist, BackTwist)] = &[
    ("ack", |call, out| if call.is_post() { Out { status: 201, ..out } } else { out }, |_| {}),
    (
        "ack-quick",
        |call, out| if call.count == 1 { out.late(Duration::from_millis(5_200)) } else { out },
        |_| {},
    ),
    ("callback-comes", |_, out| out, |back| back.url = back.url.replace("/callbacks/", "/callback/")),
    ("callback-signed", |_, out| out, |back| back.sign = false),
    ("callback-fresh", |_, out| out, |back| back.age = 600),
    ("callback-valid", |_, out| out, |back| back.body = json!({ "full_text": "short" }).to_string()),
    (
        "callback-secrets",
        |_, out| out,
        |back| {
            let told = format!("signed with {} by {SECRET}, which is nobody's business", back.secret);
            back.body = json!({ "full_text": told, "summary": "s" }).to_string();
        },
    ),
    ("callback-retried", |_, out| out, |back| back.again = |_| false),
    ("callback-retried-as-same", |_, out| out, |back| back.new_id = true),
    ("callback-once", |_, out| out, |back| back.again = |_| true),
    ("callback-stops", |_, out| out, |back| back.again = |status| status != 202),
];

#[test]
fn every_case_of_callbacks_was_seen_to_fail() {
    all_are_there(Via::Async, BROKEN.iter().map(|(name, ..)| *name), |case| case.via.contains(&Via::Sync));
}

#[tokio::test]
async fn an_agent_that_calls_back_passes_all() {
    let agent = Agent::start(|_, out| out).await;
    let stage = stage(given(&agent.url), Via::Async).await;
    all_passed(&run::run(&stage, &cases::of(Via::Async, &[]), |_| {}).await);
}

#[tokio::test]
async fn a_result_that_is_awaited_in_vain_is_no_poor_answer() {
    let agent = Agent::with_callbacks(|_, out| out, |back| back.sign = false).await;
    let given = Given { timeout: Duration::from_secs(1), ..given(&agent.url) };
    let stage = stage(given, Via::Async).await;
    let verdict = verdict(&stage, "answer-valid").await;
    let Verdict::Unanswered { why, fix } = verdict else { panic!("{verdict:?}") };
    assert!(why.contains("no signature") && fix.contains("callback"), "{why}; {fix}");
}

#[tokio::test]
async fn each_case_fails_where_just_its_promise_is_broken() {
    let all = BROKEN.iter().map(async |(name, twist, back)| {
        let agent = Agent::with_callbacks(*twist, *back).await;
        let given = Given { timeout: Duration::from_secs(4), ..given(&agent.url) };
        let stage = stage(given, Via::Async).await;
        (name, verdict(&stage, name).await)
    });
    for (name, verdict) in futures::future::join_all(all).await {
        assert!(matches!(verdict, Verdict::Failed(_)), "{name} did not fail: {verdict:?}");
    }
}
