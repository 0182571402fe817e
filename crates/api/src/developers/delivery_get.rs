//! One send whole: what left, what came back, and what became of it.

use super::deliveries::view;
use super::seen;
use super::stored_call::body_sent;
use crate::auth::{May, SeeAgents};
use crate::extract::{AttemptPath, Query};
use crate::{AppState, problem::Problem, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{
    DeliveryDetail, Fetch, HeaderView, ProblemBody, ReceivedResponse, ReceivedResult, SentRequest,
    TakenAnswer,
};
use gavel_domain::Currency;
use gavel_domain::invitation::{Answer, Attempt, Outcome, Trace};
use gavel_store::delivery_log::{Delivered, LoggedSend, SendDetail, Taken, TakenAs};
use serde_json::{Value, json};

/// The one part that is told only when it is asked for.
const ANSWER: &str = "answer";

/// One send with its request, its response, and what came by callback or from a worker
#[utoipa::path(get, path = "/developers/agents/{agent_id}/deliveries/{attempt_id}", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid), ("attempt_id" = String, Path, format = Uuid),
        ("include" = Option<String>, Query, description = "`answer`: with the answer that was taken")),
    responses((status = 200, body = DeliveryDetail), (status = 404, body = ProblemBody)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: May<SeeAgents>,
    AttemptPath(agent, attempt): AttemptPath,
    Query(query): Query,
) -> Result<Json<DeliveryDetail>, Problem> {
    seen(&state, &caller, agent).await?;
    let with_answer = wants_answer(&query)?;
    let detail = state.store.delivery_detail(agent, attempt).await?;
    let detail = detail.ok_or_else(|| Problem::not_found("delivery"))?;
    let taken = match detail.taken.filter(|_| brought_it(&detail.send)) {
        Some(taken) => Some(taken_answer(&state, &taken, with_answer).await?),
        None => None,
    };
    Ok(Json(DeliveryDetail {
        delivery: view(&detail.send),
        request: request(&state, &detail),
        response: response(&detail.send.attempt),
        acknowledged_at: detail.send.exchange.as_ref().and_then(|exchange| exchange.acknowledged_at),
        result: detail.result.as_ref().map(result),
        fetches: detail.fetches.iter().map(|fetched| fetch(&detail.send, fetched)).collect(),
        taken,
        texts_removed_at: detail.removed_at,
    }))
}

fn wants_answer(query: &[(String, String)]) -> Result<bool, Problem> {
    for (name, value) in query {
        match (name.as_str(), value.as_str()) {
            ("include", ANSWER) => {}
            ("include", _) => return Err(Problem::field(name, "must be `answer`")),
            _ => return Err(Problem::field(name, "is not a known parameter")),
        }
    }
    Ok(!query.is_empty())
}

/// Whether the answer of the call came of this send: an earlier one was followed by another because it brought none.
fn brought_it(send: &LoggedSend) -> bool {
    send.is_last && send.ended.as_ref().is_none_or(|ended| ended.outcome == Outcome::Valid)
}

fn request(state: &AppState, detail: &SendDetail) -> SentRequest {
    let trace = trace(&detail.send.attempt);
    SentRequest {
        method: (!detail.send.fetched).then(|| "POST".to_owned()),
        url: trace.map(|trace| trace.url.clone()),
        headers: trace.map(|trace| headers(&trace.request_headers)).unwrap_or_default(),
        body: detail.letter.as_deref().map(|letter| body_sent(state, &detail.send, letter, None)),
    }
}

fn trace(attempt: &Attempt) -> Option<&Trace> {
    attempt.result.as_ref()?.trace.as_ref()
}

pub(super) fn headers(headers: &[(String, String)]) -> Vec<HeaderView> {
    headers.iter().map(|(name, value)| HeaderView { name: name.clone(), value: value.clone() }).collect()
}

/// What came back on the connection of the send, where anything did.
fn response(attempt: &Attempt) -> Option<ReceivedResponse> {
    let result = attempt.result.as_ref()?;
    let came = result.trace.as_ref().map(|trace| trace.response_headers.as_slice()).unwrap_or_default();
    let nothing = result.status.is_none() && came.is_empty() && result.error_body.is_none();
    (!nothing).then(|| ReceivedResponse {
        status: result.status,
        headers: headers(came),
        body: result.error_body.clone(),
    })
}

fn result(delivered: &Delivered) -> ReceivedResult {
    ReceivedResult {
        received_at: delivered.at,
        message_id: delivered.message_id.clone(),
        code: delivered.code.clone(),
        warnings: delivered.warnings.clone(),
        body: delivered.error_body.clone(),
    }
}

fn fetch(send: &LoggedSend, fetched: &Attempt) -> Fetch {
    let present = send.exchange.as_ref().filter(|exchange| exchange.lease == fetched.number);
    Fetch {
        attempt_id: fetched.id.to_string(),
        lease: fetched.number,
        fetched_at: fetched.started_at,
        ended_at: fetched.result.as_ref().map(|result| result.ended_at),
        lease_until: present.and_then(|exchange| exchange.lease_until),
        code: fetched.result.as_ref().map(|result| result.code.clone()),
    }
}

