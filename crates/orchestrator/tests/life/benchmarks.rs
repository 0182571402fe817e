//! Benchmarks through both loops: tasks like any other, one after the other, and what becomes of the agent.

use crate::world::{Running, Script, World, text, wait};
use gavel_contract::rest::{BenchmarkCategory, BenchmarkFeedback};
use gavel_domain::agent::{ExecutionMode, Visibility};
use gavel_domain::benchmark::{Purpose, Rules, RunStatus};
use gavel_domain::event::Actor;
use gavel_domain::exchange::Taken;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::task::Routing;
use gavel_domain::{AgentId, BenchmarkRunId, Currency, Ppm};
use gavel_judge::benchmark::Suite;
use gavel_judge::{Rubrics, judge};
use gavel_store::benchmarks::{Run, RunTask};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const CATEGORY: &str = "content-writing";
/// What is right in the tasks, and must not be learnt from a report.
const ANSWER: &str = "4711";

/// Three tasks in which nothing is drawn: whoever knows one good answer has one for all.
fn suite() -> Suite {
    suite_for("25.00")
}

/// The same for another budget.
fn suite_for(budget: &str) -> Suite {
    let task = format!(
        r#"
task_type = "blog-post"
budget = "{budget}"
title = "A guide to unit tests"
description = """Write a guide to unit tests for people who never wrote one. Our team has 4700 tests and adds 11; say \
how many that makes. It has a part "Reasons" and a part "Habits"."""
checks = [
  {{ kind = "fact", says = "{ANSWER}", near = ["tests"], must = true }},
  {{ kind = "section", name = "Reasons", must = true }},
  {{ kind = "section_words", name = "Habits", count = 20, must = true }},
]
[good]
summary = "A guide."
full_text = """
## Reasons

With the new ones the team has {ANSWER} tests. Each of them is a promise that somebody wrote down: this part did what \
we wanted on the day it was finished, and it will tell us when that changes. Whoever repairs a bug on a Friday evening \
does not have to remember every corner of the program, because the computer remembers it for them. A newcomer reads \
the names of the tests and learns what the product is for, long before the manual arrives.

## Habits

- Begin with one small function, such as the one that adds the tax to a price.
- Write down an example with numbers you can check by hand, then let the machine compare.
- Break the function on purpose and watch the test turn red; only then do you know that it looks at the right thing.

Keep every test short, so that a failure points at a single cause. Give it a name that reads like a sentence, and \
leave out whatever does not matter for the example. Clocks, networks and random numbers are handed in from outside: \
then the same run gives the same result tomorrow. When a customer finds a mistake, first write the test that shows it, \
and repair the code afterwards. After a month of this habit you will change old code without holding your breath.
"""
"#
    );
    let names = ["easy", "typical", "hard"].map(|level| format!("{CATEGORY}/{level}.toml"));
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), task.as_str())).collect();
    Suite::read(&files).unwrap()
}

/// A work that does all that is asked.
fn good() -> String {
    suite().of(CATEGORY)[0].instance(1).good.full_text
}

/// What that work scores.
fn score_of_good() -> Ppm {
    let instance = suite().of(CATEGORY)[0].instance(1);
    judge(&instance.yardstick(), &instance.good, &Rubrics::default().for_category(CATEGORY)).composite
}

struct Loops([Running; 2]);

impl Loops {
    async fn stop(self) {
        for one in self.0 {
            one.stop().await;
        }
    }

    async fn die(self) {
        for one in self.0 {
            one.dies().await;
        }
    }
}

impl World {
    async fn with_suite() -> World {
        World::new().await.with_benchmarks(suite())
    }

    fn run_all(&self) -> Loops {
        Loops([self.run(), self.run_benchmarks()])
    }

    fn run_benchmarks(&self) -> Running {
        let stop = CancellationToken::new();
        let benchmarks = gavel_orchestrator::benchmarks::run(Arc::clone(&self.context), stop.clone());
        Running::start(stop, benchmarks)
    }

