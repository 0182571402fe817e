//! A stored request is sent again, to where its developer is looking for the mistake. Nothing of the market changes:
//! no attempt, no bid, no reliability.

use super::deliveries::{effect, times};
use super::delivery_get::headers;
use super::owned;
use super::replay_limits::{Replays, TooMany};
use super::stored_call::{HIDDEN, call};
use crate::auth::{ActOnAgents, May};
use crate::extract::AttemptPath;
use crate::fields::Fields;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, reply::Answer};
use axum::extract::State;
use axum::{Extension, response::Response};
use chrono::TimeDelta;
use gavel_contract::agent::advice::{End, advice};
use gavel_contract::rest::{
    FieldError, ProblemBody, ReceivedResponse, ReliabilityEffect, ReplayRequest, ReplayResult, SentRequest,
};
use gavel_dispatcher::reply::{self, Said};
use gavel_dispatcher::transport::{FailureKind, Reply, SendFailure};
use gavel_dispatcher::{Call, Ended, request};
use gavel_domain::agent::Agent;
use gavel_domain::invitation::{Outcome, Trace};
use gavel_domain::task::Task;
use gavel_domain::{AttemptId, Timestamp};
use gavel_store::delivery_log::{LoggedSend, SendDetail};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

const URL_CHARS_MAX: usize = 2000;
/// How long after its deadline a replay is certainly over, and its answer kept: then its key may be used again.
const SLACK: TimeDelta = TimeDelta::seconds(10);

/// Send a stored request again, signed anew, to another address; nothing is counted
#[utoipa::path(post, path = "/developers/agents/{agent_id}/deliveries/{attempt_id}/replay", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid), ("attempt_id" = String, Path, format = Uuid), KeyHeader),
    request_body = ReplayRequest,
    responses((status = 200, body = ReplayResult), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 410, body = ProblemBody), (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody)))]
pub(crate) async fn replay(
    State(state): State<AppState>,
    Extension(replays): Extension<Replays>,
    caller: May<ActOnAgents>,
    AttemptPath(agent, attempt): AttemptPath,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    let url = wanted(fields)?;
    let (agent, _) = owned(&state, &caller, agent).await?;
    let url = state.settings.guard.check_url(&url).map_err(|refused| unfit(refused.code(), refused))?;
    let (detail, task) = stored(&state, &agent, attempt).await?;
    let now = state.now();
    let call = call(&state, &agent, (&detail, &task), url.into(), now).await?;
    let replay = async || {
        let _turn = replays.begin(agent.developer, now).map_err(too_many)?;
        let sent = send(&state, &call, now).await?;
        Answer::ok(&told(&detail.send, &call, &sent))
    };
    ask.once_outside(&state, &caller, call.deadline_at + SLACK, replay).await
}

fn wanted(mut fields: Fields) -> Result<String, Problem> {
    fields.require(&["url"]);
    let url = fields.text("url", 1..=URL_CHARS_MAX);
    fields.finish(&[])?;
    Ok(url.unwrap_or_default())
}

/// 422: the guard does not dial this.
fn unfit(code: &str, why: impl std::fmt::Display) -> Problem {
    Problem::invalid(vec![FieldError {
        code: Some(code.to_owned()),
        ..FieldError::new("url", format!("cannot be dialled: {why}"))
    }])
}

fn too_many(refused: TooMany) -> Problem {
    Problem::too_many("too_many_replays", refused.why, refused.retry_after)
}

async fn stored(state: &AppState, agent: &Agent, attempt: AttemptId) -> Result<(SendDetail, Task), Problem> {
    let missing = || Problem::not_found("delivery");
    let detail = state.store.delivery_detail(agent.id, attempt).await?.ok_or_else(missing)?;
    let task = state.store.task(detail.send.task).await?.ok_or_else(missing)?;
    Ok((detail, task))
}

/// What one send brought.
struct Sent {
    came: Result<Reply, SendFailure>,
    trace: Trace,
    took: Duration,
}

/// Sends once. The deadline holds even if the transport forgets it.
async fn send(state: &AppState, call: &Call, now: Timestamp) -> Result<Sent, Problem> {
    let begun = Instant::now();
    let deadline = begun + (call.deadline_at - now).to_std().unwrap_or_default();
    let request = request::build(call, now, deadline);
    let mut trace = request::trace(&request);
    let came = timeout_at(deadline, state.transport.send(request)).await.unwrap_or_else(|_elapsed| {
        Err(SendFailure::new(FailureKind::Timeout, "the deadline passed before the answer was complete"))
    });
    if let Err(SendFailure { kind: FailureKind::Refused(code), message, .. }) = &came {
        return Err(unfit(code, message));
    }
    reply::note(&came, call, &mut trace);
    Ok(Sent { came, trace, took: begun.elapsed() })
}

