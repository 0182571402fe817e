//! Everything that is posted and answered.

use crate::agent::{Agent, Call, Out, Twist, is_signed, work};
use crate::{KEY, SECRET, TIMED, all_are_there, all_passed, given, stage, verdict};
use futures::stream::{self, StreamExt};
use gavel_conformance::report::Mark;
use gavel_conformance::{Given, Severity, Verdict, Via, cases, run};
use serde_json::{Value, json};
use std::time::Duration;

/// Each case with an agent that breaks just what it is about. The ordinary call is the first POST, the case's own the
/// next: `--only` plays nothing else.
const BROKEN: &[(&str, Twist)] = &[
    ("health-path", |call, out| if call.is_health() { Out::error(404) } else { out }),
    ("health-open", |call, out| if call.is_health() { Out::error(401) } else { out }),
    (
        "health-200",
        |call, out| if call.is_health() { Out { status: 204, body: "".into(), ..out } } else { out },
    ),
    ("health-status", |call, out| if call.is_health() { out.set("status", json!("OK")) } else { out }),
    ("health-quick", |call, out| if call.is_health() { out.late(Duration::from_millis(1200)) } else { out }),
    (
        "health-capabilities",
        |call, out| if call.is_health() { out.set("capabilities", json!(["x"])) } else { out },
    ),
    (
        "health-while-working",
        |call, out| if call.is_health() && call.count > 1 { Out::error(503) } else { out },
    ),
    ("answer-valid", |call, out| if call.is_post() { Out::error(500) } else { out }),
    ("answer-200", |call, out| if call.is_post() { Out { status: 307, ..out } } else { out }),
    ("answer-not-encoded", |_, out| labelled(out, "content-encoding", "gzip")),
    ("answer-content-type", |_, out| {
        labelled(Out { headers: Vec::new(), ..out }, "content-type", "text/html")
    }),
    ("answer-size", |_, out| out.set("more", json!("x".repeat(5 << 20)))),
    ("answer-object", |_, out| Out { body: format!("```json\n{}\n```", text(&out)).into(), ..out }),
    ("answer-full-text", |_, out| out.set("full_text", json!("x".repeat(49)))),
    ("answer-summary", |_, out| out.set("summary", json!(" "))),
    ("answer-summary-length", |_, out| out.set("summary", json!("s".repeat(300)))),
    ("answer-message", |_, out| out.set("agent_message", json!(["hello"]))),
    ("answer-message-clean", |_, out| out.set("agent_message", json!("see https://example.com"))),
    ("answer-artifacts", |_, out| out.set("artifacts", json!({ "type": "markdown" }))),
    ("answer-artifacts-kept", |_, out| out.set("artifacts", json!([{ "type": "png", "content": "x" }]))),
    ("answer-token-usage", |_, out| out.set("token_usage", json!({ "input_tokens": "many" }))),
    ("answer-price", |_, out| out.set("bid_price_usd", json!(25.01))),
    ("answer-secrets", |_, out| out.set("full_text", json!(format!("{KEY}{}", " word".repeat(20))))),
    ("key-right", |call, out| if call.is_post() { Out::error(401) } else { out }),
    ("key-wrong", accepts_all),
    ("key-missing", |call, out| if call.has("x-aitasker-key") { out } else { accepts_all(call, out) }),
    (
        "key-empty",
        |call, out| if call.header("x-aitasker-key").is_empty() { accepts_all(call, out) } else { out },
    ),
    (
        "key-longer",
        |call, out| if call.header("x-aitasker-key").starts_with(KEY) { accepts_all(call, out) } else { out },
    ),
    ("key-shorter", |call, out| {
        if KEY.starts_with(call.header("x-aitasker-key")) { accepts_all(call, out) } else { out }
    }),
    ("key-case", |call, out| {
        if call.header("x-aitasker-key").eq_ignore_ascii_case(KEY) { accepts_all(call, out) } else { out }
    }),
    ("signature-wrong", accepts_all),
    (
        "signature-missing",
        |call, out| if call.has("webhook-signature") { out } else { accepts_all(call, out) },
    ),
    ("signature-of-another-body", accepts_all),
    ("signature-empty", |call, out| {
        if call.header("webhook-signature").is_empty() { accepts_all(call, out) } else { out }
    }),
    ("timestamp-old", accepts_all),
    ("timestamp-future", accepts_all),
    ("timestamp-no-number", |_, out| if out.status == 401 { Out::error(500) } else { out }),
    ("timestamp-replaced", accepts_all),
    ("id-replaced", accepts_all),
    (
        "trio-wrong-alone",
        |call, out| if call.has("x-aitasker-signature") { out } else { accepts_all(call, out) },
    ),
    ("pair-wrong-alone", |call, out| if call.has("webhook-id") { out } else { accepts_all(call, out) }),
    ("pair-alone", |call, out| if call.is_post() && !call.has("webhook-id") { Out::error(500) } else { out }),
    (
        "trio-alone",
        |call, out| if call.is_post() && !call.has("x-aitasker-signature") { Out::error(500) } else { out },
    ),
    ("rotation-either-first", |call, out| {
        let first = call.header("webhook-signature").split(' ').next().unwrap_or_default().to_owned();
        only_signature(call, out, &first)
    }),
    ("rotation-either-last", |call, out| {
        let last = call.header("webhook-signature").split(' ').next_back().unwrap_or_default().to_owned();
        only_signature(call, out, &last)
    }),
    ("signature-of-unknown-version", |call, out| {
        if call.header("webhook-signature").contains("v1a,") { Out::error(500) } else { out }
    }),
    ("rotation-next-alone", |call, out| {
        if call.is_post() && !is_signed(call, &[SECRET]) { Out::error(401) } else { out }
    }),
    ("rotation-overlap", |call, out| {
        let whole = call.header("webhook-signature").to_owned();
        if whole.contains(' ') { Out::error(401) } else { out }
    }),
    ("final-alone", |call, out| if call.task["mode"] == "final" { Out::error(409) } else { out }),
    ("final-after-prototype", |call, out| if call.task["mode"] == "final" { Out::error(409) } else { out }),
    ("final-differs", |call, out| if call.task["mode"] == "final" { as_prototype(call, out) } else { out }),
    ("revision", |call, out| {
        let mut task = call.task.clone();
        if let Some(wanted) = task["requirements"].as_object_mut() {
            wanted.remove("revision_notes");
        }
        if out.status == 200 && call.is_post() { Out::json(200, &work(&task)) } else { out }
    }),
    ("round-two", |call, out| if call.count > 1 && call.is_post() { Out::error(409) } else { out }),
    ("repeat-answered", |call, out| if call.again { Out::error(409) } else { out }),
    ("repeat-from-memory", |call, out| {
        if call.again { out.set("full_text", json!("Written anew. ".repeat(9))) } else { out }
    }),
    ("repeat-while-working", |call, out| if call.again { Out::error(409) } else { out }),
    ("requirements-empty", |call, out| {
        fails_where(call, out, |t| t["requirements"].as_object().is_some_and(|r| r.is_empty()))
    }),
    ("nulls", |call, out| fails_where(call, out, |t| t["user_first_name"].is_null() && t.is_object())),
    ("output-spec", |call, out| fails_where(call, out, |t| t["output_spec"].is_object())),
    ("attachments", |call, out| fails_where(call, out, |t| !t["attachments"][0].is_null())),
    ("quality-rules-lifted", |call, out| {
        fails_where(call, out, |t| t["quality_rules"]["complete_deliverable"] == false)
    }),
    ("title-short", |call, out| fails_where(call, out, |t| title_length(t) == 5)),
    ("title-long", |call, out| fails_where(call, out, |t| title_length(t) == 200)),
    ("brief-large", |call, out| if call.body.len() > 16 * 1024 { Out::error(413) } else { out }),
    ("brief-unicode", |call, out| {
        fails_where(call, out, |t| !t["title"].as_str().unwrap_or_default().is_ascii())
    }),
    ("budget-smallest", |call, out| {
        if call.task["budget_usd"] == 3.0 { out.set("bid_price_usd", json!(5)) } else { out }
    }),
    ("header-unknown", |call, out| if call.has("x-nobody-has-heard-of") { Out::error(400) } else { out }),
    ("user-agent-other", |call, out| {
        if call.header("user-agent").starts_with("Gavel/1") { Out::error(403) } else { out }
    }),
    ("key-of-tomorrow", |call, out| fails_where(call, out, |t| t.as_object().is_some_and(|t| t.len() > 12))),
    ("deadline-short", |call, out| if call.count == 2 { out.late(Duration::from_secs(2)) } else { out }),
    ("many-at-once", |call, out| if call.count > 6 { Out::error(429) } else { out }),
    ("get-refused", |call, out| if out.status == 405 { Out::json(200, &work(&call.task)) } else { out }),
    ("json-broken", |_, out| if out.status == 400 { Out::error(500) } else { out }),
    ("body-empty", |_, out| if out.status == 400 { Out::error(500) } else { out }),
    ("body-no-object", |_, out| if out.status == 400 { Out::error(500) } else { out }),
    ("body-without-keys", |_, out| if out.status == 400 { Out::json(200, &json!({})) } else { out }),
    ("category-unknown", |call, out| if out.status == 422 { Out::json(200, &work(&call.task)) } else { out }),
    (
        "task-type-unknown",
        |call, out| if out.status == 422 { Out::json(200, &work(&call.task)) } else { out },
    ),
    (
        "error-shape",
        |_, out| if out.status == 401 { Out::json(401, &json!({ "detail": "no" })) } else { out },
    ),
    (
        "error-secrets",
        |_, out| if out.status == 401 { out.set("message", json!(format!("not {KEY}"))) } else { out },
    ),
    ("connection-reused", |call, out| Out { close: call.count == 3, ..out }),
];

