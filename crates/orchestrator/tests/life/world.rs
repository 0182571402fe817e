//! A small world: a SQLite file, the loop, and agents that are scripts.

use crate::health::HealthScripts;
use async_trait::async_trait;
use gavel_candidates::Candidates;
use gavel_dispatcher::transport::{FailureKind, Method, Reply, Request, SendFailure, Transport};
use gavel_dispatcher::{Caps, Lanes};
use gavel_domain::account::Developer;
use gavel_domain::agent::{Agent, ExecutionMode, Visibility};
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::exchange::{Arrived, ExchangeKey, Taken};
use gavel_domain::invitation::{Answer, Mode, Outcome};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::policy::{MoneyMode, MoneyPolicy, Silence, Timers};
use gavel_domain::recovery::Recovery;
use gavel_domain::task::{Brief, Routing, Task, Wishes};
use gavel_domain::*;
use gavel_judge::benchmark::Suite;
use gavel_orchestrator::{Context, Settings, probes};
use gavel_store::Store;
use gavel_store::choices::Refusal;
use gavel_store::ledger::Settlement;
use gavel_store::pull::{Fetched, Worker};
use gavel_testkit::SeededChance;
use gavel_vault::{
    Vault, agent_secret_context, developer_key_context, new_developer_key, new_signing_secret,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) context: Arc<Context>,
    pub(crate) transport: Arc<Scripts>,
    buyer: AccountId,
    developer: Developer,
    _dir: Option<tempfile::TempDir>,
}