fn told(send: &LoggedSend, call: &Call, Sent { came, trace, took }: &Sent) -> ReplayResult {
    let (outcome, code, warnings) = match reply::read(came.clone(), call, Ended::out_of_time(true)) {
        Said::Acknowledged { .. } => (None, "acknowledged".to_owned(), Vec::new()),
        Said::Ended(ended) => (Some(ended.outcome), ended.code, ended.warnings),
    };
    let status = came.as_ref().ok().map(|reply| reply.status);
    let end = End { code: &code, status, outcome, execution_mode: send.execution_mode, replayed: true };
    ReplayResult {
        attempt_id: send.attempt.id.to_string(),
        webhook_id: call.key.to_string(),
        request: SentRequest {
            method: Some("POST".to_owned()),
            url: Some(trace.url.clone()),
            headers: headers(&trace.request_headers),
            body: Some(shown(call)),
        },
        response: came.as_ref().ok().map(|reply| ReceivedResponse {
            status: Some(reply.status),
            headers: headers(&trace.response_headers),
            body: reply::body_start(reply, call),
        }),
        outcome: outcome.map(|outcome| outcome.name().to_owned()),
        reliability: outcome.map(would_count),
        advice: advice(end, &warnings),
        code,
        warnings,
        timing: times(trace.timing, Some(took.as_micros() as f64 / 1000.0)),
        response_bytes: trace.response_bytes,
    }
}

/// What it would have done in a call.
fn would_count(outcome: Outcome) -> ReliabilityEffect {
    let effect = effect(outcome);
    ReliabilityEffect {
        reason: format!("In a call: {} A replay counts for nothing.", effect.reason),
        ..effect
    }
}

