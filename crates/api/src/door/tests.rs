//! Callbacks and workers, one rule at a time.

use super::failures::FAILURES_MAX;
use crate::testing::Asked;
use crate::testing::{Reply, World};
use chrono::TimeDelta;
use gavel_contract::signature::{Secret, hex_signature};
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::Mode;
use gavel_store::health::ProbeTimes;
use serde_json::{Value, json};

const TEXT: &str = "A finished draft with more than fifty characters in it, which is what was asked for.";

fn good() -> Value {
    json!({ "full_text": TEXT, "summary": "A draft.", "bid_price_usd": 20 })
}

/// A world with an agent that is asked in this way.
async fn world(mode: ExecutionMode) -> World {
    let world = World::new().await;
    world.agent_asked_by(mode, "later").await;
    world
}

impl World {
    async fn callback(&self, key: ExchangeKey, message: &str, body: &Value) -> Reply {
        let vault = &self.state.vault;
        let secret = vault.callback_secret(key.invitation, key.mode, key.revision);
        self.callback_signed(key, message, secret.expose(), body).await
    }

    async fn callback_signed(&self, key: ExchangeKey, message: &str, secret: &str, body: &Value) -> Reply {
        let token = self.state.vault.callback_token(key.invitation, key.mode, key.revision);
        let (body, time) = (body.to_string(), self.state.now().timestamp());
        let signature = Secret::parse(secret).unwrap().sign(message, time, body.as_bytes());
        let request = self
            .request("POST", &format!("/api/v1/callbacks/{token}"), "")
            .header("webhook-id", message)
            .header("webhook-timestamp", time)
            .header("webhook-signature", signature);
        self.send(request, body).await
    }

    async fn fetched(&self) -> Value {
        let answer = self.get(self.developer(), "/api/v1/pull/invitations?limit=8").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["invitations"].clone()
    }

    async fn gallery(&self, asked: &Asked) -> Value {
        self.get(self.buyer(), &format!("/api/v1/tasks/{}/bids", asked.task)).await.body
    }
}

#[tokio::test]
async fn a_callback_is_the_bid_and_may_be_sent_again() {
    let world = world(ExecutionMode::Async).await;
    let asked = world.asked("later").await;
    let answer = world.callback(asked.key, "m1", &good()).await;
    assert_eq!((answer.status, answer.body["outcome"].as_str()), (202, Some("valid")), "{}", answer.text);
    let again = world.callback(asked.key, "m1", &good()).await;
    assert_eq!((again.status, &again.body["repeated"]), (202, &json!(true)));
    let error = json!({ "error": "out_of_memory", "message": "no" });
    let changed = world.callback(asked.key, "m1", &error).await;
    assert_eq!(changed.body["outcome"], json!("valid"), "what was taken, not what is said now");
    let other = world.callback(asked.key, "m2", &good()).await;
    assert_eq!((other.status, other.code()), (409, "already_answered"));
    let gallery = world.gallery(&asked).await;
    assert_eq!(
        (gallery["bids"].as_array().unwrap().len(), &gallery["bids"][0]["bid_price_usd"]),
        (1, &json!(20.0))
    );
}

#[tokio::test]
async fn a_result_may_be_as_large_as_an_answer() {
    let world = world(ExecutionMode::Async).await;
    let asked = world.asked("later").await;
    let large =
        json!({ "full_text": TEXT.repeat(4_000), "summary": "s", "padding": "x".repeat(3 * 1024 * 1024) });
    let answer = world.callback(asked.key, "m1", &large).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let too_large = json!({ "padding": "x".repeat(4 * 1024 * 1024) });
    let refused = world.callback(asked.key, "m2", &too_large).await;
    assert_eq!((refused.status, refused.code()), (413, "too_large"));
}

