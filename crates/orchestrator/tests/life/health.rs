//! Agents that fail and recover, through the real loop of probes, under a clock that stands still.

use crate::world::{Running, Script, World, text, wait};
use chrono::TimeDelta;
use gavel_dispatcher::transport::{Method, Reply, Request, SendFailure};
use gavel_domain::agent::{Agent, ExecutionMode, Visibility};
use gavel_domain::health::Rules;
use gavel_domain::invitation::Probe;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{AgentId, Clock, Timestamp};
use gavel_orchestrator::probes;
use gavel_store::pull::Worker;
use gavel_testkit::ManualClock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longer than the longest pause between two probes.
const TURN: TimeDelta = TimeDelta::seconds(73);

/// What agents answer to probes, and what they were asked.
#[derive(Default)]
pub(crate) struct HealthScripts {
    answers: Mutex<HashMap<String, Answer>>,
    asked: Mutex<Vec<(String, Request)>>,
    hanging: AtomicUsize,
}

#[derive(Clone)]
enum Answer {
    Says(u16, String),
    Hangs,
    Panics,
}

/// Counts a probe as hanging until it is given up.
struct Hanging<'a>(&'a AtomicUsize);

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl HealthScripts {
    /// Who was not told otherwise is well.
    pub(crate) async fn answer(&self, request: Request) -> Result<Reply, SendFailure> {
        let slug = request.url.rsplit('/').nth(1).unwrap().to_owned();
        let answer = self.answers.lock().unwrap().get(&slug).cloned();
        self.asked.lock().unwrap().push((slug, request));
        match answer.unwrap_or_else(|| Answer::Says(200, r#"{"status":"ok"}"#.to_owned())) {
            Answer::Says(status, body) => Ok(Reply { status, body: body.into(), ..Reply::default() }),
            Answer::Panics => panic!("a probe was sent"),
            Answer::Hangs => {
                self.hanging.fetch_add(1, Ordering::SeqCst);
                let _hanging = Hanging(&self.hanging);
                std::future::pending().await
            }
        }
    }

    fn asked(&self, slug: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(to, _)| to == slug).count()
    }

    fn hanging(&self) -> usize {
        self.hanging.load(Ordering::SeqCst)
    }
}

/// A world with a clock of its own, in which agents are probed.
struct Ward {
    world: World,
    clock: Arc<ManualClock>,
    probes: Running,
}

impl Ward {
    async fn new() -> Ward {
        Self::with(probes::Settings::default()).await
    }

    async fn with(settings: probes::Settings) -> Ward {
        let (mut world, clock) = (World::new().await, Arc::new(ManualClock::new()));
        let context = Arc::get_mut(&mut world.context).expect("nobody else has it yet");
        context.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        context.settings.health = settings;
        let stop = CancellationToken::new();
        let probes = Running::start(stop.clone(), probes::run(Arc::clone(&world.context), stop));
        Ward { world, clock, probes }
    }

    async fn agent(&self, slug: &'static str) {
        self.world.agent(slug, Script::answers(&text(200))).await;
        self.ring();
    }

    /// The loop looks again at once; otherwise it would within a second.
    fn ring(&self) {
        probes::before_dispatch(&self.world.context, []);
    }

    fn says(&self, slug: &str, status: u16, body: &str) {
        let answer = Answer::Says(status, body.to_owned());
        self.health().answers.lock().unwrap().insert(slug.to_owned(), answer);
    }

    fn hangs(&self, slug: &str) {
        self.health().answers.lock().unwrap().insert(slug.to_owned(), Answer::Hangs);
    }

    fn panics(&self, slug: &str) {
        self.health().answers.lock().unwrap().insert(slug.to_owned(), Answer::Panics);
    }

    fn health(&self) -> &HealthScripts {
        &self.world.transport.health
    }

    async fn stored(&self, slug: &str) -> Agent {
        let store = &self.world.context.store;
        let facts = store.candidates("content-writing", false, Timestamp::default()).await.unwrap();
        facts.into_iter().find(|facts| facts.agent.slug == slug).unwrap().agent
    }

    async fn id(&self, slug: &str) -> AgentId {
        self.stored(slug).await.id
    }

    async fn until(&self, slug: &str, what: &str, holds: impl Fn(&Agent) -> bool) {
        wait(what, async || holds(&self.stored(slug).await)).await;
    }

    /// The next probe comes, and the agent has failed so many in a row then.
    async fn next_probe(&self, slug: &str, fails: u32) {
        self.clock.advance(TURN);
        self.ring();
        self.until(slug, &format!("{fails} probes have failed"), |agent| agent.health.fails == fails).await;
    }

    /// Where a new task ends or waits.
    async fn state_of_a_task(&self, state: TaskState) {
        let loop_ = self.world.run();
        let task = self.world.post().await;
        self.world.until(task, state).await;
        loop_.stop().await;
    }
}

