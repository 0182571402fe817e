//! All routes that change something for a buyer or a developer, through the real router.

use crate::router::openapi;
use crate::testing::{Changing, Reply, World, new_task};
use async_trait::async_trait;
use futures::future::{join_all, select_all};
use gavel_dispatcher::transport::{self, Request, SendFailure, Transport};
use gavel_domain::AccountId;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// More than SQLite has connections, and as many as PostgreSQL has.
const AT_ONCE: usize = 16;

async fn sent(world: &World, one: &Changing, key: &str, body: &str) -> Reply {
    world.send(one.request(world, key), body.to_owned()).await
}

fn replayed(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

#[tokio::test]
async fn every_route_that_changes_something_is_in_the_table_and_shows_the_header() {
    let world = World::of_changes().await;
    let table: BTreeSet<_> = world.changing().await.iter().map(|one| one.route.to_owned()).collect();
    let mut described = BTreeSet::new();
    for (path, methods) in openapi(&world.state.settings.currency)["paths"].as_object().unwrap() {
        // What agents bring has names of its own, under which it counts once: callback tokens and webhook-ids.
        let brought = path.starts_with("/api/v1/callbacks/") || path.starts_with("/api/v1/pull/");
        let changes_nothing = path == "/api/v1/tasks/preview";
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(m, _)| *m != "get") {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let header = parameters.iter().find(|p| p["name"] == "Idempotency-Key");
            assert_eq!(header.is_some(), !brought && !changes_nothing, "{method} {path}");
            if let Some(header) = header {
                assert_eq!(
                    (&header["in"], &header["required"], &header["schema"]["maxLength"]),
                    (&json!("header"), &json!(false), &json!(255)),
                    "{method} {path}"
                );
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    assert_eq!(described, table);
}

#[tokio::test]
async fn whoever_repeats_gets_the_first_answer_and_nothing_happens_twice() {
    for world in World::of_changes_on_both("repeats").await {
        repeats(&world).await;
    }
}

async fn repeats(world: &World) {
    let all = world.changing().await;
    for (number, one) in all.iter().enumerate() {
        let (key, before) = (format!("key-{number}"), world.seen(&all).await);
        let answers = join_all((0..AT_ONCE).map(|_| sent(world, one, &key, &one.body))).await;
        let first = answers.iter().find(|answer| !replayed(answer)).expect(one.route);
        assert!((200..300).contains(&first.status), "{}: {}", one.route, first.text);
        assert_eq!(answers.iter().filter(|answer| replayed(answer)).count(), AT_ONCE - 1, "{}", one.route);
        let after = world.seen(&all).await;
        assert_ne!(before, after, "{} has an effect", one.route);

        let again = sent(world, one, &key, &one.body).await;
        for answer in answers.iter().chain([&again]) {
            assert_eq!((answer.status, &answer.text), (first.status, &first.text), "{}", one.route);
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
        let other = sent(world, one, &key, &one.other).await;
        assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"), "{}", one.route);
        assert_eq!(world.seen(&all).await, after, "{} has one effect", one.route);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_refused_everywhere() {
    let world = World::of_changes().await;
    let all = world.changing().await;
    let before = world.seen(&all).await;
    for one in &all {
        for key in ["two words", "", &"k".repeat(256)] {
            let refused = sent(&world, one, key, &one.body).await;
            assert_eq!((refused.status, refused.code()), (400, "idempotency_key_invalid"), "{}", one.route);
        }
        let request = one.request(&world, "one").header("idempotency-key", "two");
        assert_eq!(world.send(request, one.body.clone()).await.code(), "idempotency_key_invalid");
    }
    assert_eq!(world.seen(&all).await, before);
}

#[tokio::test]
async fn one_key_is_for_one_route_and_one_account() {
    let world = World::of_changes().await;
    let all = world.changing().await;
    let route = |end: &str| all.iter().find(|one| one.route.ends_with(end)).unwrap();
    assert_eq!(sent(&world, route("/cancel"), "k", "{}").await.status, 200);
    let refused = sent(&world, route("/approve"), "k", "{}").await;
    assert_eq!((refused.status, refused.code()), (422, "idempotency_key_reused"));
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let others = sent(&world, route("/pause"), "k", "{}").await;
    assert!(others.status == 200 && !replayed(&others), "the developer's keys are its own");
    let request = world.request("POST", "/api/v1/tasks", &world.test_key_of_the_buyer().await);
    let test = world.send(request.header("idempotency-key", "k"), new_task().to_string()).await;
    assert!(test.status == 201 && !replayed(&test), "test keys are a world of their own");
}

#[tokio::test]
async fn a_route_is_the_same_at_its_older_address() {
    let world = World::of_changes().await;
    let all = world.changing().await;
    let mut older = 0;
    for one in all.iter().filter(|one| one.path.starts_with("/api/v1/developers/")) {
        let before = Changing { path: one.path.replacen("/api/v1", "/api", 1), ..one.clone() };
        let (key, mut answers) = (one.route.replace(' ', ""), Vec::new());
        for address in [&before, one, &before] {
            answers.push(sent(&world, address, &key, &one.body).await);
        }
        let told: Vec<_> = answers.iter().map(|answer| (answer.status, replayed(answer))).collect();
        let status = answers[0].status;
        assert_eq!(told, [(status, false), (status, true), (status, true)], "{}", one.route);
        assert!((200..300).contains(&status), "{}: {}", one.route, answers[0].text);
        older += 1;
    }
    assert!(older > 5, "{older} routes have an older address");
}

#[tokio::test]
async fn what_the_transaction_refused_is_kept_and_what_came_before_it_is_not() {
    let world = World::of_changes().await;
    let all = world.changing().await;
    let route = |end: &str| all.iter().find(|one| one.route.ends_with(end)).unwrap();
    let (rotate, promote) = (route("/secret/rotate"), route("/secret/promote"));
    let promote = Changing { path: rotate.path.replace("rotate", "promote"), ..promote.clone() };

    let early = sent(&world, &promote, "early", "{}").await;
    assert_eq!((early.status, early.code(), replayed(&early)), (409, "no_secret_pending", false));
    assert_eq!(sent(&world, rotate, "rotate", "{}").await.status, 200);
    let again = sent(&world, &promote, "early", "{}").await;
    assert_eq!((again.status, &again.text, replayed(&again)), (409, &early.text, true));
    assert_eq!(again.header("content-type"), Some("application/problem+json"));
    assert_eq!(sent(&world, &promote, "later", "{}").await.status, 200);

    let post = route("/tasks");
    assert_eq!(sent(&world, post, "post", "{}").await.code(), "validation");
    let taken = sent(&world, post, "post", &post.body).await;
    assert!(taken.status == 201 && !replayed(&taken), "a body that broke a rule used up no key");
    let nothing = world.key("agent_manager", false, false).await;
    let unregistered = Changing { key: nothing.clone(), ..route("/keys/rotate").clone() };
    assert_eq!(sent(&world, &unregistered, "k", "{}").await.code(), "not_registered");
    let register = world.post(&nothing, "/api/v1/developers/register", &json!({ "name": "Bob" })).await;
    assert_eq!(register.status, 201);
    assert_eq!(sent(&world, &unregistered, "k", "{}").await.status, 200);
}

#[tokio::test]
async fn secrets_in_kept_answers_stand_nowhere_in_clear_and_open_for_their_key_alone() {
    let world = World::of_changes().await;
    let all = world.changing().await;
    let mut secrets = Vec::new();
    for one in &all {
        let answer = sent(&world, one, &one.route.replace(' ', ""), &one.body).await;
        let shown = ["api_key", "signing_secret"].map(|name| answer.body[name].as_str().map(str::to_owned));
        secrets.extend(shown.into_iter().flatten());
    }
    assert_eq!(
        secrets.len(),
        6,
        "register, keys/rotate, agents, secret/rotate, a subscription and its rotation"
    );
    let database = world.database();
    for secret in &secrets {
        let found = database.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} stands in the database");
    }
    let account = |n: u128| AccountId::from_uuid(uuid::Uuid::from_u128(n));
    let (vault, chance) = (&world.state.vault, world.state.chance.as_ref());
    let sealed = vault.seal("text", &gavel_vault::answer_context(account(1), "live:k"), chance);
    for other in [(account(2), "live:k"), (account(1), "test:k")] {
        assert!(vault.open(&sealed, &gavel_vault::answer_context(other.0, other.1)).is_err());
    }
}

#[tokio::test]
async fn a_replay_that_was_not_sent_leaves_its_key_free() {
    let world = World::of_changes().await;
    let all = world.changing().await;
    let replay = all.iter().find(|one| one.route.ends_with("/replay")).unwrap();
    for _ in 0..crate::developers::replay_limits::PER_HOUR {
        let body: Value = serde_json::from_str(&replay.body).unwrap();
        assert_eq!(world.post(&replay.key, &replay.path, &body).await.status, 200);
    }
    assert_eq!(sent(&world, replay, "k", &replay.body).await.status, 429);
    world.clock.advance(chrono::TimeDelta::hours(1));
    let sent_now = sent(&world, replay, "k", &replay.body).await;
    assert!(sent_now.status == 200 && !replayed(&sent_now), "{}", sent_now.text);
    let again = sent(&world, replay, "k", &replay.body).await;
    assert_eq!((replayed(&again), &again.text), (true, &sent_now.text));
}

/// Answers once it is let.
struct Slow(Semaphore);

#[async_trait]
impl Transport for Slow {
    async fn send(&self, _: Request) -> Result<transport::Reply, SendFailure> {
        let _let = self.0.acquire().await.unwrap();
        Ok(transport::Reply { status: 503, ..transport::Reply::default() })
    }
}

#[tokio::test]
async fn whoever_waits_in_vain_for_a_replay_may_come_for_its_answer_later() {
    let slow = Arc::new(Slow(Semaphore::new(0)));
    let transport = Arc::clone(&slow);
    let world = World::of_changes_with(|state| state.transport = transport).await;
    let all = world.changing().await;
    let replay = all.iter().find(|one| one.route.ends_with("/replay")).unwrap();
    // Whichever of them is sent, it is not over before it is let go: the other one is answered.
    let both = [(); 2].map(|()| Box::pin(sent(&world, replay, "k", &replay.body)));
    let (early, _, mut first) = select_all(both).await;
    assert_eq!((early.status, early.code()), (409, "idempotency_under_way"));
    assert_eq!(early.header("retry-after"), Some("5"));
    slow.0.add_permits(1);
    let first = first.remove(0).await;
    assert!(first.status == 200 && !replayed(&first), "{}", first.text);
    let later = sent(&world, replay, "k", &replay.body).await;
    assert_eq!((replayed(&later), &later.text), (true, &first.text));
}