/// A running loop.
pub(crate) struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(
        stop: CancellationToken,
        loop_: impl Future<Output = ()> + Send + 'static,
    ) -> Running {
        Running { stop, task: tokio::spawn(loop_) }
    }

    /// Still after a while.
    pub(crate) async fn is_running(&mut self, for_: Duration) -> bool {
        tokio::time::timeout(for_, &mut self.task).await.is_err()
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// As with its process: it begins nothing more, and puts nothing in order.
    pub(crate) async fn dies(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl World {
    pub(crate) async fn new() -> World {
        Self::with_windows(Duration::from_secs(3600)).await
    }

    pub(crate) async fn with_windows(window: Duration) -> World {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("gavel.db").display())).await.unwrap();
        World { _dir: Some(dir), ..Self::over(store, window).await }
    }

    /// A world over an empty database.
    pub(crate) async fn over(store: Store, window: Duration) -> World {
        let transport = Arc::new(Scripts::default());
        let chance: Arc<dyn Chance> = Arc::new(SeededChance::new(1));
        let now = clock::SystemClock.now();
        let account = |name: &'static str| {
            let (store, id) = (store.clone(), AccountId::new(now, &*chance));
            async move { store.ensure_account(name, id, now).await.unwrap() }
        };
        let (buyer, owner) = (account("buyer").await, account("developer").await);
        let developer = Developer {
            id: DeveloperId::new(now, &*chance),
            account: owner,
            name: "dev".to_owned(),
            created_at: now,
        };
        let vault = Arc::new(Vault::from_key([7; 32]));
        let key = new_developer_key(&*chance);
        let sealed = vault.seal(key.expose(), &developer_key_context(developer.id), &*chance);
        store.add_developer(&developer, &sealed).await.unwrap();
        let settings = settings(window);
        let context = Arc::new(Context {
            candidates: candidates(&store, &settings),
            store,
            clock: Arc::new(clock::SystemClock),
            chance,
            vault,
            transport: Arc::clone(&transport) as Arc<dyn Transport>,
            lanes: Default::default(),
            judges: Arc::new(tokio::sync::Semaphore::new(2)),
            suite: Arc::default(),
            wanted: Arc::default(),
            outage: Arc::default(),
            settings,
        });
        World { context, transport, buyer, developer, _dir: None }
    }

    /// The same world with other settings, before anything runs.
    pub(crate) fn with_settings(mut self, change: impl FnOnce(&mut Settings)) -> World {
        let context = Arc::get_mut(&mut self.context).unwrap();
        change(&mut context.settings);
        context.candidates = candidates(&context.store, &context.settings);
        self
    }

    /// The same world with tasks to try agents with, before anything runs.
    pub(crate) fn with_benchmarks(mut self, suite: Suite) -> World {
        Arc::get_mut(&mut self.context).unwrap().suite = Arc::new(suite);
        self
    }

    pub(crate) fn developer_id(&self) -> DeveloperId {
        self.developer.id
    }

    /// The same world with other caps, before anything runs.
    pub(crate) fn with_caps(mut self, caps: Caps) -> World {
        Arc::get_mut(&mut self.context).unwrap().lanes = Lanes::new(caps);
        self
    }

    /// The agent whose bid was chosen wants to be asked in another way.
    pub(crate) async fn is_asked(&self, task: TaskId, execution_mode: ExecutionMode) {
        let won = self.context.store.selected_bid(task).await.unwrap().unwrap();
        let (agent, _) = self.context.store.agent(won.agent).await.unwrap().unwrap();
        self.context.store.update_agent(&Agent { execution_mode, ..agent }, self.now()).await.unwrap();
    }

    /// The developer replaces the key that its agents are shown.
    pub(crate) async fn replaces_its_key(&self) -> String {
        let key = new_developer_key(&*self.context.chance);
        let context = developer_key_context(self.developer.id);
        let sealed = self.context.vault.seal(key.expose(), &context, &*self.context.chance);
        self.context.store.replace_developer_key(self.developer.id, &sealed).await.unwrap();
        key.expose().to_owned()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.context.clock.now()
    }

    pub(crate) fn run(&self) -> Running {
        let stop = CancellationToken::new();
        let task = tokio::spawn(gavel_orchestrator::run(Arc::clone(&self.context), stop.clone()));
        Running { stop, task }
    }

    /// Another process's loop on the same database, which calls the same agents.
    pub(crate) fn run_beside(&self, store: Store) -> Running {
        let Context { clock, chance, vault, suite, settings, .. } = &*self.context;
        let context = Arc::new(Context {
            candidates: candidates(&store, settings),
            store,
            clock: Arc::clone(clock),
            chance: Arc::clone(chance),
            vault: Arc::clone(vault),
            transport: Arc::clone(&self.transport) as Arc<dyn Transport>,
            lanes: Default::default(),
            judges: Arc::new(tokio::sync::Semaphore::new(2)),
            suite: Arc::clone(suite),
            wanted: Arc::default(),
            outage: Arc::default(),
            settings: Settings { owner: "beside".to_owned(), ..settings.clone() },
        });
        let stop = CancellationToken::new();
        let task = tokio::spawn(gavel_orchestrator::run(context, stop.clone()));
        Running { stop, task }
    }

    /// Registers an agent. Its luck in the draw depends on its name alone.
    pub(crate) async fn agent(&self, slug: &'static str, script: Script) {
        self.agent_that_takes(8, slug, script).await;
    }

    /// An agent that takes so many calls at once.
    pub(crate) async fn agent_that_takes(&self, max_concurrency: u32, slug: &'static str, script: Script) {
        self.agent_like((ExecutionMode::Sync, max_concurrency), slug, script).await;
    }

    /// An agent that is asked in this way.
    pub(crate) async fn agent_like(
        &self,
        (execution_mode, max_concurrency): (ExecutionMode, u32),
        slug: &'static str,
        script: Script,
    ) {
        let (now, chance) = (self.now(), &*self.context.chance);
        let id = AgentId::new(now, chance);
        let agent = Agent {
            id,
            draw_number: slug.bytes().fold(7, |n, b| n * 31 + u64::from(b)),
            developer: self.developer.id,
            test: false,
            name: slug.to_owned(),
            slug: slug.to_owned(),
            description: String::new(),
            capabilities: vec!["content-writing".to_owned()],
            specialist_task_types: vec![],
            framework: None,
            model: None,
            endpoint_url: format!("https://agents.example.com/{slug}"),
            execution_mode,
            max_concurrency,
            min_price: Money::ZERO,
            active: true,
            visibility: Visibility::Live,
            paused: false,
            health: Default::default(),
            created_at: now,
            activated_at: Some(now),
        };
        self.context.store.add_agent(&agent, &self.sealed_secret(id)).await.unwrap();
        self.transport.scripts.lock().unwrap().insert(slug.to_owned(), script);
    }

    /// A signing secret as it is stored.
    pub(crate) fn sealed_secret(&self, agent: AgentId) -> Vec<u8> {
        let secret = new_signing_secret(&*self.context.chance);
        self.context.vault.seal(secret.expose(), &agent_secret_context(agent), &*self.context.chance)
    }

    pub(crate) async fn post(&self) -> TaskId {
        self.post_for(self.buyer, Routing::default()).await
    }

    pub(crate) const fn buyer(&self) -> AccountId {
        self.buyer
    }

    /// A task that only some agents may be asked for.
    pub(crate) async fn post_to(&self, routing: Routing) -> TaskId {
        self.post_for(self.buyer, routing).await
    }

    /// A task of this buyer.
    pub(crate) async fn post_for(&self, account: AccountId, routing: Routing) -> TaskId {
        let wishes = Wishes { experimentation_milli: 300, routing, ..Wishes::default() };
        self.post_with(account, |task| Task { wishes, ..task }).await
    }

    /// A task of this buyer with something else about it.
    pub(crate) async fn post_with(&self, account: AccountId, change: impl FnOnce(Task) -> Task) -> TaskId {
        let now = self.now();
        let brief = Brief {
            title: "A guide to unit tests".to_owned(),
            description: "Write a guide to unit tests for people who never wrote one.".to_owned(),
            category: "content-writing".to_owned(),
            task_type: "blog-post".to_owned(),
            ..Brief::default()
        };
        let (id, budget) = (TaskId::new(now, &*self.context.chance), Money::from_minor(2500));
        let task = change(Task::posted(id, account, (brief, budget), now));
        self.context.store.create_task(&task).await.unwrap();
        task.id
    }

    pub(crate) async fn state(&self, task: TaskId) -> TaskState {
        self.context.store.task(task).await.unwrap().unwrap().state
    }

    pub(crate) async fn reason(&self, task: TaskId) -> Option<String> {
        self.context.store.task(task).await.unwrap().unwrap().reason
    }

    pub(crate) async fn until(&self, task: TaskId, state: TaskState) {
        wait(&format!("the task is {state}"), async || self.state(task).await == state).await;
    }

    /// The agents have had their time.
    pub(crate) async fn until_over(&self, task: TaskId) {
        let over = async || matches!(self.state(task).await, TaskState::Review | TaskState::Expired);
        wait("the phase is over", over).await;
    }

    pub(crate) async fn until_bids(&self, task: TaskId, bids: usize) {
        let scored = async || {
            let gallery = self.context.store.gallery(task).await.unwrap();
            gallery.iter().filter(|g| g.bid.score.is_some()).count() >= bids
        };
        wait("the bids are in and scored", scored).await;
    }

    pub(crate) async fn until_delivery(&self, task: TaskId, status: DeliveryStatus) {
        let there = async || {
            let delivery = self.context.store.latest_delivery(task).await.unwrap();
            delivery.is_some_and(|d| d.status == status)
        };
        wait("the delivery is there", there).await;
    }

    /// What an agent brings to our door for one of its calls, as the API takes it.
    pub(crate) async fn brings(&self, key: ExchangeKey, message: &str, said: Result<&str, Outcome>) -> Taken {
        let dispatch = self.context.store.dispatch(key).await.unwrap().unwrap();
        let answer = said.ok().map(|text| Answer {
            full_text: text.to_owned(),
            summary: "A finished guide.".to_owned(),
            message: None,
            artifacts: Vec::new(),
            token_usage: None,
            price: Money::from_minor(2000),
        });
        let outcome = said.err().unwrap_or(Outcome::Valid);
        let arrived = Arrived {
            message_id: message.to_owned(),
            lease: None,
            outcome,
            code: outcome.name().to_owned(),
            answer,
            warnings: Vec::new(),
            error_body: None,
            at: self.now(),
        };
        let bid = BidId::new(self.now(), &*self.context.chance);
        let until = self.now() + self.context.settings.timers.answer_window;
        self.context.store.take_result(&dispatch, key, &arrived, bid, until).await.unwrap()
    }

    /// The exchange that an agent of a task has in this mode.
    pub(crate) async fn key(&self, task: TaskId, slug: &str, mode: Mode) -> ExchangeKey {
        let dispatches = self.context.store.dispatches(task, 1).await.unwrap();
        let dispatch = dispatches.into_iter().find(|d| d.agent_slug == slug).unwrap();
        ExchangeKey { invitation: dispatch.invitation.id, mode, revision: 0 }
    }

    /// What a worker of the developer's agents gets when it asks; waits until there is something.
    pub(crate) async fn fetches(&self) -> Fetched {
        let worker = Worker { developer: self.developer.id, test: false, agent: None };
        let fetch = async || {
            let now = self.now();
            let fresh = || AttemptId::new(now, &*self.context.chance);
            let lease = self.context.settings.timers.pull_lease;
            self.context.store.fetch(&worker, (1, lease), now, fresh).await.unwrap().pop()
        };
        let fetched = tokio::time::timeout(PATIENCE, async {
            loop {
                match fetch().await {
                    Some(fetched) => return fetched,
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        fetched.await.expect("there is something to fetch")
    }

    /// Waits until an asynchronous agent's acknowledgement of a call is stored.
    pub(crate) async fn until_acknowledged(&self, key: ExchangeKey) {
        let acknowledged = async || {
            let dispatch = self.context.store.dispatch(key).await.unwrap().unwrap();
            dispatch.exchange.is_some_and(|exchange| exchange.acknowledged_at.is_some())
        };
        wait("the brief is acknowledged", acknowledged).await;
    }

    /// Slugs with their outcomes, by slug.
    pub(crate) async fn outcomes(&self, task: TaskId) -> Vec<(&'static str, Outcome)> {
        let dispatches = self.context.store.dispatches(task, 1).await.unwrap();
        let mut outcomes: Vec<_> = dispatches
            .into_iter()
            .map(|d| (&*d.agent_slug.leak(), d.invitation.ended.unwrap().outcome))
            .collect();
        outcomes.sort();
        outcomes
    }

    pub(crate) async fn select(&self, task: TaskId, bid: BidId) -> Result<(), Refusal> {
        self.context.store.select(task, bid, self.now()).await.unwrap().map(|_| ())
    }

    pub(crate) async fn approve(&self, task: TaskId) -> Result<(), Refusal> {
        let id = TransferId::new(self.now(), &*self.context.chance);
        let settle = Settlement { currency: "USD".to_owned(), fee: BasisPoints(1500), id };
        self.context.store.approve(task, Some(&settle), self.now()).await.unwrap().map(|_| ())
    }
}

fn settings(window: Duration) -> Settings {
    let window = chrono::TimeDelta::from_std(window).unwrap();
    Settings {
        owner: "test".to_owned(),
        lease: chrono::TimeDelta::seconds(30),
        drain: Duration::ZERO,
        tasks_at_once: 8,
        recovery: Recovery::default(),
        timers: Timers {
            phase: chrono::TimeDelta::seconds(4),
            prototype_call: chrono::TimeDelta::seconds(2),
            final_call: chrono::TimeDelta::seconds(2),
            prototype_call_by_category: Default::default(),
            final_call_by_category: Default::default(),
            review_window: window,
            answer_window: window,
            on_silence: Silence::Approve,
            async_call: chrono::TimeDelta::seconds(3),
            acknowledge: chrono::TimeDelta::seconds(1),
            pull_lease: chrono::TimeDelta::seconds(1),
            revisions_max: 2,
        },
        money: MoneyPolicy {
            mode: MoneyMode::Ledger,
            fee: BasisPoints(1500),
            settlement: chrono::TimeDelta::days(2),
            budget_min: Money::from_minor(300),
            budget_max: Money::from_minor(50_000),
        },
        currency: Currency::new("USD").unwrap(),
        agents_min: 1,
        busy_wait: chrono::TimeDelta::seconds(8),
        forced_seed: Some(42),
        rubrics: gavel_judge::Rubrics::default(),
        benchmark: Default::default(),
        user_agent: "AITasker/1.0 (Agent Executor)".to_owned(),
        public_url: "https://gavel.example.com".to_owned(),
        alarms: Default::default(),
        retention: Default::default(),
        health: probes::Settings { limit: Duration::from_millis(200), ..probes::Settings::default() },
        webhooks: Default::default(),
    }
}

/// Who could be asked, by the shipped rules.
fn candidates(store: &Store, settings: &Settings) -> Arc<Candidates> {
    Arc::new(Candidates::new(store.clone(), Arc::default(), settings.money.mode != MoneyMode::Off))
}

pub(crate) async fn wait(what: &str, done: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain until {what}");
}

/// How an agent behaves, send by send; the last way repeats.
pub(crate) struct Script(Vec<Behaviour>);

#[derive(Clone)]
enum Behaviour {
    Answer(Duration, String),
    Status(u16),
    Hang,
}

impl Script {
    pub(crate) fn answers(text: &str) -> Self {
        Self::slow(Duration::ZERO, text)
    }

    pub(crate) fn slow(after: Duration, text: &str) -> Self {
        Script(vec![Behaviour::Answer(after, text.to_owned())])
    }

    pub(crate) fn status(status: u16) -> Self {
        Script(vec![Behaviour::Status(status)])
    }

    pub(crate) fn hangs() -> Self {
        Script(vec![Behaviour::Hang])
    }

    pub(crate) fn then_slow(mut self, after: Duration, text: &str) -> Self {
        self.0.push(Behaviour::Answer(after, text.to_owned()));
        self
    }

    pub(crate) fn then_status(mut self, status: u16) -> Self {
        self.0.push(Behaviour::Status(status));
        self
    }
}

/// A text of about so many words, all different sentences.
pub(crate) fn text(words: usize) -> String {
    let topics =
        ["unit", "tests", "guide", "people", "wrote", "assertion", "refactor", "failure", "module", "case"];
    let sentence = |i: usize| {
        let topic = |n: usize| topics[(i * n + n) % topics.len()];
        format!("Point {i} shows how a {} helps {} with the {} in practice.", topic(1), topic(3), topic(7))
    };
    let sentences: Vec<String> = (0..words.div_ceil(11)).map(sentence).collect();
    sentences.chunks(4).map(|paragraph| paragraph.join(" ")).collect::<Vec<_>>().join("\n\n")
}

/// Agents behind one made-up host: the path is the agent's name.
#[derive(Default)]
pub(crate) struct Scripts {
    scripts: Mutex<HashMap<String, Script>>,
    sent: Mutex<Vec<(String, Request)>>,
    open: AtomicUsize,
    pub(crate) health: HealthScripts,
}

/// Counts a call as open until it is answered or dropped.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Scripts {
    pub(crate) fn sends_to(&self, slug: &str) -> usize {
        self.sent.lock().unwrap().iter().filter(|(to, _)| to == slug).count()
    }

    pub(crate) fn header(&self, slug: &str, name: &str) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        let to_slug = sent.iter().filter(|(to, _)| to == slug);
        to_slug
            .flat_map(|(_, r)| r.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()))
            .collect()
    }

    /// The names of the headers of each request to an agent, in their order.
    pub(crate) fn header_names(&self, slug: &str) -> Vec<Vec<String>> {
        let sent = self.sent.lock().unwrap();
        let to_slug = sent.iter().filter(|(to, _)| to == slug);
        to_slug
            .map(|(_, request)| request.headers.iter().map(|(name, _)| name.to_string()).collect())
            .collect()
    }

    /// What an agent was sent, as JSON.
    pub(crate) fn bodies(&self, slug: &str) -> Vec<serde_json::Value> {
        let sent = self.sent.lock().unwrap();
        let to_slug = sent.iter().filter(|(to, _)| to == slug);
        to_slug.map(|(_, request)| serde_json::from_slice(&request.body).unwrap()).collect()
    }

    /// From now on an agent takes so long for the same work.
    pub(crate) fn slow_down(&self, slug: &str, after: Duration) {
        for behaviour in &mut self.scripts.lock().unwrap().get_mut(slug).unwrap().0 {
            if let Behaviour::Answer(before, _) = behaviour {
                *before = after;
            }
        }
    }

    pub(crate) fn open_calls(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) async fn until_called(&self, slug: &str) {
        self.until_sends(slug, 1).await;
    }

    pub(crate) async fn until_sends(&self, slug: &str, sends: usize) {
        wait("the agent was called", async || self.sends_to(slug) >= sends).await;
    }

    pub(crate) async fn until_idle(&self) {
        wait("no call is open", async || self.open_calls() == 0).await;
    }

    fn behaviour(&self, slug: &str) -> Behaviour {
        let nth = self.sends_to(slug) - 1;
        let scripts = self.scripts.lock().unwrap();
        let script = &scripts[slug].0;
        script[nth.min(script.len() - 1)].clone()
    }
}

#[async_trait]
impl Transport for Scripts {
    async fn send(&self, request: Request) -> Result<Reply, SendFailure> {
        if request.method == Method::Get {
            return self.health.answer(request).await;
        }
        let slug = request.url.rsplit('/').next().unwrap().to_owned();
        self.sent.lock().unwrap().push((slug.clone(), request));
        self.open.fetch_add(1, Ordering::SeqCst);
        let _open = Open(&self.open);
        match self.behaviour(&slug) {
            Behaviour::Answer(after, text) => {
                tokio::time::sleep(after).await;
                let body = serde_json::json!({ "full_text": text, "summary": "A finished guide." });
                Ok(Reply { status: 200, body: body.to_string().into(), ..Reply::default() })
            }
            Behaviour::Status(status) => Ok(Reply { status, ..Reply::default() }),
            Behaviour::Hang => {
                tokio::time::sleep(PATIENCE).await;
                Err(SendFailure::new(FailureKind::Timeout, "hung"))
            }
        }
    }
}
