//! Benchmarks: tasks that are posted one after the other, and leave no mark but their own.

use crate::support::{World, done, on_both};
use gavel_domain::agent::{Agent, Visibility};
use gavel_domain::benchmark::{ACCOUNT, Assignment, Purpose, RunStatus, Standing};
use gavel_domain::event::Actor;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::task::Task;
use gavel_domain::{BenchmarkRunId, Money, Ppm, TaskId};
use gavel_store::benchmarks::{Advance, Left, Passed, Run, RunTask, TaskEnd};
use gavel_store::doctor::Terms;
use gavel_store::{Error, Guarded};

const CATEGORY: &str = "content-writing";

impl World {
    /// Agents of a category that have passed what it asks for.
    async fn may_be_asked(&self, category: &str) -> usize {
        let candidates = self.store.candidates(category, false, self.now()).await.unwrap();
        candidates.iter().filter(|facts| facts.ready).count()
    }

    /// An agent that has to pass first.
    async fn newcomer(&self, slug: &str) -> Agent {
        let developer = self.developer(slug).await;
        let agent = Agent { capabilities: vec![CATEGORY.to_owned()], ..self.new_agent(&developer, slug) };
        let mut deed = self.store.deed().await.unwrap();
        deed.add_agent(&agent, b"sealed secret").await.unwrap();
        deed.await_benchmark(agent.id, true).await.unwrap();
        deed.commit(|_| unreachable!("under no key")).await.unwrap();
        agent
    }

    async fn standing(&self, agent: &Agent) -> Standing {
        let mut deed = self.store.deed().await.unwrap();
        let standing = deed.benchmark_standing(agent, self.now()).await.unwrap();
        deed.give_up().await.unwrap();
        standing
    }

    async fn run_of(&self, agent: &Agent) -> Result<Run, Error> {
        let id = BenchmarkRunId::new(self.now(), &self.chance);
        let run = Run::begun(id, (agent.id, agent.developer), vec![CATEGORY.to_owned()], self.now());
        let mut deed = self.store.deed().await.unwrap();
        deed.begin_benchmark(&run).await?;
        deed.commit(|_| unreachable!("under no key")).await?;
        Ok(run)
    }

    /// The next task of a run.
    fn next_task(&self, run: &Run) -> (Task, RunTask) {
        let template = format!("{CATEGORY}/{}", run.position);
        let about = Assignment { agent: run.agent, template: template.clone(), seed: u64::MAX };
        let brief = self.new_task(ACCOUNT).brief;
        let id = TaskId::new(self.now(), &self.chance);
        let task = about.task(id, (brief, Money::from_minor(2500)), false, self.now());
        let entry = RunTask {
            position: run.position + 1,
            task: id,
            category: CATEGORY.to_owned(),
            task_type: task.brief.task_type.clone(),
            level: "easy".to_owned(),
            template,
            seed: u64::MAX,
            purpose: Purpose::First,
            posted_at: self.now(),
            ended: None,
        };
        (task, entry)
    }

    async fn read(&self, run: BenchmarkRunId) -> (Run, Vec<RunTask>) {
        self.store.benchmark(run).await.unwrap().unwrap()
    }

    async fn advance(&self, run: &Run, ended: Option<&TaskEnd>, advance: &Advance) -> Guarded<()> {
        self.store.advance_benchmark(run, ended, advance, self.now()).await.unwrap()
    }

    /// Posts the next task of a run and brings it to its agent.
    async fn posted(&self, run: &Run, agent: &Agent, ended: Option<&TaskEnd>) -> Task {
        let (task, entry) = self.next_task(run);
        let post = Advance::Post { task: Box::new(task.clone()), entry };
        done(self.advance(run, ended, &post).await);
        assert_eq!(self.advance(run, ended, &post).await, Guarded::Lost, "it is posted once");
        assert_eq!(self.store.benchmarks_due(9).await.unwrap(), [], "{}", agent.slug);
        task
    }

