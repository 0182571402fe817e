//! Agents that have to pass first, and runs that end as a test wants it.

use super::{World, new_agent};
use gavel_contract::rest::{BenchmarkCategory, BenchmarkDimension, BenchmarkFeedback};
use gavel_domain::agent::{Agent, Visibility};
use gavel_domain::benchmark::{Activation, Assignment, Purpose, RunStatus};
use gavel_domain::invitation::Outcome;
use gavel_domain::task::Brief;
use gavel_domain::{BenchmarkRunId, Chance, Money, Ppm, TaskId};
use gavel_store::Guarded;
use gavel_store::benchmarks::{Advance, Passed, Run, RunTask, TaskEnd};
use serde_json::json;
use std::sync::Arc;

impl World {
    /// A world in which agents have to pass, in two of three categories.
    pub(crate) async fn of_newcomers() -> World {
        World::with(|state| {
            let mut settings = (*state.settings).clone();
            settings.benchmark.activation = Activation::Benchmark;
            let mut catalog = (*settings.catalog).clone();
            let mut third = catalog.categories[1].clone();
            third.slug = "translation".to_owned();
            third.task_types[0].slug = "text-translation".to_owned();
            catalog.categories.push(third);
            settings.catalog = Arc::new(catalog);
            state.settings = Arc::new(settings);
        })
        .await
    }

    /// A registered agent; its id.
    pub(crate) async fn newcomer(&self, slug: &str, capabilities: &[&str]) -> String {
        let mut agent = new_agent(slug);
        agent["capabilities"] = json!(capabilities);
        let answer = self.post(self.developer(), "/api/v1/developers/agents", &agent).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.id().to_owned()
    }

    /// An agent passes in these categories, without a run of its own making.
    pub(crate) async fn passes(&self, agent: &str, categories: &[&str]) {
        let (id, now) = (agent.parse().unwrap(), self.state.now());
        let (found, _) = self.state.store.agent(id).await.unwrap().unwrap();
        let owned = categories.iter().map(|slug| (*slug).to_owned()).collect();
        let run = BenchmarkRunId::new(now, self.state.chance.as_ref());
        let run = Run::begun(run, (id, found.developer), owned, now);
        let mut deed = self.state.store.deed().await.unwrap();
        deed.begin_benchmark(&run).await.unwrap();
        deed.commit(|_| unreachable!("under no key")).await.unwrap();
        let scores = categories.iter().map(|slug| ((*slug).to_owned(), vec![Ppm::new(700_000)])).collect();
        let passed = Some(Passed { scores, auto_live: true });
        self.end(&run, None, RunStatus::Passed, &[], passed).await;
    }

    /// The run under way fails with its first task; that task's id.
    pub(crate) async fn fails(&self, agent: &str) -> String {
        let found = self.state.store.latest_benchmark(agent.parse().unwrap()).await.unwrap();
        let (run, _) = found.unwrap();
        let (task, entry) = self.first_task(&run);
        let post = Advance::Post { task: Box::new(task), entry: entry.clone() };
        let now = self.state.now();
        let posted = self.state.store.advance_benchmark(&run, None, &post, now).await.unwrap();
        assert_eq!(posted, Guarded::Done(()));
        let (run, _) = self.state.store.benchmark(run.id).await.unwrap().unwrap();
        let missing = vec!["much".to_owned()];
        let category = run.categories[0].clone();
        let told = BenchmarkCategory { category, passed: Some(false), mean: Some(0.3), missing };
        let ended = self.poor_work();
        self.end(&run, Some(&ended), RunStatus::Failed, &[told], None).await;
        entry.task.to_string()
    }

    /// The platform takes an agent out.
    pub(crate) async fn hide(&self, slug: &str) {
        let id = self.agent_id(slug).await.parse().unwrap();
        let (agent, _) = self.state.store.agent(id).await.unwrap().unwrap();
        let hidden = Agent { visibility: Visibility::Hidden, ..agent };
        self.state.store.update_agent(&hidden, self.state.now()).await.unwrap();
    }

    async fn end(
        &self,
        run: &Run,
        ended: Option<&TaskEnd>,
        status: RunStatus,
        told: &[BenchmarkCategory],
        passed: Option<Passed>,
    ) {
        let verdict = serde_json::to_string(told).unwrap();
        let end = Advance::End { status, verdict, passed };
        let done = self.state.store.advance_benchmark(run, ended, &end, self.state.now()).await;
        assert_eq!(done.unwrap(), Guarded::Done(()));
    }

    fn first_task(&self, run: &Run) -> (gavel_domain::task::Task, RunTask) {
        let (now, chance): (_, &dyn Chance) = (self.state.now(), self.state.chance.as_ref());
        let (id, template) = (TaskId::new(now, chance), format!("{}/easy", run.categories[0]));
        let about = Assignment { agent: run.agent, template: template.clone(), seed: 7 };
        let (category, task_type) = (run.categories[0].clone(), "blog-post".to_owned());
        let brief = Brief { category: category.clone(), task_type: task_type.clone(), ..Brief::default() };
        let task = about.task(id, (brief, Money::from_minor(2500)), false, now);
        let (level, purpose, posted_at) = ("easy".to_owned(), Purpose::First, now);
        let (position, seed, ended) = (run.position + 1, 7, None);
        let entry = RunTask {
            position,
            task: id,
            category,
            task_type,
            level,
            template,
            seed,
            purpose,
            posted_at,
            ended,
        };
        (task, entry)
    }

    fn poor_work(&self) -> TaskEnd {
        let originality =
            BenchmarkDimension { value: 0.1, coverage: 1.0, feedback: vec!["it is a copy".to_owned()] };
        let report = BenchmarkFeedback {
            dimensions: [("originality".to_owned(), originality)].into(),
            token_usage: Some(json!({ "cost_usd": 0.02 })),
            ..BenchmarkFeedback::default()
        };
        TaskEnd {
            at: self.state.now(),
            ours: false,
            outcome: Some(Outcome::Valid),
            score: Some(Ppm::new(300_000)),
            grave: false,
            report: Some(serde_json::to_string(&report).unwrap()),
        }
    }
}
