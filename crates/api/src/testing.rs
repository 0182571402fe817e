//! A small world for the tests of endpoints: the real router on a real database. What the loop would do is done by
//! hand, through the store.

use crate::{ApiSettings, AppState, Benchmarks, router};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use chrono::TimeDelta;
use gavel_candidates::Candidates;
use gavel_contract::agent::envelope::envelope;
use gavel_dispatcher::transport::{self, FailureKind, SendFailure, Transport};
use gavel_domain::account::{ApiKey, Scope};
use gavel_domain::benchmark::{Activation, Rules};
use gavel_domain::bid::{Bid, BidStatus};
use gavel_domain::delivery::{Delivery, DeliveryStatus};
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{Answer, Attempt, AttemptResult, Ending, Invitation, Mode, Outcome};
use gavel_domain::network::Guard;
use gavel_domain::policy::{MoneyMode, MoneyPolicy, Silence, Timers};
use gavel_domain::task::Task;
use gavel_domain::*;
use gavel_store::arrivals::Arrivals;
use gavel_store::decisions::Decision;
use gavel_store::invitations::Ended;
use gavel_store::rounds::{FirstSends, NewRound};
use gavel_store::scores::{Judged, NewVerdict, PhaseEnd};
use gavel_store::{Claimed, Guarded, Store};
use gavel_testkit::{ManualClock, SeededChance};
use gavel_vault::{Vault, hash_key, new_api_key};
use http::{HeaderMap, Request, request::Builder};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

/// What may be asked for.
mod catalog;
/// Sends to agents, and what came of them.
mod asked;
/// Agents that have to pass first.
mod benchmarks;
/// What buyers and developers change.
mod changing;
/// Events on their way to buyers.
mod told;

pub(crate) use asked::{Asked, came_back};
pub(crate) use changing::Changing;

pub(crate) struct World {
    pub(crate) state: AppState,
    router: Router,
    pub(crate) clock: Arc<ManualClock>,
    /// What was sent out, and what comes back.
    pub(crate) network: Arc<Network>,
    accounts: AtomicU32,
    buyer: String,
    developer: String,
    admin: String,
    _dir: tempfile::TempDir,
}

/// A network that keeps what is sent and answers what it was told; without an answer nothing listens anywhere.
#[derive(Default)]
pub(crate) struct Network {
    pub(crate) sent: Mutex<Vec<transport::Request>>,
    pub(crate) answer: Mutex<Option<transport::Reply>>,
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: transport::Request) -> Result<transport::Reply, SendFailure> {
        self.sent.lock().unwrap().push(request);
        let answer = self.answer.lock().unwrap().clone();
        answer.ok_or_else(|| SendFailure::new(FailureKind::Connect, "nothing listens there"))
    }
}

/// An answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// Null where the answer is no JSON.
    pub(crate) body: Value,
    headers: HeaderMap,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
    pub(crate) fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }
}

impl World {
    /// A buyer, an operator, and a developer with the agents `one`, `two` and `resting` (paused).
    pub(crate) async fn new() -> World {
        World::with(|_| {}).await
    }

