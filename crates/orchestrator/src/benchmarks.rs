//! Benchmarks go on: what came of a run's present task is written down, and with it the next one is posted, or the run
//! ends. The tasks themselves live the life of every task; here is only what stands between two of them. What is due
//! stands in the database: whoever looks next goes on from there, after a crash as well as in another process.

mod report; // what developers are told, and what they are not

use crate::{Context, error::StepError};
use gavel_contract::rest::BenchmarkCategory;
use gavel_domain::benchmark::{
    self, Assignment, Came, CategoryVerdict, End, Next, Planned, Purpose, RunStatus, Sent,
};
use gavel_domain::{BenchmarkRunId, Chain, Money, TaskId, Timestamp};
use gavel_judge::benchmark::Template;
use gavel_store::Guarded;
use gavel_store::benchmarks::{Advance, Passed, Run, RunTask, TaskEnd};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the loop sleeps at most: hints come from this process alone.
const POLL: Duration = Duration::from_secs(1);
/// Runs that are looked at in one turn.
const RUNS_AT_ONCE: u32 = 32;

/// Lets runs go on, until `stop`.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    loop {
        let went_on = sweep(&context).await;
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = std::future::ready(()), if went_on => {}
            () = context.store.hints().benchmarks() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Takes every run that is due a task further. `true`: one of them went on, there may be more.
async fn sweep(context: &Context) -> bool {
    let due = match context.store.benchmarks_due(RUNS_AT_ONCE).await {
        Ok(due) => due,
        Err(error) => {
            context.tell("benchmarks could not be looked at; it is tried again", &error);
            return false;
        }
    };
    let mut went_on = false;
    for run in due {
        match Box::pin(go_on(context, run)).await {
            Ok(done) => went_on |= done,
            Err(StepError::Store(error)) => {
                context.tell("a benchmark could not go on; it is tried again", &error)
            }
            Err(error) => {
                tracing::error!(benchmark.id = %run, error = %Chain(&error), "a benchmark cannot go on; it ends");
                if let Err(error) = Box::pin(give_up(context, run)).await {
                    tracing::error!(benchmark.id = %run, error = %Chain(&error), "nor can it end; it is tried again");
                }
            }
        }
    }
    went_on
}

/// One run's step: gather, decide, record.
async fn go_on(context: &Context, id: BenchmarkRunId) -> Result<bool, StepError> {
    let now = context.clock.now();
    let Some((run, mut tasks)) = context.store.benchmark(id).await? else { return Ok(false) };
    let mut ended = None;
    if let Some(present) = tasks.last_mut().filter(|task| task.ended.is_none()) {
        let left = context.store.benchmark_left(present.task).await?.filter(|left| left.over);
        let Some(left) = left else { return Ok(false) };
        ended = Some(report::end_of(&context.suite, present, &left, now)?);
        present.ended.clone_from(&ended);
    }

    let advance = match decide(context, &run, &tasks) {
        Next::Send { template, purpose, .. } => {
            match next_task(context, &run, (&template, purpose), now).await? {
                Some((task, entry)) => Advance::Post { task: Box::new(task), entry },
                None => over(context, &run, &tasks, End::Aborted)?,
            }
        }
        Next::Over(end) => over(context, &run, &tasks, end)?,
    };

    let advanced = context.store.advance_benchmark(&run, ended.as_ref(), &advance, now).await?;
    if let (Guarded::Done(()), Advance::End { status, .. }) = (advanced, &advance) {
        tracing::info!(benchmark.id = %id, agent.id = %run.agent, status = status.name(), "a benchmark has ended");
    }
    Ok(advanced == Guarded::Done(()))
}

