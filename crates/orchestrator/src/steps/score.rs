//! A bid is judged the moment it is in. The judge sees the brief and the work, never who made it or what it costs.

use crate::{Context, error::StepError};
use gavel_domain::Ppm;
use gavel_domain::bid::Bid;
use gavel_domain::task::Task;
use gavel_judge::{CompiledBrief, Rubric, Verdict, Work, compile, judge};
use gavel_store::scores::NewVerdict;
use gavel_store::{Claimed, Guarded};
use std::sync::Arc;

/// What all bids of a task are measured with: compiled once, the same for everyone.
pub(crate) struct Yardstick(Arc<(CompiledBrief, Rubric)>);

impl Yardstick {
    pub(crate) fn new(context: &Context, task: &Task) -> Self {
        let rubric = context.settings.rubrics.for_category(&task.brief.category);
        Self(Arc::new((compile(&task.brief), rubric)))
    }
}

/// Judges a bid and stores the verdict; `None` when it could not be judged, which never blocks the gallery.
pub(crate) async fn bid(
    context: &Context,
    claimed: &Claimed,
    yardstick: &Yardstick,
    (bid, agent_slug): (&Bid, &str),
) -> Result<Option<Ppm>, StepError> {
    let Some(verdict) = measure(context, yardstick, bid).await else {
        tracing::error!(task.id = %bid.task, bid.id = %bid.id, "the judge failed; the bid stays unscored");
        return Ok(None);
    };
    let composite = verdict.composite;
    let document =
        serde_json::to_string(&verdict).map_err(|source| StepError::Document { what: "verdict", source })?;
    let stored = NewVerdict { judge: verdict.judge, composite, document };
    let now = context.clock.now();
    let storing = || context.store.score_bid(claimed, bid, agent_slug, &stored, now);
    match context.patiently(storing).await? {
        Guarded::Done(()) => Ok(Some(composite)),
        Guarded::Lost => Ok(None),
    }
}

/// On a thread of its own: a long text must not hold up other tasks' answers. No more at once than there are cores,
/// whatever comes in: more would only hold more memory. A panic there is no score.
async fn measure(context: &Context, yardstick: &Yardstick, bid: &Bid) -> Option<Verdict> {
    #[cfg(feature = "faults")]
    if gavel_store::faults::is_simulated() {
        gavel_store::faults::judging().await;
        return Some(judge(&yardstick.0.0, &Work::of(&bid.answer), &yardstick.0.1)); // a seed repeats on one thread only
    }
    let turn = Arc::clone(&context.judges).acquire_owned().await.ok()?; // never closed
    let yardstick = Arc::clone(&yardstick.0);
    let work = Work::of(&bid.answer);
    let judging = move || {
        let _turn = turn; // held until the thread is done, also when nobody waits for it any more
        judge(&yardstick.0, &work, &yardstick.1)
    };
    tokio::task::spawn_blocking(judging).await.ok()
}