fn accepts_all(call: &Call, out: Out) -> Out {
    if out.status == 401 { Out::json(200, &work(&call.task)) } else { out }
}

/// As an agent that looks at one signature only.
fn only_signature(call: &Call, out: Out, signature: &str) -> Out {
    let mut seen = call.clone();
    for (name, value) in &mut seen.headers {
        if name == "webhook-signature" {
            *value = signature.to_owned();
        }
    }
    if call.is_post() && !is_signed(&seen, &[SECRET]) { Out::error(401) } else { out }
}

fn as_prototype(call: &Call, out: Out) -> Out {
    let mut task = call.task.clone();
    task["mode"] = json!("prototype");
    Out { body: work(&task).to_string().into(), ..out }
}

fn fails_where(call: &Call, out: Out, here: fn(&Value) -> bool) -> Out {
    if call.is_post() && here(&call.task) { Out::error(500) } else { out }
}

fn title_length(task: &Value) -> usize {
    task["title"].as_str().unwrap_or_default().chars().count()
}

fn labelled(mut out: Out, name: &str, value: &str) -> Out {
    out.headers.push((name.to_owned(), value.to_owned()));
    out
}

fn text(out: &Out) -> String {
    String::from_utf8_lossy(&out.body).into_owned()
}

#[test]
fn every_case_that_is_posted_was_seen_to_fail() {
    all_are_there(Via::Sync, BROKEN.iter().map(|(name, _)| *name), |_| false);
}