const OK: &str = r#"{"status":"ok"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn three_failures_take_an_agent_out_and_one_success_brings_it_back() {
    let ward = Ward::new().await;
    ward.says("atlas", 500, "");
    ward.agent("atlas").await;
    ward.until("atlas", "the first probe has failed", |agent| agent.health.fails == 1).await;
    ward.next_probe("atlas", 2).await;
    ward.state_of_a_task(TaskState::Review).await;
    ward.next_probe("atlas", 3).await;
    ward.state_of_a_task(TaskState::Expired).await;
    let failing = ward.stored("atlas").await.health;
    assert_eq!((failing.last_probe, failing.probed_at), (Probe::Failing, Some(ward.clock.now())));
    assert_eq!(failing.failing_since, Some(ward.clock.now() - TURN * 2));
    assert!(failing.problem.unwrap().contains("answered 500"));

    ward.says("atlas", 200, OK);
    ward.clock.advance(TimeDelta::seconds(37)); // out of the pool it is probed twice as often
    ward.ring();
    ward.until("atlas", "it is well again", |agent| agent.health.last_probe == Probe::Passing).await;
    let well = ward.stored("atlas").await.health;
    assert_eq!((well.fails, well.failing_since, well.problem), (0, None, None));
    ward.state_of_a_task(TaskState::Review).await;
    ward.probes.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_flaps_stays() {
    let ward = Ward::new().await;
    ward.says("atlas", 200, "all is well");
    ward.agent("atlas").await;
    ward.until("atlas", "the first probe has failed", |agent| agent.health.fails == 1).await;
    for _ in 0..2 {
        ward.next_probe("atlas", 2).await;
        ward.says("atlas", 200, OK);
        ward.next_probe("atlas", 0).await;
        ward.says("atlas", 503, OK);
        ward.next_probe("atlas", 1).await;
    }
    ward.state_of_a_task(TaskState::Review).await;
    ward.probes.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_for_too_long_is_hidden_and_probed_no_more() {
    let rules = Rules { hide_after: Some(TURN * 4), ..Rules::default() };
    let ward = Ward::with(probes::Settings { rules, ..probes::Settings::default() }).await;
    ward.says("atlas", 404, "");
    ward.agent("atlas").await;
    ward.until("atlas", "the first probe has failed", |agent| agent.health.fails == 1).await;
    for fails in 2..=4 {
        ward.next_probe("atlas", fails).await;
        assert_eq!(ward.stored("atlas").await.visibility, Visibility::Live);
    }
    ward.next_probe("atlas", 5).await;
    let hidden = ward.stored("atlas").await;
    assert_eq!(hidden.visibility, Visibility::Hidden);
    let reason = hidden.health.problem.unwrap();
    assert!(reason.starts_with("hidden, because it has been failing since 2026-01-01T00:00:00Z"), "{reason}");
    assert!(reason.contains("answered 404"), "{reason}");

    ward.says("atlas", 200, OK);
    ward.agent("other").await;
    ward.until("other", "another is probed", |agent| agent.health.last_probe == Probe::Passing).await;
    ward.clock.advance(TURN);
    ward.ring();
    wait("another is probed again", async || ward.health().asked("other") == 2).await;
    assert_eq!(ward.health().asked("atlas"), 5, "it waits for an operator");
    ward.probes.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_and_drift_are_recorded_and_are_no_failure() {
    let ward = Ward::new().await;
    ward.says("atlas", 200, r#"{"status":"ok","version":"2.1","agent":"atlas","capabilities":["poetry"]}"#);
    ward.agent("atlas").await;
    ward.until("atlas", "it is well", |agent| agent.health.last_probe == Probe::Passing).await;
    let health = ward.stored("atlas").await.health;
    assert_eq!((health.version.as_deref(), health.fails), (Some("2.1"), 0));
    let drift = health.drift.unwrap();
    assert!(drift.contains("content-writing") && drift.contains("poetry"), "{drift}");
    ward.probes.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_carries_no_key_and_no_secret() {
    let ward = Ward::new().await;
    ward.agent("atlas").await;
    ward.until("atlas", "it is probed", |agent| agent.health.last_probe == Probe::Passing).await;
    let asked = ward.health().asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    let (_, request) = &asked[0];
    assert_eq!(request.method, Method::Get);
    assert_eq!(request.url, "https://agents.example.com/atlas/health");
    assert!(request.body.is_empty());
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["User-Agent", "Accept"]);
    let secret = |value: &str| value.contains("ait_") || value.contains("whsec_");
    assert!(!request.headers.iter().any(|(_, value)| secret(value)));
    ward.probes.stop().await;
}

/// The only place of the loop is taken by a probe that never ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_health_endpoint_that_hangs_delays_no_dispatch() {
    let limit = Duration::from_secs(3600);
    let ward = Ward::with(probes::Settings { limit, at_once: 1, ..probes::Settings::default() }).await;
    ward.hangs("atlas");
    ward.agent("atlas").await;
    wait("its probe hangs", async || ward.health().hanging() == 1).await;
    ward.clock.advance(TURN);
    probes::before_dispatch(&ward.world.context, [ward.id("atlas").await]); // returns, or the test ends here
    ward.state_of_a_task(TaskState::Review).await;
    assert_eq!((ward.health().hanging(), ward.health().asked("atlas")), (1, 1), "it still hangs");
    let Ward { probes, world, .. } = ward;
    probes.stop().await;
    assert_eq!(world.transport.health.hanging(), 0, "it was given up when the loop stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_endpoint_that_hangs_fails_when_its_time_is_over() {
    let limit = Duration::from_millis(50);
    let ward = Ward::with(probes::Settings { limit, ..probes::Settings::default() }).await;
    ward.hangs("atlas");
    ward.agent("atlas").await;
    ward.until("atlas", "the probe has failed", |agent| agent.health.fails == 1).await;
    assert!(ward.stored("atlas").await.health.problem.unwrap().contains("within 0.05 s"));
    ward.probes.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_dispatch_only_agents_are_probed_that_nobody_looked_at_lately() {
    let ward = Ward::new().await;
    ward.agent("atlas").await;
    ward.until("atlas", "it is probed", |agent| agent.health.last_probe == Probe::Passing).await;
    let atlas = ward.id("atlas").await;
    ward.clock.advance(TimeDelta::seconds(29));
    probes::before_dispatch(&ward.world.context, [atlas]);
    ward.agent("other").await; // its probe comes after the wish for the other's was taken
    ward.until("other", "it is probed", |agent| agent.health.last_probe == Probe::Passing).await;
    assert_eq!(ward.health().asked("atlas"), 1);

    ward.says("atlas", 503, "");
    ward.clock.advance(TimeDelta::seconds(30));
    probes::before_dispatch(&ward.world.context, [atlas]);
    ward.until("atlas", "the probe beside the dispatch has failed", |agent| agent.health.fails == 1).await;
    ward.probes.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_well_while_it_asks_for_work_and_is_never_called() {
    let ward = Ward::new().await;
    ward.agent("atlas").await;
    ward.until("atlas", "it is probed", |agent| agent.health.last_probe == Probe::Passing).await;
    let atlas = ward.stored("atlas").await;
    let worker = Agent {
        id: AgentId::new(ward.clock.now(), &*ward.world.context.chance),
        draw_number: 1,
        slug: "worker".to_owned(),
        execution_mode: ExecutionMode::Pull,
        ..atlas
    };
    ward.world.context.store.add_agent(&worker, b"sealed").await.unwrap();
    ward.ring();
    ward.until("worker", "it fails", |agent| agent.health.fails == 1).await;
    assert!(ward.stored("worker").await.health.problem.unwrap().contains("no worker has asked"));

    ward.clock.advance(TURN);
    let asks = Worker { developer: worker.developer, test: false, agent: Some("worker".to_owned()) };
    ward.world.context.store.seen(&asks, ward.clock.now()).await.unwrap();
    ward.ring();
    ward.until("worker", "it is well", |agent| agent.health.last_probe == Probe::Passing).await;
    ward.clock.advance(TimeDelta::seconds(91));
    ward.ring();
    ward.until("worker", "it is gone again", |agent| agent.health.fails == 1).await;
    assert_eq!(ward.health().asked("worker"), 0);
    ward.probes.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_does_not_end_the_loop() {
    let mut ward = Ward::new().await;
    ward.agent("atlas").await;
    ward.until("atlas", "it is probed", |agent| agent.health.last_probe == Probe::Passing).await;
    ward.world.context.store.close().await;
    for _ in 0..3 {
        ward.ring();
        tokio::task::yield_now().await;
    }
    assert!(ward.probes.is_running(Duration::from_millis(100)).await);
    ward.probes.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_panics_stops_no_other_and_is_not_made_again_at_once() {
    let ward = Ward::new().await;
    ward.panics("bomb");
    ward.agent("bomb").await;
    wait("it was probed", async || ward.health().asked("bomb") == 1).await;
    ward.agent("fine").await;
    ward.until("fine", "the other one is probed", |agent| agent.health.last_probe == Probe::Passing).await;
    for _ in 0..20 {
        ward.ring();
        tokio::task::yield_now().await;
    }
    assert_eq!(ward.health().asked("bomb"), 1, "its probe is not lost before its time");

    ward.says("bomb", 200, r#"{"status":"ok"}"#);
    ward.clock.advance(TURN);
    ward.ring();
    ward.until("bomb", "it is probed again", |agent| agent.health.last_probe == Probe::Passing).await;
    ward.probes.stop().await;
}