async fn taken_answer(state: &AppState, taken: &Taken, with_answer: bool) -> Result<TakenAnswer, Problem> {
    let (bid, delivery) = match taken.owner {
        TakenAs::Bid(id) => (Some(id.to_string()), None),
        TakenAs::Delivery(id) => (None, Some(id.to_string())),
    };
    let answer = match with_answer {
        true => Some(told(&state.store.taken_answer(taken).await?, &state.settings.currency)),
        false => None,
    };
    Ok(TakenAnswer { bid_id: bid, delivery_id: delivery, bytes: taken.bytes, answer })
}

/// An answer in the words in which it came.
fn told(answer: &Answer, currency: &Currency) -> Value {
    let artifacts = answer
        .artifacts
        .iter()
        .map(|a| json!({ "type": a.kind.name(), "filename": a.filename, "content": a.content }));
    let mut told = json!({
        "full_text": answer.full_text,
        "summary": answer.summary,
        "agent_message": answer.message,
        "artifacts": artifacts.collect::<Vec<_>>(),
        "token_usage": answer.token_usage.as_ref().map(|usage| json!({
            "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
            "model": usage.model, "cost_usd": usage.cost_usd,
        })),
    });
    told[format!("bid_price_{}", currency.suffix())] = json!(answer.price.to_f64(currency));
    told
}

#[cfg(test)]
mod tests {
    use crate::testing::{Asked, World, came_back};
    use chrono::TimeDelta;
    use gavel_domain::agent::ExecutionMode;
    use gavel_domain::exchange::{Arrived, Taken};
    use gavel_domain::invitation::Outcome;
    use gavel_domain::{AttemptId, BidId};
    use gavel_store::pull::Worker;
    use serde_json::{Value, json};