    /// A registered agent that has to pass first.
    async fn newcomer(&self, how: ExecutionMode, slug: &'static str, script: Script) -> AgentId {
        self.agent_like((how, 8), slug, script).await;
        let developer = self.developer_id();
        let agents = self.context.store.agents_of(developer, false).await.unwrap();
        let id = agents.iter().find(|(agent, _)| agent.slug == slug).unwrap().0.id;
        let mut deed = self.context.store.deed().await.unwrap();
        deed.await_benchmark(id, true).await.unwrap();
        deed.commit(|_| unreachable!("under no key")).await.unwrap();
        id
    }

    async fn begin(&self, agent: AgentId) -> BenchmarkRunId {
        let id = BenchmarkRunId::new(self.now(), &*self.context.chance);
        let categories = vec![CATEGORY.to_owned()];
        let run = Run::begun(id, (agent, self.developer_id()), categories, self.now());
        let mut deed = self.context.store.deed().await.unwrap();
        deed.begin_benchmark(&run).await.unwrap();
        deed.commit(|_| unreachable!("under no key")).await.unwrap();
        id
    }

    async fn run_of(&self, id: BenchmarkRunId) -> (Run, Vec<RunTask>) {
        self.context.store.benchmark(id).await.unwrap().unwrap()
    }

    async fn until_ended(&self, id: BenchmarkRunId) -> (Run, Vec<RunTask>) {
        wait("the benchmark is over", async || self.run_of(id).await.0.status != RunStatus::Running).await;
        self.run_of(id).await
    }

    /// The run's present task, once it has one at this position whose agent is at work.
    async fn at_work(&self, id: BenchmarkRunId, position: u32) -> RunTask {
        wait("the task is with its agent", async || {
            let (run, tasks) = self.run_of(id).await;
            run.position == position && self.state(tasks.last().unwrap().task).await == TaskState::Prototyping
        })
        .await;
        self.run_of(id).await.1.pop().unwrap()
    }

    async fn is_active(&self, agent: AgentId) -> bool {
        let (agent, record) = self.context.store.agent(agent).await.unwrap().unwrap();
        assert_eq!(record, Default::default(), "nothing of a benchmark enters the record");
        agent.active
    }
}

fn verdict(run: &Run) -> Vec<BenchmarkCategory> {
    serde_json::from_str(run.verdict.as_ref().unwrap()).unwrap()
}

fn feedback(task: &RunTask) -> BenchmarkFeedback {
    serde_json::from_str(task.ended.as_ref().unwrap().report.as_ref().unwrap()).unwrap()
}