/// The body that was sent, without the secret in it.
fn shown(call: &Call) -> String {
    let body = String::from_utf8_lossy(&call.body);
    match &call.credentials.callback_secret {
        Some(secret) => body.replace(secret, HIDDEN),
        None => body.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{call, send, stored, told};
    use crate::developers::replay_limits::{AT_ONCE, PER_HOUR};
    use crate::testing::{Asked, Reply, World, came_back};
    use async_trait::async_trait;
    use bytes::Bytes;
    use chrono::TimeDelta;
    use gavel_contract::signature::{Secret, verify_webhook};
    use gavel_dispatcher::transport::{self, FailureKind, Request, SendFailure, Transport};
    use gavel_domain::agent::ExecutionMode;
    use gavel_domain::invitation::{Outcome, Timing};
    use gavel_domain::network::Guard;
    use gavel_vault::agent_secret_context;
    use serde_json::{Value, json};
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    const LOCAL: &str = "http://127.0.0.1:9000/execute";

    /// A world whose operator lets requests go to this machine.
    async fn world() -> World {
        World::with(|state| {
            let mut settings = (*state.settings).clone();
            settings.guard = Guard { allow: "127.0.0.0/8".parse().unwrap(), ..settings.guard };
            state.settings = Arc::new(settings);
        })
        .await
    }

    fn path(asked: &Asked) -> String {
        format!("/api/v1/developers/agents/{}/deliveries/{}/replay", asked.agent, asked.attempt)
    }

    async fn replayed(world: &World, asked: &Asked) -> Reply {
        world.post(world.developer(), &path(asked), &json!({ "url": LOCAL })).await
    }

    /// A call that failed.
    async fn failed(world: &World) -> Asked {
        let asked = world.asked("one").await;
        world.came(&asked, Outcome::ServerError, came_back(world.state.now(), 500, "status_500")).await;
        world.clock.advance(TimeDelta::minutes(9));
        asked
    }

    fn answers(world: &World, status: u16, body: &str) {
        *world.network.answer.lock().unwrap() = Some(transport::Reply {
            status,
            body: Bytes::from(body.to_owned()),
            headers: vec![("x-echo".to_owned(), body.to_owned())],
            timing: Timing { connect: Some(210), first_byte: Some(1_500), ..Timing::default() },
            ..transport::Reply::default()
        });
    }

    async fn signing_secret(world: &World, asked: &Asked) -> String {
        let dispatch = world.state.store.dispatch(asked.key).await.unwrap().unwrap();
        let secret =
            world.state.vault.open(&dispatch.secrets.current, &agent_secret_context(asked.agent)).unwrap();
        secret.expose().to_owned()
    }

    #[tokio::test]
    async fn the_stored_request_leaves_signed_anew_and_the_verdict_comes_back() {
        let world = world().await;
        let asked = failed(&world).await;
        let good =
            json!({ "full_text": "A prototype of more than fifty characters, as each is.", "summary": "s" });
        answers(&world, 200, &good.to_string());
        let answer = replayed(&world, &asked).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let result = &answer.body;
        assert_eq!(
            (&result["code"], &result["outcome"], &result["advice"]),
            (&json!("ok"), &json!("valid"), &json!([]))
        );
        assert_eq!(
            (&result["reliability"]["counts"], &result["response"]["status"]),
            (&json!("for"), &json!(200))
        );
        assert_eq!(result["response"]["body"], good.to_string());
        assert_eq!(
            (&result["timing"]["connect_ms"], &result["timing"]["first_byte_ms"]),
            (&json!(0.21), &json!(1.5))
        );
        assert!(result["timing"]["total_ms"].is_number());

        let sent = world.network.sent.lock().unwrap().pop().unwrap();
        assert_eq!(sent.url, LOCAL);
        let secret = Secret::parse(&signing_secret(&world, &asked).await).unwrap();
        let now = world.state.now().timestamp();
        let id = verify_webhook(&[secret], &sent.headers, &sent.body, now);
        assert_eq!(id, Some(asked.key.to_string().as_str()), "a fresh signature under the same webhook-id");
        let header =
            |name: &str| sent.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let deadline = world.state.now() + TimeDelta::seconds(120);
        let deadline = deadline.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        assert_eq!(header("Gavel-Deadline"), Some(deadline));
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!((&body["task_id"], body.as_object().unwrap().len()), (&json!(asked.task.to_string()), 12));
        assert_eq!(result["request"]["body"], String::from_utf8_lossy(&sent.body).as_ref());
    }

    #[tokio::test]
    async fn nothing_of_the_market_changes() {
        let world = world().await;
        let asked = failed(&world).await;
        let agent = format!("/api/v1/developers/agents/{}", asked.agent);
        let seen = async || {
            let mut all = Vec::new();
            for path in [agent.clone(), format!("{agent}/deliveries"), format!("{agent}/stats")] {
                all.push(world.get(world.developer(), &path).await.body);
            }
            all.push(world.get(world.buyer(), &format!("/api/v1/tasks/{}/bids", asked.task)).await.body);
            all
        };
        let before = seen().await;
        for (status, body) in [(200, "{}"), (503, ""), (302, "")] {
            answers(&world, status, body);
            assert_eq!(replayed(&world, &asked).await.status, 200);
        }
        assert_eq!(seen().await, before);
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_with_advice() {
        let world = world().await;
        let asked = failed(&world).await;
        let check = async |code: &str, outcome: &str, advice: &str| {
            let answer = replayed(&world, &asked).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!((&answer.body["code"], &answer.body["outcome"]), (&json!(code), &json!(outcome)));
            assert!(answer.body["advice"].to_string().contains(advice), "{}", answer.text);
            answer.body
        };
        let unreachable = check("connect_error", "unreachable", "agent runs").await;
        assert_eq!(unreachable["response"], json!(null));
        answers(&world, 200, "<html>");
        check("invalid_json", "invalid_response", "one JSON document").await;
        answers(&world, 404, "no such path");
        let missing = check("http_status", "agent_error", "there is nothing at the path").await;
        assert_eq!(missing["response"]["body"], "no such path");
        let why = missing["reliability"]["reason"].as_str().unwrap();
        assert!(why.starts_with("In a call: ") && why.ends_with("counts for nothing."), "{why}");
        answers(&world, 401, "");
        check("http_status", "agent_error", "promotion").await;
        answers(&world, 500, "");
        let failed = check("status_500", "server_error", "in your log").await;
        assert!(!failed["advice"].to_string().contains("replay"), "{failed}");
    }

    #[tokio::test]
    async fn an_endpoint_that_echoes_a_secret_does_not_bring_it_here() {
        let world = world().await;
        let asked = failed(&world).await;
        let secret = signing_secret(&world, &asked).await;
        answers(&world, 500, &format!("you sent {secret}"));
        let answer = replayed(&world, &asked).await;
        assert_eq!(answer.body["response"]["body"], "you sent [hidden]", "{}", answer.text);
        let sent = world.network.sent.lock().unwrap().pop().unwrap();
        let key = sent.headers.iter().find(|(name, _)| name == "X-AITasker-Key").unwrap().1.clone();
        answers(&world, 200, &format!("{key} and {secret}"));
        let again = replayed(&world, &asked).await;
        for secret in [&secret, &key] {
            assert!(!answer.text.contains(secret.as_str()) && !again.text.contains(secret.as_str()));
        }
    }

    #[tokio::test]
    async fn only_to_what_may_be_dialled() {
        let strict = World::new().await;
        let asked = failed(&strict).await;
        let check = async |url: &str, code: &str| {
            let answer = strict.post(strict.developer(), &path(&asked), &json!({ "url": url })).await;
            assert_eq!((answer.status, answer.code()), (422, code), "{url}: {}", answer.text);
            assert_eq!(answer.body["errors"][0]["field"], "url");
        };
        check(LOCAL, "scheme").await;
        let answer = strict.post(strict.developer(), &path(&asked), &json!({ "url": LOCAL })).await;
        assert!(answer.text.contains("network.allow"), "{}", answer.text);
        check("https://127.0.0.1/execute", "ip_literal").await;
        check("https://db.internal/execute", "forbidden_name").await;
        check("https://agents.example.com:9000/execute", "port").await;
        check("", "validation").await;
        assert!(strict.network.sent.lock().unwrap().is_empty(), "nothing left");
        let extra = json!({ "url": "https://agents.example.com/", "method": "GET" });
        assert_eq!(strict.post(strict.developer(), &path(&asked), &extra).await.status, 422);
    }

    /// What the name leads to is known only when it is dialled.
    struct LeadsInside;

    #[async_trait]
    impl Transport for LeadsInside {
        async fn send(&self, _: Request) -> Result<transport::Reply, SendFailure> {
            Err(SendFailure::new(FailureKind::Refused("private"), "the address is not a public one"))
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_as_one() {
        let world = World::with(|state| state.transport = Arc::new(LeadsInside)).await;
        let asked = failed(&world).await;
        let body = json!({ "url": "https://agents.example.com/execute" });
        let answer = world.post(world.developer(), &path(&asked), &body).await;
        assert_eq!((answer.status, answer.code()), (422, "private"), "{}", answer.text);
    }

    #[tokio::test]
    async fn an_open_call_of_an_asynchronous_agent_is_not_replayed() {
        let world = world().await;
        world.agent_asked_by(ExecutionMode::Async, "later").await;
        let asked = world.asked("later").await;
        let refused = replayed(&world, &asked).await;
        assert_eq!((refused.status, refused.code()), (409, "call_open"), "{}", refused.text);
        assert!(world.network.sent.lock().unwrap().is_empty());

        world.came(&asked, Outcome::Timeout, came_back(world.state.now(), 202, "acknowledged")).await;
        answers(&world, 202, "");
        let taken = replayed(&world, &asked).await;
        assert_eq!((taken.status, &taken.body["code"]), (200, &json!("acknowledged")), "{}", taken.text);
        assert_eq!((&taken.body["outcome"], &taken.body["reliability"]), (&json!(null), &json!(null)));
        let sent = world.network.sent.lock().unwrap().pop().unwrap();
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        let secret = body["callback_secret"].as_str().unwrap();
        let key = asked.key;
        assert_eq!(
            secret,
            world.state.vault.callback_secret(key.invitation, key.mode, key.revision).expose()
        );
        assert!(!taken.text.contains(secret), "it is not shown to whoever reads this");
    }

    #[tokio::test]
    async fn a_call_whose_text_has_gone_with_time_cannot_be_sent_again() {
        let world = world().await;
        let asked = world.asked("one").await;
        let cancel = format!("/api/v1/tasks/{}/cancel", asked.task);
        assert_eq!(world.post(world.buyer(), &cancel, &json!({})).await.status, 200);
        world.clock.advance(TimeDelta::days(30));
        let now = world.state.now();
        assert_eq!(world.state.store.remove_bodies(now, 1, now).await.unwrap(), 1);
        let refused = replayed(&world, &asked).await;
        assert_eq!((refused.status, refused.code()), (410, "removed_by_retention"), "{}", refused.text);
        assert!(world.network.sent.lock().unwrap().is_empty());
        let path = format!("/api/v1/developers/agents/{}/deliveries/{}", asked.agent, asked.attempt);
        let shown = world.get(world.developer(), &path).await.body;
        assert!(shown["texts_removed_at"].is_string() && shown["request"]["body"].is_null(), "{shown}");
    }

    #[tokio::test]
    async fn a_workers_brief_is_sent_as_it_was_fetched() {
        let world = world().await;
        world.agent_asked_by(ExecutionMode::Pull, "behind-a-wall").await;
        let asked = world.asked("behind-a-wall").await;
        answers(&world, 200, "{}");
        let answer = replayed(&world, &asked).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (200, &json!("full_text_missing")),
            "{}",
            answer.text
        );
    }

    #[tokio::test]
    async fn its_developer_alone_and_not_with_a_key_that_only_reads() {
        let world = world().await;
        let asked = failed(&world).await;
        answers(&world, 200, "{}");
        let stranger = world.key("agent_manager", false, false).await;
        let reader = world.key_of_the_developer(true, false).await;
        let test = world.key_of_the_developer(false, true).await;
        let check = async |key: &str, status: u16| {
            let answer = world.post(key, &path(&asked), &json!({ "url": LOCAL })).await;
            assert_eq!(answer.status, status, "{}", answer.text);
        };
        check("", 401).await;
        check(world.buyer(), 403).await;
        check(&reader, 403).await;
        check(world.admin(), 403).await;
        check(&stranger, 404).await;
        check(&test, 404).await;
        assert!(world.network.sent.lock().unwrap().is_empty());
        check(world.developer(), 200).await;
        let older = path(&asked).replace("/api/v1/", "/api/");
        let answer = world.post(world.developer(), &older, &json!({ "url": LOCAL })).await;
        assert_eq!(answer.status, 200, "the older address leads here too: {}", answer.text);
    }

    #[tokio::test]
    async fn sixty_an_hour() {
        let world = world().await;
        let asked = failed(&world).await;
        answers(&world, 200, "{}");
        for _ in 0..PER_HOUR {
            assert_eq!(replayed(&world, &asked).await.status, 200);
        }
        let refused = replayed(&world, &asked).await;
        assert_eq!((refused.status, refused.code()), (429, "too_many_replays"));
        assert_eq!(refused.header("retry-after"), Some("3600"));
        world.clock.advance(TimeDelta::hours(1));
        assert_eq!(replayed(&world, &asked).await.status, 200);
    }

    /// Answers once it is let.
    struct Slow(Semaphore);

    #[async_trait]
    impl Transport for Slow {
        async fn send(&self, _: Request) -> Result<transport::Reply, SendFailure> {
            let _let = self.0.acquire().await.unwrap();
            Err(SendFailure::new(FailureKind::NoResponse, "closed"))
        }
    }

    #[tokio::test]
    async fn four_at_once() {
        let slow = Arc::new(Slow(Semaphore::new(0)));
        let transport = Arc::clone(&slow);
        let world = World::with(|state| state.transport = transport).await;
        let asked = failed(&world).await;
        let body = json!({ "url": "https://agents.example.com/execute" });
        let path = path(&asked);
        let replay = || world.post(world.developer(), &path, &body);
        let mut all: Vec<_> = (0..=AT_ONCE).map(|_| Box::pin(replay())).collect();
        // Only the one too many is answered while the others wait.
        let (refused, _, waiting) = futures::future::select_all(all.drain(..)).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("5")));
        slow.0.add_permits(AT_ONCE);
        for answer in futures::future::join_all(waiting).await {
            assert_eq!((answer.status, &answer.body["code"]), (200, &json!("transport")));
        }
        assert_eq!(replay().await.status, 200, "the places are free again");
    }

    #[tokio::test]
    async fn a_replay_ends_in_time_whatever_it_waits_for() {
        let world = World::with(|state| state.transport = Arc::new(Slow(Semaphore::new(0)))).await;
        let (asked, now) = (failed(&world).await, world.state.now());
        let (agent, _) = world.state.store.agent(asked.agent).await.unwrap().unwrap();
        let (detail, task) = stored(&world.state, &agent, asked.attempt).await.unwrap();
        let call = call(&world.state, &agent, (&detail, &task), LOCAL.to_owned(), now).await.unwrap();
        tokio::time::pause(); // from here on nothing but the transport is waited for
        let sent = send(&world.state, &call, now).await.unwrap();
        let said = told(&detail.send, &call, &sent);
        assert_eq!((said.code.as_str(), said.outcome.as_deref()), ("timeout", Some("timeout")));
        let total = said.timing.total_ms.unwrap();
        assert!(
            (120_000.0..120_010.0).contains(&total),
            "a clock that stands still ticks in milliseconds: {total}"
        );
    }
}