#[tokio::test]
async fn a_refused_result_says_why_and_may_be_mended() {
    let world = world(ExecutionMode::Async).await;
    let asked = world.asked("later").await;
    let short = world.callback(asked.key, "m1", &json!({ "full_text": "short", "summary": "s" })).await;
    assert_eq!((short.status, short.code()), (422, "full_text_short"), "{}", short.text);
    assert_eq!(world.callback(asked.key, "m1", &good()).await.status, 202);
}

#[tokio::test]
async fn a_callback_without_the_right_signature_opens_nothing() {
    let world = world(ExecutionMode::Async).await;
    let asked = world.asked("later").await;
    let key = asked.key;
    let other = world.state.vault.callback_secret(key.invitation, Mode::Final, 0);
    let wrong = world.callback_signed(key, "m1", other.expose(), &good()).await;
    assert_eq!((wrong.status, wrong.code()), (401, "unauthorized"));
    assert!(wrong.body["detail"].as_str().unwrap().contains("callback_secret"), "{}", wrong.text);
    let token = world.state.vault.callback_token(key.invitation, key.mode, key.revision);
    let bare = world.post("", &format!("/api/v1/callbacks/{token}"), &good()).await;
    assert_eq!(bare.status, 401);
    assert_eq!(world.post("", "/api/v1/callbacks/nonsense", &good()).await.status, 404);
    let not_asked = world.state.vault.callback_token(key.invitation, Mode::Final, 0);
    assert_eq!(world.post("", &format!("/api/v1/callbacks/{not_asked}"), &good()).await.status, 404);
    let pair = hex_signature(b"ait_key", good().to_string().as_bytes());
    let request = world.request("POST", &format!("/api/v1/callbacks/{token}"), "");
    let request = request.header("x-aitasker-signature", pair);
    let request = request.header("x-aitasker-timestamp", world.state.now().timestamp());
    assert_eq!(world.send(request, good().to_string()).await.status, 401);
    assert!(world.gallery(&asked).await["bids"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn who_guesses_is_slowed_down_and_the_agent_is_not() {
    let world = world(ExecutionMode::Async).await;
    let asked = world.asked("later").await;
    let wrong = format!("whsec_{}", "A".repeat(44));
    for _ in 0..FAILURES_MAX {
        assert_eq!(world.callback_signed(asked.key, "m1", &wrong, &good()).await.status, 401);
    }
    let turned_away = world.callback_signed(asked.key, "m1", &wrong, &good()).await;
    assert_eq!((turned_away.status, turned_away.header("retry-after")), (429, Some("60")));
    assert_eq!(world.callback(asked.key, "m1", &good()).await.status, 202);
}

#[tokio::test]
async fn an_agent_may_say_that_there_will_be_no_result() {
    for (error, outcome) in [("unsupported_task_type", "declined"), ("out_of_memory", "agent_error")] {
        let world = world(ExecutionMode::Async).await;
        let asked = world.asked("later").await;
        let answer = world.callback(asked.key, "m1", &json!({ "error": error, "message": "no" })).await;
        assert_eq!((answer.status, answer.body["outcome"].as_str()), (202, Some(outcome)));
        assert_eq!(world.gallery(&asked).await["invitations"][0]["outcome"], json!(outcome));
    }
}

#[tokio::test]
async fn a_secret_that_an_agent_echoes_is_not_kept() {
    let world = world(ExecutionMode::Async).await;
    let asked = world.asked("later").await;
    let secret = world.state.vault.callback_secret(asked.key.invitation, asked.key.mode, 0);
    let echo = json!({ "full_text": format!("{TEXT} {}", secret.expose()), "summary": secret.expose() });
    let answer = world.callback(asked.key, "m1", &echo).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert!(!world.gallery(&asked).await.to_string().contains(secret.expose()));
}

#[tokio::test]
async fn a_worker_fetches_keeps_and_answers() {
    let world = world(ExecutionMode::Pull).await;
    assert_eq!(world.fetched().await, json!([]));
    let (_, invited) = world.prototyping(&["later"]).await;
    let fetched = world.fetched().await;
    let key = ExchangeKey { invitation: invited[0].id, mode: Mode::Prototype, revision: 0 };
    assert_eq!((&fetched[0]["id"], &fetched[0]["lease"]), (&json!(key.to_string()), &json!(1)));
    assert_eq!(fetched[0]["envelope"].as_object().unwrap().len(), 12);
    assert_eq!(fetched[0]["envelope"]["task_id"], json!(invited[0].task.to_string()));
    assert_eq!(world.fetched().await, json!([]), "leased");

    let path = format!("/api/v1/pull/invitations/{key}");
    world.clock.advance(TimeDelta::seconds(30));
    let beat = world.post(world.developer(), &format!("{path}/heartbeat"), &json!({ "lease": 1 })).await;
    assert_eq!((beat.status, &beat.body["lease"]), (200, &json!(1)), "{}", beat.text);
    let stale = world.post(world.developer(), &format!("{path}/heartbeat"), &json!({ "lease": 2 })).await;
    assert_eq!((stale.status, stale.code()), (409, "lease_lost"));
    assert_eq!(stale.body["detail"], json!("Lease 2 was never given; the present one is 1."));

    let result = format!("{path}/result?lease=1");
    let short =
        world.post(world.developer(), &result, &json!({ "full_text": "short", "summary": "s" })).await;
    assert_eq!((short.status, short.code()), (422, "full_text_short"));
    let taken = world.post(world.developer(), &result, &good()).await;
    assert_eq!((taken.status, taken.body["outcome"].as_str()), (202, Some("valid")), "{}", taken.text);
    let again = world.post(world.developer(), &result, &good()).await;
    assert_eq!((again.status, &again.body["repeated"]), (202, &json!(true)));
    let other = json!({ "full_text": format!("{TEXT} Another."), "summary": "s" });
    assert_eq!(world.post(world.developer(), &result, &other).await.status, 409);
    let over = world.post(world.developer(), &format!("{path}/heartbeat"), &json!({ "lease": 1 })).await;
    assert_eq!((over.status, over.code()), (410, "too_late"));
}

#[tokio::test]
async fn a_worker_may_decline_what_it_holds() {
    let world = world(ExecutionMode::Pull).await;
    let (_, invited) = world.prototyping(&["later"]).await;
    let key = ExchangeKey { invitation: invited[0].id, mode: Mode::Prototype, revision: 0 };
    let path = format!("/api/v1/pull/invitations/{key}/decline");
    world.fetched().await;
    let decline = |lease: u32| json!({ "lease": lease, "reason": "not my kind of work" });
    assert_eq!(world.post(world.developer(), &path, &decline(7)).await.code(), "lease_lost");
    let declined = world.post(world.developer(), &path, &decline(1)).await;
    assert_eq!(
        (declined.status, declined.body["outcome"].as_str()),
        (202, Some("declined")),
        "{}",
        declined.text
    );
    assert_eq!(world.post(world.developer(), &path, &decline(1)).await.status, 202, "again is harmless");
    let result = format!("/api/v1/pull/invitations/{key}/result");
    let late = world.post(world.developer(), &result, &good()).await;
    assert_eq!((late.status, late.code()), (409, "already_answered"));
    assert!(late.body["detail"].as_str().unwrap().contains("declined"), "{}", late.text);
    let request = world.request("POST", &result, world.developer()).header("webhook-id", "decline_1");
    let named_alike = world.send(request, good().to_string()).await;
    assert_eq!(named_alike.status, 409, "a worker's own id is never taken for the decline");
}

#[tokio::test]
async fn a_result_after_the_deadline_is_gone() {
    let world = world(ExecutionMode::Pull).await;
    let (_, invited) = world.prototyping(&["later"]).await;
    let key = ExchangeKey { invitation: invited[0].id, mode: Mode::Prototype, revision: 0 };
    world.fetched().await;
    world.clock.advance(TimeDelta::seconds(120) + TimeDelta::milliseconds(1));
    let result = format!("/api/v1/pull/invitations/{key}/result");
    let late = world.post(world.developer(), &result, &good()).await;
    assert_eq!((late.status, late.code()), (410, "too_late"));
    assert_eq!(world.fetched().await, json!([]), "nor is it handed out");
}

#[tokio::test]
async fn what_is_not_yours_does_not_exist() {
    let world = world(ExecutionMode::Pull).await;
    let (_, invited) = world.prototyping(&["later"]).await;
    let key = ExchangeKey { invitation: invited[0].id, mode: Mode::Prototype, revision: 0 };
    let stranger = world.key("agent_manager", false, false).await;
    let register = json!({ "name": "Mallory" });
    assert_eq!(world.post(&stranger, "/api/v1/developers/register", &register).await.status, 201);
    let fetch = "/api/v1/pull/invitations";
    assert_eq!(world.get(&stranger, fetch).await.code(), "no_pull_agent");
    for (what, body) in
        [("heartbeat", json!({ "lease": 1 })), ("result", good()), ("decline", json!({ "lease": 1 }))]
    {
        let path = format!("{fetch}/{key}/{what}");
        assert_eq!(world.post(&stranger, &path, &body).await.status, 404, "{what}");
        assert_eq!(world.post(world.buyer(), &path, &body).await.status, 403, "{what}");
        assert_eq!(world.post("", &path, &body).await.status, 401, "{what}");
        let nothing = format!("{fetch}/nothing/{what}");
        assert_eq!(world.post(world.developer(), &nothing, &body).await.status, 422, "{what}");
    }
    let in_test = world.key_of_the_developer(false, true).await;
    for (what, body) in
        [("heartbeat", json!({ "lease": 1 })), ("result", good()), ("decline", json!({ "lease": 1 }))]
    {
        let path = format!("{fetch}/{key}/{what}");
        assert_eq!(world.post(&in_test, &path, &body).await.status, 404, "test keys see test agents: {what}");
    }
    let read_only = world.key_of_the_developer(true, false).await;
    assert_eq!(world.get(&read_only, fetch).await.status, 403, "fetching takes a lease");
    assert_eq!(world.get(&in_test, fetch).await.code(), "no_pull_agent");
    assert_eq!(world.get(world.developer(), "/api/v1/pull/invitations?wait=31").await.status, 422);
    assert_eq!(world.get(world.developer(), "/api/v1/pull/invitations?colour=red").await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_worker_is_woken_by_an_invitation() {
    let world = std::sync::Arc::new(world(ExecutionMode::Pull).await);
    let waiting = std::sync::Arc::clone(&world);
    let worker = tokio::spawn(async move {
        waiting.get(waiting.developer(), "/api/v1/pull/invitations?wait=20").await.body["invitations"].clone()
    });
    tokio::task::yield_now().await;
    let (_, invited) = world.prototyping(&["later"]).await;
    let fetched = tokio::time::timeout(std::time::Duration::from_secs(10), worker).await.unwrap().unwrap();
    assert_eq!(fetched[0]["envelope"]["task_id"], json!(invited[0].task.to_string()));
}

#[tokio::test]
async fn whatever_a_worker_says_is_a_sign_of_life() {
    let world = world(ExecutionMode::Pull).await;
    let (_, invited) = world.prototyping(&["later"]).await;
    let key = ExchangeKey { invitation: invited[0].id, mode: Mode::Prototype, revision: 0 };
    world.fetched().await;
    world.clock.advance(TimeDelta::seconds(50));
    let path = format!("/api/v1/pull/invitations/{key}/heartbeat");
    assert_eq!(world.post(world.developer(), &path, &json!({ "lease": 1 })).await.status, 200);
    let now = world.state.now();
    let times = ProbeTimes { now: now + TimeDelta::days(1), lost_at: now, unwatched_since: now };
    let probes = world.state.store.claim_probes(times, 100).await.unwrap();
    let probe = probes.iter().find(|probe| probe.registered.slug == "later").unwrap();
    assert_eq!(probe.seen_at, Some(now));
}