#[tokio::test]
async fn an_agent_that_keeps_the_contract_passes_all() {
    let agent = Agent::start(|_, out| out).await;
    let stage = stage(given(&agent.url), Via::Sync).await;
    all_passed(&run::run(&stage, &cases::of(Via::Sync, &[]), |_| {}).await);
}

/// Broken agents that are tested side by side.
const AT_ONCE: usize = 12;

#[tokio::test]
async fn each_case_fails_where_just_its_promise_is_broken() {
    // Not all at once: a busy machine must not make an honest answer late.
    let all = BROKEN.iter().map(async |(name, twist)| {
        let agent = Agent::start(*twist).await;
        let stage = stage(given(&agent.url), Via::Sync).await;
        (name, verdict(&stage, name).await)
    });
    for (name, verdict) in stream::iter(all).buffered(AT_ONCE).collect::<Vec<_>>().await {
        let Verdict::Failed(why) = verdict else { panic!("{name} did not fail: {verdict:?}") };
        assert!(why.len() > 5, "{name}: {why}");
    }
}

#[tokio::test]
async fn what_cannot_be_judged_is_skipped_and_says_what_is_missing() {
    let agent = Agent::start(|_, out| out).await;
    let known = given(&agent.url);
    let check = async |given: Given, name: &str, word: &str| {
        let stage = stage(given, Via::Sync).await;
        let verdict = verdict(&stage, name).await;
        assert!(matches!(&verdict, Verdict::Skipped(why) if why.contains(word)), "{name}: {verdict:?}");
    };
    check(Given { key: None, ..known.clone() }, "key-wrong", "--key").await;
    check(Given { key: None, ..known.clone() }, "answer-valid", "--secret").await;
    check(Given { key: None, ..known.clone() }, "nulls", "--secret").await;
    check(Given { secret: None, ..known.clone() }, "signature-wrong", "--secret").await;
    check(Given { secret: None, ..known.clone() }, "answer-valid", "--secret").await;
    check(Given { next_secret: None, ..known.clone() }, "rotation-next-alone", "--next-secret").await;
    let silent = Agent::start(|call, out| Out { close: call.is_post(), ..out }).await;
    check(given(&silent.url), "signature-wrong", "answer-valid").await;
    check(given(&silent.url), "answer-summary", "answer-valid").await;
}

#[tokio::test]
async fn why_the_ordinary_call_has_no_answer_decides_what_mends_it() {
    let check = async |url: &str, words: &str, advice: &str| {
        let stage = stage(given(url), Via::Sync).await;
        let Verdict::Unanswered { why, fix } = verdict(&stage, "answer-valid").await else {
            panic!("{words}")
        };
        assert!(why.contains(words) && fix.contains(advice), "{why}; {fix}");
    };
    let refuses = Agent::start(|call, out| if call.is_post() { Out::error(401) } else { out }).await;
    check(&refuses.url, "answered 401", "--key and --secret").await;
    let begins =
        Agent::start(|call, out| if call.is_post() { Out { status: 202, ..out } } else { out }).await;
    check(&begins.url, "only acknowledged", "--mode async").await;
    let hangs_up = Agent::start(|call, out| Out { close: call.is_post(), ..out }).await;
    check(&hangs_up.url, "closed before an answer", "log").await;
    check(&nowhere().await, "could not connect", "start the agent").await;
}