    /// The same with something else about it.
    pub(crate) async fn with(change: impl FnOnce(&mut AppState)) -> World {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("gavel.db").display())).await.unwrap();
        let clock = Arc::new(ManualClock::new());
        let network = Arc::new(Network::default());
        let mut state = AppState {
            candidates: Arc::new(Candidates::new(store.clone(), Arc::default(), false)),
            store,
            settings: Arc::new(settings()),
            vault: Arc::new(Vault::from_key([7; 32])),
            transport: Arc::clone(&network) as Arc<dyn Transport>,
            clock: Arc::new(clock.steady()),
            chance: Arc::new(SeededChance::new(3)),
            leaving: CancellationToken::new(),
            stop: CancellationToken::new(),
        };
        change(&mut state);
        let mut world = World {
            router: router(state.clone()),
            state,
            clock,
            network,
            accounts: AtomicU32::new(0),
            buyer: String::new(),
            developer: String::new(),
            admin: String::new(),
            _dir: dir,
        };
        world.buyer = world.key_of("buyer", Scope::TaskPoster, false, false).await;
        world.developer = world.key_of("developer", Scope::AgentManager, false, false).await;
        world.admin = world.key_of("operator", Scope::Admin, false, false).await;
        world.register_agents().await;
        world
    }

    async fn register_agents(&self) {
        let name = json!({ "name": "Ada" });
        assert_eq!(self.post(&self.developer, "/api/v1/developers/register", &name).await.status, 201);
        for slug in ["one", "two", "resting"] {
            self.clock.advance(TimeDelta::milliseconds(1)); // lists are in the order of registration
            let mut agent = new_agent(slug);
            agent["paused"] = json!(slug == "resting");
            let answer = self.post(&self.developer, "/api/v1/developers/agents", &agent).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
        }
    }

    pub(crate) fn buyer(&self) -> &str {
        &self.buyer
    }
    pub(crate) fn developer(&self) -> &str {
        &self.developer
    }
    pub(crate) fn admin(&self) -> &str {
        &self.admin
    }

    /// A key of an account of its own.
    pub(crate) async fn key(&self, scope: &str, read_only: bool, test: bool) -> String {
        let account = format!("account-{}", self.accounts.fetch_add(1, Ordering::Relaxed));
        self.key_of(&account, scope.parse().unwrap(), read_only, test).await
    }

    pub(crate) async fn test_key_of_the_buyer(&self) -> String {
        self.key_of("buyer", Scope::TaskPoster, false, true).await
    }

    pub(crate) async fn key_of_the_developer(&self, read_only: bool, test: bool) -> String {
        self.key_of("developer", Scope::AgentManager, read_only, test).await
    }

    async fn key_of(&self, account: &str, scope: Scope, read_only: bool, test: bool) -> String {
        let (now, chance) = (self.state.now(), self.state.chance.as_ref());
        let account =
            self.state.store.ensure_account(account, AccountId::new(now, chance), now).await.unwrap();
        let id = KeyId::new(now, chance);
        let key = ApiKey { id, account, scope, read_only, test, created_at: now, revoked_at: None };
        let secret = new_api_key(chance, test);
        self.state.store.add_key(&key, &hash_key(secret.expose())).await.unwrap();
        secret.expose().to_owned()
    }

    pub(crate) fn request(&self, method: &str, path: &str, key: &str) -> Builder {
        let request = Request::builder().method(method).uri(path);
        if key.is_empty() { request } else { request.header("authorization", format!("Bearer {key}")) }
    }

    /// The whole server on a port of its own, for as long as the guard lives.
    pub(crate) async fn listening(&self) -> (std::net::SocketAddr, DropGuard) {
        let listener = crate::listen((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(crate::serve(
            listener,
            self.router.clone(),
            stop.clone(),
            crate::ServeLimits::default(),
        ));
        (address, stop.drop_guard())
    }

    /// An answer whose body is read as it comes.
    pub(crate) async fn stream(&self, request: Builder) -> axum::response::Response {
        self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// The same world as another process sees it, which writes through `store`.
    pub(crate) fn writing_to(&self, store: Store) -> World {
        let state = AppState { store, ..self.state.clone() };
        World {
            router: router(state.clone()),
            state,
            clock: Arc::clone(&self.clock),
            network: Arc::clone(&self.network),
            accounts: AtomicU32::new(1000),
            buyer: self.buyer.clone(),
            developer: self.developer.clone(),
            admin: self.admin.clone(),
            _dir: tempfile::tempdir().unwrap(),
        }
    }

    /// A body is sent as JSON, unless the request says otherwise.
    pub(crate) async fn send(&self, request: Builder, body: String) -> Reply {
        let typed = request.headers_ref().is_some_and(|headers| headers.contains_key("content-type"));
        let request = if typed { request } else { request.header("content-type", "application/json") };
        let request = request.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Reply { status: parts.status.as_u16(), text, body, headers: parts.headers }
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Reply {
        self.send(self.request("GET", path, key), String::new()).await
    }

    /// Null sends no body.
    pub(crate) async fn post(&self, key: &str, path: &str, body: &Value) -> Reply {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(self.request("POST", path, key), text).await
    }

    pub(crate) async fn patch(&self, key: &str, path: &str, body: &Value) -> Reply {
        self.send(self.request("PATCH", path, key), body.to_string()).await
    }

    pub(crate) async fn agent_id(&self, slug: &str) -> String {
        let list = self.get(&self.developer, "/api/v1/developers/agents").await;
        let agents = list.body["agents"].as_array().unwrap();
        agents.iter().find(|agent| agent["slug"] == slug).unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// A task that nobody has looked at.
    pub(crate) async fn posted(&self) -> String {
        self.clock.advance(TimeDelta::seconds(1));
        let answer = self.post(&self.buyer, "/api/v1/tasks", &new_task()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.id().to_owned()
    }

    /// A task in review, with a bid of `one` (scored 0.9) and one of `two` (scored 0.5).
    pub(crate) async fn in_review(&self) -> String {
        let (claimed, invited) = self.prototyping(&["one", "two"]).await;
        let id = claimed.task().id.to_string();
        for (invitation, score) in invited.iter().zip([900_000, 500_000]) {
            self.scored(&claimed, invitation, score).await;
        }
        self.close(claimed).await;
        id
    }

    /// A task that is being prototyped by these agents of the developer.
    pub(crate) async fn prototyping(&self, slugs: &[&str]) -> (Claimed, Vec<Invitation>) {
        let id = self.posted().await;
        let (store, now) = (&self.state.store, self.state.now());
        done(store.start(self.claim(&id).await, now, now).await.unwrap());
        let mut invited = Vec::new();
        for slug in slugs {
            invited.push(self.invitation(&id, slug).await);
        }
        let claimed = self.claim(&id).await;
        let round = NewRound {
            decision: self.decision(&id).await,
            invitations: invited.clone(),
            letter: self.letter(claimed.task(), Mode::Prototype),
            phase_deadline: now + TimeDelta::seconds(420),
            under_supplied: true,
        };
        let recorded = store.record_round(claimed, round, |_| FirstSends::default(), now).await;
        (done(recorded.unwrap()).claimed, invited)
    }

    fn letter(&self, task: &Task, mode: Mode) -> String {
        let currency = &self.state.settings.currency;
        let body = envelope(task.id, &task.brief, task.budget, currency, mode, None);
        String::from_utf8(body.to_vec()).unwrap()
    }

    async fn close(&self, claimed: Claimed) {
        let (store, now) = (&self.state.store, self.state.now());
        let until = now + TimeDelta::days(7);
        let ended = store.close_phase(&claimed, &[], &BTreeSet::new(), Outcome::Late, until, now).await;
        assert_eq!(done(ended.unwrap()), PhaseEnd::Closed);
    }

    pub(crate) async fn best_bid(&self, task: &str) -> String {
        let gallery = self.get(&self.buyer, &format!("/api/v1/tasks/{task}/bids")).await;
        gallery.body["bids"][0]["id"].as_str().unwrap().to_owned()
    }

    /// A task whose winner has delivered; the money is held.
    pub(crate) async fn delivered(&self) -> String {
        let id = self.in_review().await;
        let bid = self.best_bid(&id).await;
        let path = format!("/api/v1/tasks/{id}/bids/{bid}/select");
        assert_eq!(self.post(&self.buyer, &path, &Value::Null).await.status, 200);
        let (store, now) = (&self.state.store, self.state.now());
        let claimed = self.claim(&id).await;
        let settle = self.state.settlement(claimed.task(), now);
        let delivery = self.delivery(&id, &bid);
        done(store.hold_and_deliver(claimed, &delivery, settle.as_ref(), now).await.unwrap());
        self.final_call(&id).await;
        id
    }

    /// The winner is called for the pending delivery, and answers.
    pub(crate) async fn final_call(&self, task: &str) {
        let (store, now) = (&self.state.store, self.state.now());
        let claimed = self.claim(task).await;
        let delivery = store.latest_delivery(claimed.task().id).await.unwrap().unwrap();
        let won = store.selected_bid(delivery.task).await.unwrap().unwrap();
        let key = ExchangeKey { invitation: won.invitation, mode: Mode::Final, revision: delivery.revision };
        let invitation = store.dispatch(key).await.unwrap().unwrap().invitation;
        let attempt = Attempt { revision: delivery.revision, ..self.attempt(won.invitation) };
        let letter = self.letter(claimed.task(), Mode::Final);
        let letter = (&invitation, letter.as_str());
        let begun = store.begin_final_call(&claimed, &delivery, letter, Some(&attempt), now).await;
        assert!(done(begun.unwrap()));
        let (ended, until) = ((attempt.id, &ended(now)), now + TimeDelta::days(14));
        let work = answer("The finished work, longer than its prototype.");
        done(store.delivery_ready(&claimed, &delivery, &work, ended, until, now).await.unwrap());
    }

    /// A delivered task is approved, and loses its texts long after.
    pub(crate) async fn loses_its_texts(&self, task: &str) {
        let approved =
            self.post(self.buyer(), &format!("/api/v1/tasks/{task}/delivery/approve"), &json!({})).await;
        assert_eq!(approved.status, 200, "{}", approved.body);
        self.clock.advance(TimeDelta::days(30));
        let now = self.clock.now();
        assert_eq!(self.state.store.remove_bodies(now - TimeDelta::days(30), 1, now).await.unwrap(), 1);
    }

    async fn claim(&self, task: &str) -> Claimed {
        let now = self.state.now();
        // Tasks that other tests of this world left open may be ready too.
        loop {
            let claimed = self.state.store.claim("test", now, now + TimeDelta::seconds(30)).await.unwrap();
            let claimed = claimed.expect("the task is ready");
            if claimed.task().id.to_string() == task {
                return claimed;
            }
        }
    }

    async fn invitation(&self, task: &str, slug: &str) -> Invitation {
        let now = self.state.now();
        Invitation {
            id: InvitationId::new(now, self.state.chance.as_ref()),
            task: task.parse().unwrap(),
            round: 1,
            agent: self.agent_id(slug).await.parse().unwrap(),
            created_at: now,
            deadline_at: now + TimeDelta::seconds(120),
            deadline_is_own_limit: true,
            boosted: false,
            ended: None,
        }
    }

    async fn scored(&self, claimed: &Claimed, invitation: &Invitation, score: u32) {
        let now = self.state.now();
        let bid = Bid {
            id: BidId::new(now, self.state.chance.as_ref()),
            task: invitation.task,
            round: 1,
            invitation: invitation.id,
            agent: invitation.agent,
            answer: answer("A prototype of more than fifty characters, as every one must be."),
            status: BidStatus::Received,
            score: None,
            presented: false,
            received_at: now,
        };
        let ended = Ended {
            invitation: invitation.id,
            agent: invitation.agent,
            agent_slug: "slug".to_owned(),
            ending: Ending { outcome: Outcome::Valid, detail: None, at: now },
            bid: Some(bid.clone()),
            attempt: None,
        };
        let arrivals = Arrivals { ended: vec![ended], judged: Vec::new() };
        done(self.state.store.keep(claimed, &arrivals, now).await.unwrap());
        let value = f64::from(score) / 1e6;
        let verdict = NewVerdict {
            judge: "embedded-1".to_owned(),
            composite: Ppm::new(score),
            document: json!({ "dimensions": { "originality": { "value": value } } }).to_string(),
        };
        let judged = Judged { bid: bid.id, agent: bid.agent, agent_slug: "slug".to_owned(), verdict };
        let arrivals = Arrivals { ended: Vec::new(), judged: vec![judged] };
        done(self.state.store.keep(claimed, &arrivals, now).await.unwrap());
    }

    fn delivery(&self, task: &str, bid: &str) -> Delivery {
        let now = self.state.now();
        Delivery {
            id: DeliveryId::new(now, self.state.chance.as_ref()),
            task: task.parse().unwrap(),
            bid: bid.parse().unwrap(),
            revision: 0,
            status: DeliveryStatus::Pending,
            notes: None,
            deadline_at: now + TimeDelta::seconds(300),
            answer: None,
            ready_at: None,
        }
    }

    fn attempt(&self, invitation: InvitationId) -> Attempt {
        let now = self.state.now();
        let id = AttemptId::new(now, self.state.chance.as_ref());
        Attempt { id, invitation, mode: Mode::Final, revision: 0, number: 1, started_at: now, result: None }
    }

    /// What triage really decides here, with `resting` kept out.
    async fn decision(&self, task: &str) -> Decision {
        let task = self.state.store.task(task.parse().unwrap()).await.unwrap().unwrap();
        self.state.candidates.decide(&task, 1, self.state.now()).await.unwrap().stored()
    }
}

fn answer(full_text: &str) -> Answer {
    Answer {
        full_text: full_text.to_owned(),
        summary: "Finished.".to_owned(),
        message: Some("Hello".to_owned()),
        artifacts: vec![],
        token_usage: None,
        price: Money::from_minor(2200),
    }
}

fn ended(at: Timestamp) -> AttemptResult {
    AttemptResult {
        ended_at: at,
        status: Some(200),
        code: "ok".to_owned(),
        warnings: vec![],
        error_body: None,
        trace: None,
    }
}

fn done<T>(guarded: Guarded<T>) -> T {
    match guarded {
        Guarded::Done(value) => value,
        Guarded::Lost => panic!("the guard did not hold"),
    }
}

/// The body of a task that is taken.
pub(crate) fn new_task() -> Value {
    json!({
        "category": "content-writing", "task_type": "blog-post", "budget_usd": 22,
        "description": "A post about spring in the garden.", "metadata": { "order": 7 },
    })
}

/// The body of an agent that is taken.
pub(crate) fn new_agent(slug: &str) -> Value {
    json!({
        "name": slug.to_uppercase(), "slug": slug, "capabilities": ["content-writing"],
        "endpoint_url": format!("https://{slug}.agents.example.com/execute"),
    })
}

pub(crate) fn settings() -> ApiSettings {
    ApiSettings {
        currency: Currency::new("USD").unwrap(),
        money: MoneyPolicy {
            mode: MoneyMode::Ledger,
            fee: BasisPoints(1500),
            settlement: TimeDelta::days(2),
            budget_min: Money::from_minor(300),
            budget_max: Money::from_minor(50_000),
        },
        min_bids: None,
        timers: Timers {
            phase: TimeDelta::seconds(420),
            prototype_call: TimeDelta::seconds(120),
            final_call: TimeDelta::seconds(300),
            prototype_call_by_category: [("translation".to_owned(), TimeDelta::seconds(180))].into(),
            final_call_by_category: [].into(),
            review_window: TimeDelta::days(7),
            answer_window: TimeDelta::days(14),
            on_silence: Silence::Approve,
            async_call: TimeDelta::seconds(600),
            acknowledge: TimeDelta::seconds(30),
            pull_lease: TimeDelta::seconds(60),
            revisions_max: 2,
        },
        catalog: Arc::new(catalog::catalog()),
        guard: Guard::default(),
        user_agent: "Gavel".to_owned(),
        public_url: "https://gavel.example.com".to_owned(),
        newcomer_tasks: 10,
        alarms: gavel_triage::AlarmRules::default(),
        secret_overlap: TimeDelta::hours(24),
        benchmark: Benchmarks {
            activation: Activation::Immediate,
            rules: Rules::default(),
            suites: vec!["content-writing".to_owned(), "marketing".to_owned()],
        },
        limits: crate::RequestLimits::default(),
    }
}
