//! A bid is judged as soon as it is stored, beside everything else. The judge sees the brief and the work, never who made
//! it or what it costs.

use crate::Context;
use futures::FutureExt;
use gavel_domain::benchmark::Assignment;
use gavel_domain::bid::Bid;
use gavel_domain::invitation::Answer;
use gavel_domain::task::{Brief, Task};
use gavel_domain::{AgentId, BidId, TaskId};
use gavel_judge::benchmark::Suite;
use gavel_judge::{CompiledBrief, Rubric, Work, compile, judge};
use gavel_store::scores::{Judged, NewVerdict};
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};

/// A work of so many bytes is judged in a few hundred microseconds, which is less than a thread of its own would cost.
const SHORT_BYTES: usize = 16 * 1024;

/// What the bids of one task are measured with. A task that waits for its first bid, perhaps for minutes, keeps only the
/// brief.
struct Yardstick {
    measure: Measure,
    /// Nothing where there is no such task in the suite any more.
    compiled: OnceLock<Option<CompiledBrief>>,
    rubric: Rubric,
}

/// What it is made from.
enum Measure {
    /// What a buyer wants.
    Brief(Brief),
    /// What the author of a benchmark's task knows beside.
    Benchmark(Arc<Suite>, Assignment),
}

impl Measure {
    fn of(context: &Context, task: &Task) -> Self {
        match Assignment::of(task) {
            Some(about) => Measure::Benchmark(Arc::clone(&context.suite), about),
            None => Measure::Brief(task.brief.clone()),
        }
    }

    fn compile(&self) -> Option<CompiledBrief> {
        match self {
            Measure::Brief(brief) => Some(compile(brief)),
            Measure::Benchmark(suite, about) => {
                Some(suite.template(&about.template)?.instance(about.seed).yardstick())
            }
        }
    }
}

/// The bids of one task that are with the judge. Dropped, they are given up.
pub(crate) struct Judging {
    task: TaskId,
    /// What all bids of the task are measured with: compiled with the first, the same for everyone.
    yardstick: Arc<Yardstick>,
    /// How many long works may be judged side by side.
    judges: Arc<Semaphore>,
    under_way: JoinSet<(BidId, Option<Judged>)>,
    handed: BTreeSet<BidId>,
    unjudged: BTreeSet<BidId>,
}

impl Judging {
    pub(crate) fn new(context: &Context, task: &Task) -> Self {
        let rubric = context.settings.rubrics.for_category(&task.brief.category);
        Judging {
            task: task.id,
            yardstick: Arc::new(Yardstick {
                measure: Measure::of(context, task),
                compiled: OnceLock::new(),
                rubric,
            }),
            judges: Arc::clone(&context.judges),
            under_way: JoinSet::new(),
            handed: BTreeSet::new(),
            unjudged: BTreeSet::new(),
        }
    }

    /// Hands a bid to the judge, once.
    pub(crate) fn hand(&mut self, bid: &Bid, agent_slug: &str) {
        if !self.handed.insert(bid.id) {
            return;
        }
        let (id, agent, agent_slug) = (bid.id, bid.agent, agent_slug.to_owned());
        let verdict = verdict(Arc::clone(&self.judges), Arc::clone(&self.yardstick), &bid.answer);
        self.under_way.spawn(async move { (id, judged(id, agent, agent_slug, verdict).await) });
    }

    /// Waits for the next one, for ever where none is with the judge. `None`: it could not be judged.
    pub(crate) async fn next(&mut self) -> Option<Judged> {
        let Some(done) = self.under_way.join_next().await else { return std::future::pending().await };
        let (bid, judged) = done.ok()?; // it catches every panic; an error is the end of the runtime
        if judged.is_none() {
            tracing::error!(task.id = %self.task, bid.id = %bid, "the judge failed; the bid stays unscored");
            self.unjudged.insert(bid);
        }
        judged
    }

    /// Waits for all that are with the judge.
    pub(crate) async fn rest(&mut self) -> Vec<Judged> {
        let mut all = Vec::with_capacity(self.under_way.len());
        while !self.is_idle() {
            all.extend(self.next().await);
        }
        all
    }

    /// Whether no bid is with the judge.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Bids that the judge failed at: they stay unscored, and never block the gallery.
    pub(crate) fn unjudged(&self) -> &BTreeSet<BidId> {
        &self.unjudged
    }
}

async fn judged(
    bid: BidId,
    agent: AgentId,
    agent_slug: String,
    verdict: impl Future<Output = Option<NewVerdict>>,
) -> Option<Judged> {
    let verdict = AssertUnwindSafe(verdict).catch_unwind().await.ok()??;
    Some(Judged { bid, agent, agent_slug, verdict })
}

/// The judge's word. A long text is read on a thread of its own: it must not hold up other tasks' answers. No more at once
/// than there are cores, whatever comes in: more would only hold more memory. A panic there is no score.
fn verdict(
    judges: Arc<Semaphore>,
    yardstick: Arc<Yardstick>,
    answer: &Answer,
) -> impl Future<Output = Option<NewVerdict>> + Send + use<> {
    let (work, is_short) = (Work::of(answer), bytes(answer) <= SHORT_BYTES);
    let judging = move || measure(&yardstick, &work);
    async move {
        #[cfg(feature = "faults")]
        gavel_store::faults::judging().await;
        if is_short {
            return judging();
        }
        let turn = judges.acquire_owned().await.ok()?; // never closed
        let judging = move || {
            let _turn = turn; // held until the thread is done, also when nobody waits for it any more
            judging()
        };
        spawn_blocking(judging).await.ok()?
    }
}

fn bytes(answer: &Answer) -> usize {
    let artifacts = answer.artifacts.iter().map(|artifact| artifact.content.len()).sum::<usize>();
    answer.full_text.len() + answer.summary.len() + artifacts
}

fn measure(Yardstick { measure, compiled, rubric }: &Yardstick, work: &Work) -> Option<NewVerdict> {
    let verdict = judge(compiled.get_or_init(|| measure.compile()).as_ref()?, work, rubric);
    let document = serde_json::to_string(&verdict).ok()?;
    Some(NewVerdict { judge: verdict.judge, composite: verdict.composite, document })
}