    fn judged(&self, score: u32) -> TaskEnd {
        TaskEnd {
            at: self.now(),
            ours: false,
            outcome: Some(Outcome::Valid),
            score: Some(Ppm::new(score)),
            grave: false,
            report: Some(r#"{"told":1}"#.to_owned()),
        }
    }
}

on_both! {
    async fn a_run_is_tasks_one_after_the_other_which_leave_no_mark_but_their_own(world) {
        let agent = world.newcomer("new").await;
        let (kept, _) = world.store.agent(agent.id).await.unwrap().unwrap();
        assert_eq!((kept.active, kept.visibility, kept.activated_at), (false, Visibility::Draft, None));
        assert_eq!(world.store.benchmarks_wanted(agent.id).await.unwrap(), [CATEGORY]);
        assert_eq!(world.may_be_asked(CATEGORY).await, 0);

        let run = world.run_of(&agent).await.unwrap();
        assert!(world.run_of(&agent).await.is_err(), "one at a time");
        assert_eq!(world.store.benchmarks_due(9).await.unwrap(), [run.id]);
        let first = world.posted(&run, &agent, None).await;
        assert_eq!(world.store.events_after(first.id, 0, 9).await.unwrap()[0].actor, Actor::Gavel);

        let (claimed, invited) = world.prototyping(&first, &[&agent]).await;
        world.scored(&claimed, &invited[0], 810_000).await;
        assert!(!world.store.benchmark_left(first.id).await.unwrap().unwrap().over);
        world.close(&claimed, Outcome::Late, world.now()).await;
        let ended = world.store.task(first.id).await.unwrap().unwrap();
        assert_eq!((ended.state, ended.reason.as_deref()), (TaskState::Cancelled, Some("benchmark_ended")));
        let left = world.store.benchmark_left(first.id).await.unwrap().unwrap();
        assert_eq!((left.over, left.outcome, left.score), (true, Some((Outcome::Valid, Some("code".to_owned()))), Some(Ppm::new(810_000))));
        assert!(left.verdict.is_some() && left.token_usage.unwrap().contains("0.024"));

        assert_eq!(world.store.benchmarks_due(9).await.unwrap(), [run.id]);
        let (run, _) = world.read(run.id).await;
        let second = world.posted(&run, &agent, Some(&world.judged(810_000))).await;
        let (claimed, invited) = world.prototyping(&second, &[&agent]).await;
        let begun = world.store.begin_attempts(claimed.lease(), &[world.attempt(&invited[0], 1)], &[]).await;
        done(begun.unwrap());
        world.close(&claimed, Outcome::Late, world.now()).await;
        let left = world.store.benchmark_left(second.id).await.unwrap().unwrap();
        assert_eq!((left.over, left.outcome.map(|(o, _)| o), left.score), (true, Some(Outcome::Late), None));

        let (_, record) = world.store.agent(agent.id).await.unwrap().unwrap();
        assert_eq!(record, Default::default());
        let stats = world.store.agent_stats(agent.id, 9).await.unwrap();
        assert!(stats.outcomes.is_empty() && stats.recent.is_empty() && stats.scores.is_empty());
        assert!(world.store.latencies(agent.id, 9).await.unwrap().is_empty());
        assert!(world.store.bid_costs(agent.id, 9).await.unwrap().is_empty());
        assert!(world.store.gallery(first.id).await.unwrap().iter().all(|shown| !shown.bid.presented));
        assert_eq!(world.store.examine(Terms { currency: "USD" }).await.unwrap().findings, vec![]);
    }
}

on_both! {
    async fn who_passes_is_active_and_asked(world) {
        let agent = world.newcomer("new").await;
        let run = world.run_of(&agent).await.unwrap();
        let scores = vec![(CATEGORY.to_owned(), vec![Ppm::new(700_000), Ppm::new(650_000)])];
        let end = Advance::End {
            status: RunStatus::Passed,
            verdict: "[]".to_owned(),
            passed: Some(Passed { scores: scores.clone(), auto_live: true }),
        };
        world.clock.advance(chrono::TimeDelta::minutes(3));
        done(world.advance(&run, None, &end).await);
        assert_eq!(world.advance(&run, None, &end).await, Guarded::Lost, "it ends once");
        let (active, record) = world.store.agent(agent.id).await.unwrap().unwrap();
        assert_eq!((active.active, active.visibility, active.activated_at), (true, Visibility::Live, Some(world.now())));
        assert_eq!(record, Default::default());
        assert_eq!(world.store.benchmark_scores(agent.id).await.unwrap().into_iter().collect::<Vec<_>>(), scores);
        assert_eq!(world.may_be_asked(CATEGORY).await, 1);
        let (read, tasks) = world.store.latest_benchmark(agent.id).await.unwrap().unwrap();
        assert_eq!((read.status, read.ended_at, read.verdict.as_deref()), (RunStatus::Passed, Some(world.now()), Some("[]")));
        assert_eq!(tasks, []);
        let standing = world.standing(&agent).await;
        assert_eq!((standing.active, standing.declared), (true, vec![(CATEGORY.to_owned(), true)]));
        assert_eq!((standing.running, standing.failed_at, standing.lately.len()), (None, None, 1));
    }
}

on_both! {
    async fn who_fails_cools_down_and_what_was_said_of_it_stays(world) {
        let agent = world.newcomer("new").await;
        let run = world.run_of(&agent).await.unwrap();
        assert_eq!(world.standing(&agent).await.running, Some(run.id));
        world.posted(&run, &agent, None).await;
        let (run, _) = world.read(run.id).await;
        let end = Advance::End { status: RunStatus::Failed, verdict: "[]".to_owned(), passed: None };
        let judged = TaskEnd { grave: true, ..world.judged(300_000) };
        done(world.advance(&run, Some(&judged), &end).await);
        let (_, tasks) = world.read(run.id).await;
        assert_eq!((tasks[0].seed, &tasks[0].ended), (u64::MAX, &Some(judged)));
        let standing = world.standing(&agent).await;
        assert_eq!((standing.active, standing.running, standing.failed_at), (false, None, Some(world.now())));

        let again = world.run_of(&agent).await.unwrap();
        let aborted = Advance::End { status: RunStatus::Aborted, verdict: "[]".to_owned(), passed: None };
        done(world.advance(&again, None, &aborted).await);
        assert_eq!(world.standing(&agent).await.failed_at, Some(world.now()), "a fault of ours forgets nothing");
        world.clock.advance(chrono::TimeDelta::minutes(61));
        assert!(world.standing(&agent).await.lately.is_empty());
    }
}

on_both! {
    async fn a_category_that_is_declared_later_waits_for_its_own_run(world) {
        let agent = world.newcomer("new").await;
        let run = world.run_of(&agent).await.unwrap();
        let scores = vec![(CATEGORY.to_owned(), vec![Ppm::new(700_000)])];
        let passed = Some(Passed { scores, auto_live: false });
        done(world.advance(&run, None, &Advance::End { status: RunStatus::Passed, verdict: "[]".to_owned(), passed }).await);
        let (agent, _) = world.store.agent(agent.id).await.unwrap().unwrap();
        assert_eq!(agent.visibility, Visibility::Draft, "nobody shows it by itself");

        let declares = async |categories: &[&str], fresh: &[&str]| {
            let owned = |all: &[&str]| all.iter().map(|slug| (*slug).to_owned()).collect::<Vec<_>>();
            let agent = Agent { capabilities: owned(categories), ..agent.clone() };
            let mut deed = world.store.deed().await.unwrap();
            deed.update_agent(&agent, world.now()).await.unwrap();
            deed.hold_back(agent.id, &owned(fresh)).await.unwrap();
            deed.commit(|_| unreachable!("under no key")).await.unwrap();
            world.store.benchmarks_wanted(agent.id).await.unwrap()
        };
        assert_eq!(declares(&[CATEGORY, "marketing"], &["marketing"]).await, ["marketing"]);
        assert_eq!(declares(&[CATEGORY, "marketing"], &[]).await, ["marketing"], "it waits on");
        assert_eq!(world.may_be_asked("marketing").await, 0);
        assert_eq!(world.may_be_asked(CATEGORY).await, 1);
        assert!(declares(&["marketing"], &[]).await == ["marketing"]);
        let back = declares(&[CATEGORY, "marketing"], &[CATEGORY]).await;
        assert_eq!(back, ["marketing"], "what it has shown it need not show again");
    }
}

on_both! {
    async fn what_was_said_of_its_visibility_stays(world) {
        let agent = world.newcomer("new").await;
        let (draft, _) = world.store.agent(agent.id).await.unwrap().unwrap();
        let mut deed = world.store.deed().await.unwrap();
        deed.update_agent(&Agent { visibility: Visibility::Draft, ..draft }, world.now()).await.unwrap();
        deed.visibility_was_said(agent.id).await.unwrap();
        deed.commit(|_| unreachable!("under no key")).await.unwrap();
        let run = world.run_of(&agent).await.unwrap();
        let passed = Some(Passed { scores: Vec::new(), auto_live: true });
        done(world.advance(&run, None, &Advance::End { status: RunStatus::Passed, verdict: "[]".to_owned(), passed }).await);
        let (agent, _) = world.store.agent(agent.id).await.unwrap().unwrap();
        assert_eq!((agent.active, agent.visibility), (true, Visibility::Draft));
    }
}

on_both! {
    async fn a_task_that_was_never_brought_to_its_agent_leaves_nothing(world) {
        let agent = world.newcomer("new").await;
        let run = world.run_of(&agent).await.unwrap();
        let task = world.posted(&run, &agent, None).await;
        let _ = world.store.cancel(task.id, Actor::Operator, "by hand", world.now()).await.unwrap();
        let nothing = Left { over: true, outcome: None, score: None, verdict: None, token_usage: None };
        assert_eq!(world.store.benchmark_left(task.id).await.unwrap(), Some(nothing));
        assert_eq!(world.store.benchmarks_due(9).await.unwrap(), [run.id]);
        assert_eq!(world.store.benchmark_left(run_as_task(&run)).await.unwrap(), None);
    }
}

/// The id of no task.
fn run_as_task(run: &Run) -> TaskId {
    TaskId::from_uuid(run.id.uuid())
}

on_both! {
    async fn an_account_that_has_the_name_already_is_in_nobodys_way(world) {
        let namesake = world.account(gavel_domain::benchmark::ACCOUNT_NAME).await;
        let agent = world.newcomer("new").await;
        let run = world.run_of(&agent).await.unwrap();
        let task = world.posted(&run, &agent, None).await;
        assert_ne!(task.account, namesake);
        assert!(task.is_benchmark());
    }
}

// Whoever looks at an agent's figures while it works must not learn there whether it is tried or asked in earnest.
on_both! {
    async fn figures_tell_no_benchmark_from_a_task_while_the_agent_works(world) {
        let agent = world.newcomer("new").await;
        let run = world.run_of(&agent).await.unwrap();
        let told = async || {
            let stats = world.store.agent_stats(agent.id, 10).await.unwrap();
            (stats.in_flight, stats.recent.len(), stats.outcomes.len())
        };
        let tried = world.posted(&run, &agent, None).await;
        let (claimed, invited) = world.prototyping(&tried, &[&agent]).await;
        assert_eq!(told().await, (1, 0, 0));
        done(world.end_invitation(&claimed, &world.ended(&invited[0], Outcome::ServerError)).await);
        assert_eq!(told().await, (0, 0, 0));
        world.close(&claimed, Outcome::Late, world.now()).await;
        let real = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&real, &[&agent]).await;
        assert_eq!(told().await, (1, 0, 0));
        done(world.end_invitation(&claimed, &world.ended(&invited[0], Outcome::ServerError)).await);
        assert_eq!(told().await, (0, 1, 1));
    }
}