    async fn detail(world: &World, asked: &Asked, attempt: AttemptId, query: &str) -> Value {
        let path = format!("/api/v1/developers/agents/{}/deliveries/{attempt}{query}", asked.agent);
        let answer = world.get(world.developer(), &path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    #[tokio::test]
    async fn what_was_not_taken_is_shown_with_its_request() {
        let world = World::new().await;
        let asked = world.asked("one").await;
        world.came(&asked, Outcome::ServerError, came_back(world.state.now(), 500, "status_500")).await;
        let shown = detail(&world, &asked, asked.attempt, "").await;
        assert_eq!((&shown["code"], &shown["outcome"]), (&json!("status_500"), &json!("server_error")));
        let request = &shown["request"];
        assert_eq!((&request["method"], &request["url"]), (&json!("POST"), &shown["url"]));
        assert_eq!(request["headers"], json!([{ "name": "X-AITasker-Key", "value": "[hidden]...abcd" }]));
        let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        assert_eq!((&body["task_id"], body.as_object().unwrap().len()), (&json!(asked.task.to_string()), 12));
        let response = json!({ "status": 500, "body": "what the agent said",
                               "headers": [{ "name": "content-type", "value": "application/json" }] });
        assert_eq!(shown["response"], response);
        assert_eq!(
            (&shown["result"], &shown["taken"], &shown["fetches"]),
            (&json!(null), &json!(null), &json!([]))
        );
    }

    #[tokio::test]
    async fn what_was_taken_is_named_and_shown_on_demand() {
        let world = World::new().await;
        let asked = world.asked("one").await;
        world.came(&asked, Outcome::Valid, came_back(world.state.now(), 200, "ok")).await;
        let shown = detail(&world, &asked, asked.attempt, "").await;
        let taken = &shown["taken"];
        assert!(taken["bid_id"].is_string() && taken["delivery_id"].is_null(), "{taken}");
        assert!(taken["bytes"].as_u64().unwrap() > 50 && taken["answer"].is_null(), "{taken}");
        assert_eq!(shown["response"]["body"], json!(null));
        let shown = detail(&world, &asked, asked.attempt, "?include=answer").await;
        let answer = &shown["taken"]["answer"];
        assert_eq!((&answer["bid_price_usd"], &answer["summary"]), (&json!(22.0), &json!("Finished.")));
        let path = format!("/api/v1/developers/agents/{}/deliveries/{}", asked.agent, asked.attempt);
        assert_eq!(world.get(world.developer(), &format!("{path}?include=all")).await.status, 422);
    }

    #[tokio::test]
    async fn a_final_call_names_its_delivery() {
        let world = World::new().await;
        let _ = world.delivered().await;
        let agent = world.agent_id("one").await;
        let path = format!("/api/v1/developers/agents/{agent}/deliveries");
        let log = world.get(world.developer(), &format!("{path}?mode=final")).await;
        let attempt = log.body["deliveries"][0]["attempt_id"].as_str().unwrap();
        let shown = world.get(world.developer(), &format!("{path}/{attempt}")).await;
        assert_eq!(shown.body["outcome"], "valid", "{}", shown.text);
        let body: Value = serde_json::from_str(shown.body["request"]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["mode"], "final");
        assert!(shown.body["taken"]["delivery_id"].is_string(), "{}", shown.text);
    }

    #[tokio::test]
    async fn an_acknowledgement_and_its_result_are_shown_apart() {
        let world = World::new().await;
        let agent = world.agent_asked_by(ExecutionMode::Async, "later").await;
        let asked = world.asked("later").await;
        let (store, now) = (&world.state.store, world.state.now());
        let acknowledged = came_back(now, 202, "acknowledged");
        store.acknowledge(asked.key, asked.attempt, &acknowledged).await.unwrap();
        let arrived = Arrived {
            message_id: "msg_1".to_owned(),
            lease: None,
            outcome: Outcome::InvalidResponse,
            code: "summary_missing".to_owned(),
            answer: None,
            warnings: vec!["summary is required".to_owned()],
            error_body: Some("{}".to_owned()),
            at: now + TimeDelta::seconds(9),
        };
        let dispatch = store.dispatch(asked.key).await.unwrap().unwrap();
        let bid = BidId::new(now, world.state.chance.as_ref());
        let taken = store.take_result(&dispatch, asked.key, &arrived, bid, now).await.unwrap();
        assert_eq!((taken, asked.agent), (Taken::Refused, agent));

        let shown = detail(&world, &asked, asked.attempt, "").await;
        assert_eq!((&shown["code"], &shown["outcome"]), (&json!("acknowledged"), &json!(null)));
        assert_eq!((&shown["response"]["status"], shown["acknowledged_at"].is_string()), (&json!(202), true));
        let result = &shown["result"];
        assert_eq!((&result["code"], &result["body"]), (&json!("summary_missing"), &json!("{}")));
        let advice = shown["advice"].to_string();
        assert!(advice.contains("callback_secret") && advice.contains("summary is missing"), "{advice}");
        let body: Value = serde_json::from_str(shown["request"]["body"].as_str().unwrap()).unwrap();
        assert_eq!((body.as_object().unwrap().len(), &body["callback_secret"]), (15, &json!("[hidden]")));
        assert!(
            body["callback_url"].as_str().unwrap().starts_with("https://gavel.example.com/api/v1/callbacks/")
        );
        let key = asked.key;
        let secret = world.state.vault.callback_secret(key.invitation, key.mode, key.revision);
        assert!(!shown.to_string().contains(secret.expose()));
    }

    #[tokio::test]
    async fn a_workers_fetches_are_shown_with_their_leases() {
        let world = World::new().await;
        let agent = world.agent_asked_by(ExecutionMode::Pull, "behind-a-wall").await;
        let (claimed, invited) = world.prototyping(&["behind-a-wall"]).await;
        let store = &world.state.store;
        let (owner, _) = store.agent(agent).await.unwrap().unwrap();
        let worker = Worker { developer: owner.developer, test: false, agent: None };
        let mut fetched = Vec::new();
        for _ in 0..2 {
            world.clock.advance(TimeDelta::seconds(31));
            let (now, chance) = (world.state.now(), world.state.chance.as_ref());
            let id = AttemptId::new(now, chance);
            let lease = (1, TimeDelta::seconds(30));
            assert_eq!(store.fetch(&worker, lease, now, || id).await.unwrap().len(), 1);
            fetched.push(id);
        }
        let asked = Asked::of(&invited[0], fetched[1], claimed);
        let shown = detail(&world, &asked, fetched[1], "").await;
        let fetches = shown["fetches"].as_array().unwrap();
        let said: Vec<_> = fetches
            .iter()
            .map(|f| (f["lease"].as_u64().unwrap(), &f["code"], f["lease_until"].is_string()))
            .collect();
        assert_eq!(said, [(1, &json!("lease_expired"), false), (2, &json!(null), true)]);
        assert_eq!((&shown["fetched"], &shown["request"]["method"]), (&json!(true), &json!(null)));
        assert_eq!((&shown["execution_mode"], &shown["response"]), (&json!("pull"), &json!(null)));
        let first = detail(&world, &asked, fetched[0], "").await;
        assert!(first["advice"].to_string().contains("heartbeats"), "{}", first["advice"]);
    }

    #[tokio::test]
    async fn an_attempt_belongs_to_one_agent() {
        let world = World::new().await;
        let asked = world.asked("one").await;
        let check = async |agent: &str, attempt: &str, status: u16| {
            let path = format!("/api/v1/developers/agents/{agent}/deliveries/{attempt}");
            assert_eq!(world.get(world.developer(), &path).await.status, status, "{path}");
        };
        let (own, attempt) = (asked.agent.to_string(), asked.attempt.to_string());
        check(&own, &attempt, 200).await;
        check(&world.agent_id("two").await, &attempt, 404).await;
        check(&own, &asked.task.to_string(), 404).await;
        check(&own, "1", 422).await;
    }
}