fn outcomes(tasks: &[RunTask]) -> Vec<Option<Outcome>> {
    tasks.iter().map(|task| task.ended.as_ref().unwrap().outcome).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_well_is_active_and_was_asked_as_for_real_tasks() {
    let world = World::with_suite().await;
    let agent =
        world.newcomer(ExecutionMode::Sync, "new", Script::slow(Duration::from_millis(20), &good())).await;
    let loops = world.run_all();
    let (run, tasks) = world.until_ended(world.begin(agent).await).await;
    assert_eq!(run.status, RunStatus::Passed, "{:?}", run.verdict);
    assert_eq!(tasks.iter().map(|task| task.level.as_str()).collect::<Vec<_>>(), ["easy", "typical", "hard"]);
    let scored = tasks.iter().map(|task| task.ended.as_ref().unwrap().score).collect::<Vec<_>>();
    assert_eq!(scored, [Some(score_of_good()); 3]);
    let seeds: BTreeSet<u64> = tasks.iter().map(|task| task.seed).collect();
    assert_eq!(seeds.len(), 3, "each has its own numbers");
    assert_eq!(verdict(&run)[0].passed, Some(true));
    for task in &tasks {
        assert_eq!(world.state(task.task).await, TaskState::Cancelled);
        assert_eq!(world.reason(task.task).await.as_deref(), Some("benchmark_ended"));
        let events = world.context.store.events_after(task.task, 0, 99).await.unwrap();
        let (first, last) = (events.first().unwrap().at, events.last().unwrap().at);
        let others = tasks.iter().filter(|other| other.position > task.position);
        assert!(
            others.into_iter().all(|other| other.posted_at >= last && first <= last),
            "one after the other"
        );
    }
    assert!(world.is_active(agent).await);
    let (active, _) = world.context.store.agent(agent).await.unwrap().unwrap();
    assert_eq!(active.visibility, Visibility::Live);
    let shown = world.context.store.benchmark_scores(agent).await.unwrap();
    assert_eq!(shown[CATEGORY], [score_of_good(); 3]);

    let real = world.post_to(Routing { only: vec!["new".to_owned()], ..Routing::default() }).await;
    world.until(real, TaskState::Review).await;
    let names = world.transport.header_names("new");
    assert_eq!(names.len(), 4);
    assert!(names.iter().all(|these| *these == names[0]), "{names:?}");
    let bodies = world.transport.bodies("new");
    let keys = |body: &serde_json::Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&bodies[0]).len(), 12);
    assert!(bodies.iter().all(|body| keys(body) == keys(&bodies[0])));
    loops.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_badly_is_told_why_and_not_what_was_right() {
    let world = World::with_suite().await;
    let agent = world.newcomer(ExecutionMode::Sync, "new", Script::answers(&text(120))).await;
    let loops = world.run_all();
    let (run, tasks) = world.until_ended(world.begin(agent).await).await;
    assert_eq!(run.status, RunStatus::Failed);
    assert!(!world.is_active(agent).await);
    let told = &verdict(&run)[0];
    assert!(told.passed == Some(false) && !told.missing.is_empty(), "{told:?}");
    let feedback = feedback(&tasks[0]);
    assert_eq!(feedback.dimensions.len(), 5);
    let accuracy = &feedback.dimensions["factual_accuracy"].feedback;
    assert!(accuracy.iter().any(|line| line.contains("missing or wrong")), "{accuracy:?}");
    assert!(!feedback.gates.is_empty());
    let all = serde_json::to_string(&(
        tasks.iter().map(|t| &t.ended.as_ref().unwrap().report).collect::<Vec<_>>(),
        told,
    ));
    assert!(!all.unwrap().contains(ANSWER));
    loops.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_counts_as_nothing_and_is_told() {
    let world = World::with_suite().await;
    let script = Script::status(500).then_status(422).then_slow(Duration::ZERO, &good());
    let agent = world.newcomer(ExecutionMode::Sync, "new", script).await;
    let loops = world.run_all();
    let (run, tasks) = world.until_ended(world.begin(agent).await).await;
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(outcomes(&tasks), [Some(Outcome::ServerError), Some(Outcome::Declined), Some(Outcome::Valid)]);
    assert!(!world.is_active(agent).await);
    loops.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_outlives_the_process_and_posts_nothing_twice() {
    let world = World::with_suite().await;
    let script = Script::slow(Duration::from_millis(150), &good());
    let agent = world.newcomer(ExecutionMode::Sync, "new", script).await;
    let id = world.begin(agent).await;
    for position in 1..=3 {
        let loops = world.run_all();
        world.at_work(id, position).await;
        loops.die().await; // in the middle of a task
        world.context.store.end_leases(world.now()).await.unwrap();
    }
    let loops = world.run_all();
    let (run, tasks) = world.until_ended(id).await;
    assert_eq!((run.status, tasks.len()), (RunStatus::Passed, 3));
    assert!(world.is_active(agent).await);
    let ids: BTreeSet<_> = world.transport.header("new", "webhook-id").into_iter().collect();
    assert_eq!(ids.len(), 3, "what is sent again is sent under its own id");
    loops.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_while_nobody_looked_goes_on_and_two_who_look_post_one_task() {
    let world = World::with_suite().await;
    let agent = world.newcomer(ExecutionMode::Sync, "new", Script::answers(&good())).await;
    let id = world.begin(agent).await;
    let alone = world.run_benchmarks();
    wait("the first task is posted", async || world.run_of(id).await.0.position == 1).await;
    alone.dies().await;
    let loop_ = world.run();
    let first = world.run_of(id).await.1[0].task;
    world.until(first, TaskState::Cancelled).await;
    assert_eq!(world.run_of(id).await.0.position, 1, "nobody has looked");

    let both = Loops([world.run_benchmarks(), world.run_benchmarks()]);
    let (run, tasks) = world.until_ended(id).await;
    assert_eq!((run.status, tasks.len()), (RunStatus::Passed, 3));
    assert_eq!(world.transport.sends_to("new"), 3);
    both.stop().await;
    loop_.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_fetches_a_benchmark_like_any_other_task() {
    let world = World::with_suite().await;
    let agent = world.newcomer(ExecutionMode::Pull, "worker", Script::hangs()).await;
    let loops = world.run_all();
    let id = world.begin(agent).await;
    for message in ["one", "two", "three"] {
        let fetched = world.fetches().await;
        assert_eq!(world.brings(fetched.key, message, Ok(&good())).await, Taken::Accepted);
    }
    let (run, _) = world.until_ended(id).await;
    assert_eq!(run.status, RunStatus::Passed);
    assert!(world.is_active(agent).await);
    loops.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_never_comes_is_too_late() {
    let world = World::with_suite().await;
    let agent = world.newcomer(ExecutionMode::Pull, "worker", Script::hangs()).await;
    let loops = world.run_all();
    let (run, tasks) = world.until_ended(world.begin(agent).await).await;
    assert_eq!((run.status, outcomes(&tasks)), (RunStatus::Failed, vec![Some(Outcome::Unreachable); 3]));
    assert!(!world.is_active(agent).await);
    loops.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_ours_is_sent_again_and_too_many_end_the_run_without_a_verdict() {
    let world = World::with_suite().await;
    let script = Script::slow(Duration::from_millis(100), &good());
    let agent = world.newcomer(ExecutionMode::Sync, "new", script).await;
    let loops = world.run_all();
    let give_up = async |id, position| {
        let task = world.at_work(id, position).await.task;
        let cancelled = world.context.store.cancel(task, Actor::Operator, "by hand", world.now()).await;
        cancelled.unwrap().unwrap();
    };
    let id = world.begin(agent).await;
    give_up(id, 2).await;
    let (run, tasks) = world.until_ended(id).await;
    let purposes: Vec<Purpose> = tasks.iter().map(|task| task.purpose).collect();
    assert_eq!(purposes, [Purpose::First, Purpose::First, Purpose::Again, Purpose::First]);
    assert_eq!((run.status, tasks[1].ended.as_ref().unwrap().ours), (RunStatus::Passed, true));

    world.transport.slow_down("new", Duration::from_secs(2));
    let other = world.newcomer(ExecutionMode::Sync, "other", Script::hangs()).await;
    let id = world.begin(other).await;
    for position in 1..=3 {
        give_up(id, position).await;
    }
    let (run, _) = world.until_ended(id).await;
    assert_eq!((run.status, verdict(&run)), (RunStatus::Aborted, vec![]));
    assert!(!world.is_active(other).await);
    loops.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_a_hair_is_looked_at_a_second_time() {
    let line = Ppm::new(score_of_good().get() - 10_000);
    let rules = Rules { pass_mean: line, ..Rules::default() };
    let world = World::with_suite().await.with_settings(|settings| settings.benchmark = rules);
    let agent = world.newcomer(ExecutionMode::Sync, "new", Script::answers(&good())).await;
    let loops = world.run_all();
    let (run, tasks) = world.until_ended(world.begin(agent).await).await;
    let last = tasks.last().unwrap();
    assert_eq!((run.status, tasks.len(), last.purpose), (RunStatus::Passed, 4, Purpose::SecondLook));
    assert_eq!(last.template, tasks[0].template);
    assert!(world.is_active(agent).await);
    loops.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_category_whose_tasks_are_gone_ends_the_run_without_a_verdict() {
    let world = World::new().await;
    let agent = world.newcomer(ExecutionMode::Sync, "new", Script::answers(&good())).await;
    let loops = world.run_all();
    let (run, tasks) = world.until_ended(world.begin(agent).await).await;
    assert_eq!((run.status, tasks.len()), (RunStatus::Aborted, 0));
    loops.stop().await;
}

/// A budget with cents is no amount of yen: such a run can never go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_can_never_go_on_ends_and_keeps_nobody_from_another() {
    let yen = Currency::new("JPY").unwrap();
    let world = World::new().await.with_benchmarks(suite_for("25.50"));
    let world = world.with_settings(|settings| settings.currency = yen);
    let agent = world.newcomer(ExecutionMode::Sync, "new", Script::answers(&good())).await;
    let loops = world.run_all();
    for _ in 0..2 {
        let (run, tasks) = world.until_ended(world.begin(agent).await).await;
        assert_eq!((run.status, tasks.len()), (RunStatus::Aborted, 0));
    }
    loops.stop().await;
}