/// Where nobody listens.
async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/execute", listener.local_addr().unwrap())
}

#[tokio::test]
async fn where_nothing_answers_the_run_says_so() {
    let stage = stage(given(&nowhere().await), Via::Sync).await;
    assert_eq!(stage.silence(), None, "nobody was asked");
    let outcomes = run::run(&stage, &cases::of(Via::Sync, &[]), |_| {}).await;
    let silence = stage.silence().unwrap();
    assert!(
        silence.why.starts_with("could not connect") && silence.fix.contains("start the agent"),
        "{silence:?}"
    );
    let failed = outcomes.iter().filter(|o| o.mark() == Mark::Failed).map(|o| o.case.name);
    assert_eq!(failed.collect::<Vec<_>>(), ["health-path", "answer-valid"]);

    let deaf =
        Agent::start(|call, out| if call.is_health() { Out::error(404) } else { Out { close: true, ..out } })
            .await;
    let stage = crate::stage(given(&deaf.url), Via::Sync).await;
    run::run(&stage, &cases::of(Via::Sync, &[]), |_| {}).await;
    assert_eq!(stage.silence(), None, "a 404 is an answer");
}

#[tokio::test]
async fn a_fault_of_the_ordinary_answer_is_told_once() {
    let agent =
        Agent::start(|_, out| if out.status == 200 { out.set("summary", json!("")) } else { out }).await;
    let stage = stage(given(&agent.url), Via::Sync).await;
    let outcomes = run::run(&stage, &cases::of(Via::Sync, &[]), |_| {}).await;
    let not_passed: Vec<_> = outcomes
        .iter()
        .filter(|o| o.mark() != Mark::Passed && !TIMED.contains(&o.case.name))
        .map(|o| (o.case.name, o.mark()))
        .collect();
    let skipped = ("answer-summary-length", Mark::Skipped);
    assert_eq!(not_passed, [("answer-valid", Mark::Failed), ("answer-summary", Mark::Failed), skipped]);
}

#[tokio::test]
async fn a_fault_that_the_ordinary_answer_has_not_is_none_of_the_known_ones() {
    let agent = Agent::start(|call, out| {
        let priced =
            |out: Out| if call.task["budget_usd"] == 3.0 { out.set("bid_price_usd", json!(5)) } else { out };
        if out.status == 200 && call.is_post() { priced(out.set("summary", json!(""))) } else { out }
    })
    .await;
    let stage = stage(given(&agent.url), Via::Sync).await;
    let judged = verdict(&stage, "budget-smallest").await;
    assert!(matches!(&judged, Verdict::Failed(why) if why.contains("price_over_budget")), "{judged:?}");
}

#[tokio::test]
async fn a_key_that_stands_twice_is_no_object_of_the_contract() {
    let agent = Agent::start(|_, out| {
        let twice = text(&out).replacen('{', r#"{"summary": "once", "#, 1);
        if out.status == 200 { Out { body: twice.into(), ..out } } else { out }
    })
    .await;
    let stage = stage(given(&agent.url), Via::Sync).await;
    assert!(matches!(verdict(&stage, "answer-object").await, Verdict::Failed(why) if why.contains("twice")));
}

#[tokio::test]
async fn a_stale_connection_costs_no_verdict() {
    // As Gavel does: what was lost without a byte of an answer is sent once more.
    let agent = Agent::start(|call, out| Out { close: call.count == 2, ..out }).await;
    let stage = stage(given(&agent.url), Via::Sync).await;
    assert_eq!(verdict(&stage, "nulls").await, Verdict::Passed);
}

#[tokio::test]
async fn warnings_are_those_that_should_and_failures_those_that_must() {
    let agent = Agent::start(|call, out| if out.status == 422 { accepts_type(call) } else { out }).await;
    let stage = stage(given(&agent.url), Via::Sync).await;
    let outcomes = run::run(&stage, &cases::of(Via::Sync, &[]), |_| {}).await;
    let warned = outcomes.iter().filter(|o| o.mark() == Mark::Warned).map(|outcome| outcome.case.name);
    let warned: Vec<&str> = warned.filter(|name| !TIMED.contains(name)).collect();
    assert_eq!(warned, ["category-unknown", "task-type-unknown"]);
    assert!(outcomes.iter().all(|o| o.mark() != Mark::Failed));
    assert!(outcomes.iter().any(|o| o.case.severity == Severity::Must));
}

fn accepts_type(call: &Call) -> Out {
    Out::json(200, &work(&call.task))
}