/// Ends a run that can never go on, at nobody's cost: it must not keep others from going on, nor its agent from another.
async fn give_up(context: &Context, id: BenchmarkRunId) -> Result<(), StepError> {
    let now = context.clock.now();
    let Some((run, tasks)) = context.store.benchmark(id).await? else { return Ok(()) };
    let left_open = tasks.last().filter(|task| task.ended.is_none());
    let ended = left_open.map(|_| TaskEnd {
        at: now,
        ours: true,
        outcome: None,
        score: None,
        grave: false,
        report: None,
    });
    let end = over(context, &run, &tasks, End::Aborted)?;
    let _: Guarded<()> = context.store.advance_benchmark(&run, ended.as_ref(), &end, now).await?;
    Ok(())
}

fn decide(context: &Context, run: &Run, tasks: &[RunTask]) -> Next {
    let planned = |template: &Template| Planned {
        category: template.category().to_owned(),
        template: template.key().to_owned(),
    };
    if run.categories.iter().any(|category| context.suite.of(category).is_empty()) {
        return Next::Over(End::Aborted); // another release had tasks for it
    }
    let plan: Vec<Planned> =
        run.categories.iter().flat_map(|category| context.suite.of(category).iter().map(planned)).collect();
    let sent =
        |task: &RunTask| Some(Sent { template: task.template.clone(), came: came(task.ended.as_ref()?) });
    let sent: Vec<Sent> = tasks.iter().filter_map(sent).collect();
    benchmark::next(&plan, &sent, &context.settings.benchmark)
}

const fn came(ended: &TaskEnd) -> Came {
    match ended.score {
        _ if ended.ours => Came::Ours,
        Some(score) => Came::Judged { score, grave: ended.grave },
        None => Came::Nothing,
    }
}

/// A fresh variant of a template; `None` where it cannot be posted any more.
async fn next_task(
    context: &Context,
    run: &Run,
    (key, purpose): (&str, Purpose),
    now: Timestamp,
) -> Result<Option<(gavel_domain::task::Task, RunTask)>, StepError> {
    let Some(template) = context.suite.template(key) else { return Ok(None) };
    let Some((agent, _)) = context.store.agent(run.agent).await? else { return Ok(None) };
    let mut seed = [0; 8];
    context.chance.fill(&mut seed);
    let about = Assignment { agent: agent.id, template: key.to_owned(), seed: u64::from_be_bytes(seed) };
    let instance = template.instance(about.seed);
    let budget = Money::parse_exact(&instance.budget, &context.settings.currency)
        .map_err(|problem| StepError::Missing(format!("the budget of {key} {problem}")))?;
    let id = TaskId::new(now, &*context.chance);
    // No real task below its lowest price would come to it either.
    let task = about.task(id, (instance.brief, budget.max(agent.min_price)), agent.test, now);
    let entry = RunTask {
        position: run.position + 1,
        task: id,
        category: template.category().to_owned(),
        task_type: task.brief.task_type.clone(),
        level: template.level().name().to_owned(),
        template: about.template,
        seed: about.seed,
        purpose,
        posted_at: now,
        ended: None,
    };
    Ok(Some((task, entry)))
}

fn over(context: &Context, run: &Run, tasks: &[RunTask], end: End) -> Result<Advance, StepError> {
    let (status, verdicts) = match end {
        End::Aborted => (RunStatus::Aborted, Vec::new()),
        End::Judged(verdicts) if verdicts.iter().all(CategoryVerdict::passed) => {
            (RunStatus::Passed, verdicts)
        }
        End::Judged(verdicts) => (RunStatus::Failed, verdicts),
    };
    let told: Vec<BenchmarkCategory> = verdicts
        .iter()
        .map(|verdict| report::category(verdict, tasks, &context.settings.benchmark))
        .collect();
    let verdict = report::text(&told)?;
    let shown = |verdict: &CategoryVerdict| (verdict.category.clone(), verdict.scores());
    let passed = (status == RunStatus::Passed).then(|| Passed {
        scores: verdicts.iter().map(shown).collect(),
        auto_live: context.settings.benchmark.auto_live,
    });
    tracing::debug!(benchmark.id = %run.id, verdict, "the verdict of a benchmark");
    Ok(Advance::End { status, verdict, passed })
}
