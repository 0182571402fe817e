//! All invited agents are asked at once. Each outcome is stored as it arrives, each bid is judged as it arrives; the
//! phase ends when its close policy is met, or at its deadline.
//!
//! What comes by callback or from a worker is stored by the API. This step sees it when it looks again; while nothing
//! but that is awaited the task is parked, and any arrival makes it ready.

use crate::call::Letter;
use crate::calls::Calls;
use crate::journal::StepJournal;
use crate::steps::plan::Plan;
use crate::steps::reserve::{More, Reserve};
use crate::steps::score::Judging;
use crate::{Context, error::StepError, pump::Step, slots::Slot};
use futures::stream::SelectAll;
use futures::{FutureExt, Stream, StreamExt};
use gavel_dispatcher::{Begun, Call, Said, Settled};
use gavel_domain::bid::{Bid, BidStatus};
use gavel_domain::invitation::{AttemptResult, Ending, Outcome};
use gavel_domain::task::{PhaseProgress, Task};
use gavel_domain::{AttemptId, BidId, InvitationId, Timestamp};
use gavel_store::arrivals::Arrivals;
use gavel_store::dispatches::Dispatch;
use gavel_store::invitations::Ended;
use gavel_store::scores::{Judged, PhaseEnd};
use gavel_store::{Claimed, Guarded, Watch};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the step looks for results that came to another replica and whose hint was lost.
const LOOK: Duration = Duration::from_secs(1);

/// A phase that has just begun, with the calls that may leave.
pub(super) struct First {
    /// Hears of decisions since before the phase began.
    pub(super) news: Watch,
    pub(super) dispatches: Vec<Dispatch>,
    pub(super) calls: Vec<(Call, Option<Begun>)>,
}

/// Goes on with a phase, whoever began it.
pub(super) async fn resume(context: &Context, claimed: Claimed, slot: &mut Slot) -> Step {
    let (task, news) = (claimed.task().clone(), context.store.hints().watch_decisions(claimed.task().id));
    let mut phase = Box::pin(Phase::gather(context, &claimed, &task)).await?;
    let calls = Box::pin(phase.calls(context, &claimed, slot.calls())).await?;
    collect(context, claimed, slot, phase, (calls, news)).await
}

/// Goes on with a phase that has just begun.
pub(super) async fn run(context: &Context, claimed: Claimed, slot: &mut Slot, first: First) -> Step {
    let (task, First { news, dispatches, calls }) = (claimed.task().clone(), first);
    let reserve = Box::pin(Reserve::of(context, &task, &dispatches)).await?;
    let phase = Phase { reserve, ..Phase::begun(context, &task, dispatches) };
    collect(context, claimed, slot, phase, (calls, news)).await
}

async fn collect(
    context: &Context,
    claimed: Claimed,
    slot: &mut Slot,
    mut phase: Phase<'_>,
    (calls, mut news): (Vec<(Call, Option<Begun>)>, Watch),
) -> Step {
    let mut under_way = calls.len();
    let dispatcher = StepJournal::dispatcher(context, &claimed, slot.calls());
    let mut settled = SelectAll::new();
    settled.push(dispatcher.fan_out(calls));

    loop {
        let more = phase.reserve.due(phase.progress, context.clock.now());
        let is_content = phase.task.wishes.close.is_content(phase.progress);
        if more > 0 && !is_content && !phase.time_left(context).is_zero() {
            let asked = Box::pin(phase.reserve.ask(context, &claimed, more, slot.calls())).await?;
            let Some(More { dispatches, calls }) = asked else { return Ok(()) };
            phase.join(dispatches);
            under_way += calls.len();
            settled.push(dispatcher.fan_out(calls));
            continue;
        }
        if phase.is_over(context) {
            break;
        }
        if under_way == 0 && phase.judging.is_idle() {
            if phase.is_read {
                return Box::pin(phase.park(context, &claimed)).await;
            }
            Box::pin(phase.catch_up(context, &claimed)).await?;
            continue;
        }
        let look = phase.next_look(context);
        match slot.leave_while(next(&mut settled, &mut phase.judging, &mut news, look)).await {
            Some(came) => {
                under_way -= came.settled.len();
                let sent = came.settled.iter().filter(|settled| settled.last_send.is_some()).count();
                Box::pin(phase.take(context, &claimed, came)).await?;
                slot.calls().end(sent);
            }
            None => Box::pin(phase.catch_up(context, &claimed)).await?,
        }
    }
    Box::pin(close(context, claimed, phase)).await
}

/// What has come at one time.
#[derive(Default)]
struct Came {
    settled: Vec<Settled>,
    judged: Vec<Judged>,
}

/// Waits until something comes, and takes all that has come by then. `None`: it is time to look.
async fn next(
    settled: &mut (impl Stream<Item = Settled> + Unpin),
    judging: &mut Judging,
    news: &mut Watch,
    look: Duration,
) -> Option<Came> {
    let mut came = Came::default();
    tokio::select! {
        biased;
        Some(settled) = settled.next() => came.settled.push(settled),
        judged = judging.next() => came.judged.extend(judged),
        () = news.changed() => return None,
        () = tokio::time::sleep(look) => return None,
    }
    while let Some(Some(settled)) = settled.next().now_or_never() {
        came.settled.push(settled);
    }
    while let Some(judged) = judging.next().now_or_never() {
        came.judged.extend(judged);
    }
    Some(came)
}

/// Ends the phase. What our door accepted meanwhile is judged first: who was told that its work is in is in.
async fn close(context: &Context, claimed: Claimed, mut phase: Phase<'_>) -> Step {
    loop {
        let judged = phase.judging.rest().await;
        let now = context.clock.now();
        let in_time = phase.task.expires_at.is_none_or(|until| now < until);
        let open_become = if in_time { Outcome::Superseded } else { Outcome::Late };
        let until = now + context.settings.timers.review_window;
        let unjudged = phase.judging.unjudged();
        match context.store.close_phase(&claimed, &judged, unjudged, open_become, until, now).await? {
            Guarded::Done(PhaseEnd::BidsToJudge) => phase.hand_over(context).await?, // no more than were asked
            Guarded::Done(PhaseEnd::Closed) | Guarded::Lost => return Ok(()),
        }
    }
}

/// Where the phase stands; after a restart it is gathered from what was stored.
struct Phase<'a> {
    task: &'a Task,
    judging: Judging,
    open: BTreeMap<InvitationId, Dispatch>,
    reserve: Reserve,
    progress: PhaseProgress,
    /// The task's events when all this was read.
    seen: i64,
    /// Whether nothing was written since.
    is_read: bool,
}

impl<'a> Phase<'a> {
    /// One in which nothing has come yet.
    fn begun(context: &Context, task: &'a Task, dispatches: Vec<Dispatch>) -> Self {
        let open: BTreeMap<_, _> = dispatches.into_iter().map(|d| (d.invitation.id, d)).collect();
        let progress = PhaseProgress { open: open.len(), bids: 0, best: None };
        let (judging, reserve) = (Judging::new(context, task), Reserve::default());
        Phase { task, judging, open, reserve, progress, seen: 0, is_read: false }
    }

    async fn gather(context: &Context, claimed: &Claimed, task: &'a Task) -> Result<Self, StepError> {
        let mut phase = Phase::begun(context, task, Vec::new());
        phase.catch_up(context, claimed).await?;
        Ok(phase)
    }

    /// Reads where the phase stands, has what came in judged, and ends what is overdue.
    async fn catch_up(&mut self, context: &Context, claimed: &Claimed) -> Step {
        let (store, task, round) = (&context.store, self.task.id, self.task.round);
        let stands = context.patiently(|| store.progress(task, round)).await?;
        let dispatches = context.patiently(|| store.dispatches(task, round)).await?;
        self.reserve = Reserve::of(context, self.task, &dispatches).await?;
        let open = dispatches.into_iter().filter(|dispatch| dispatch.invitation.ended.is_none());
        self.open = open.map(|dispatch| (dispatch.invitation.id, dispatch)).collect();
        (self.seen, self.is_read) = (stands.event_seq, true);
        self.progress = PhaseProgress {
            open: self.open.len(),
            bids: stands.scores.len(),
            best: stands.scores.iter().flatten().max().copied(),
        };
        if stands.scores.contains(&None) {
            self.hand_over(context).await?;
        }
        self.end_overdue(context, claimed).await
    }

    /// Takes in who was asked beside the others.
    fn join(&mut self, dispatches: Vec<Dispatch>) {
        let is_nobody = dispatches.is_empty();
        self.open.extend(dispatches.into_iter().map(|dispatch| (dispatch.invitation.id, dispatch)));
        self.progress.open = self.open.len();
        self.is_read &= is_nobody; // or the step would read, and look whom to ask, again and again
    }

    /// Hands the bids that the API stored to the judge.
    async fn hand_over(&mut self, context: &Context) -> Step {
        let unscored = context.patiently(|| context.store.unscored_bids(self.task.id, self.task.round));
        for shown in unscored.await? {
            self.judging.hand(&shown.bid, &shown.agent_slug);
        }
        Ok(())
    }

    /// Exchanges that end elsewhere than in a send of ours, and whose deadline has passed.
    async fn end_overdue(&mut self, context: &Context, claimed: &Claimed) -> Step {
        let now = context.clock.now();
        let due = self.open.values().filter_map(|dispatch| {
            let exchange = dispatch.exchange.as_ref().filter(|exchange| exchange.deadline_at < now)?;
            dispatch.awaits_the_door().then(|| ended(dispatch, exchange.unanswered(now), None, None))
        });
        let arrivals = Arrivals { ended: due.collect(), judged: Vec::new() };
        self.keep(context, claimed, arrivals).await
    }

    /// Lets the task go until something must end, or something comes to our door.
    async fn park(&self, context: &Context, claimed: &Claimed) -> Step {
        let until =
            self.next_deadline().min(self.reserve.look_at(context.clock.now()).unwrap_or(Timestamp::MAX_UTC));
        Ok(context.store.park(claimed.lease(), self.seen, until, context.clock.now()).await?)
    }

    /// The calls to be made now.
    async fn calls(
        &mut self,
        context: &Context,
        claimed: &Claimed,
        under_way: &Calls,
    ) -> Result<Vec<(Call, Option<Begun>)>, StepError> {
        let letter = Letter::prototype(context, self.task);
        let plan = Plan::of(context, &letter, self.open.values(), under_way)?;
        if plan.is_written() {
            return Ok(plan.begun(&[], under_way));
        }
        let (store, sends) = (&context.store, &plan.sends);
        match store.begin_attempts(claimed.lease(), &sends.attempts, &sends.waiting).await? {
            Guarded::Done(begun) => Ok(plan.begun(&begun, under_way)),
            Guarded::Lost => Ok(Vec::new()), // the loop notices and drops this step
        }
    }

    fn is_over(&self, context: &Context) -> bool {
        self.task.wishes.close.is_met(self.progress) || self.time_left(context).is_zero()
    }

    fn time_left(&self, context: &Context) -> Duration {
        let until = self.task.expires_at.unwrap_or_else(|| context.clock.now());
        (until - context.clock.now()).to_std().unwrap_or_default()
    }

    /// Whether something is awaited that comes to the API.
    fn awaits_the_door(&self) -> bool {
        self.open.values().any(Dispatch::awaits_the_door)
    }

    /// How long until the step looks again by itself: hints may be lost.
    fn next_look(&self, context: &Context) -> Duration {
        let now = context.clock.now();
        let reserve = self.reserve.look_at(now).and_then(|at| (at - now).to_std().ok());
        let left = self.time_left(context).min(reserve.unwrap_or(Duration::MAX));
        if self.awaits_the_door() { left.min(LOOK) } else { left }
    }

    /// When something must end, whatever arrives until then.
    fn next_deadline(&self) -> Timestamp {
        let exchanges = self.open.values().filter_map(|dispatch| dispatch.exchange.as_ref());
        // A result at the very instant still counts.
        let own = exchanges.map(|exchange| exchange.deadline_at + chrono::TimeDelta::milliseconds(1));
        own.chain(self.task.expires_at).min().unwrap_or(Timestamp::MAX_UTC)
    }

    /// Stores what came, and has new bids judged.
    async fn take(&mut self, context: &Context, claimed: &Claimed, came: Came) -> Step {
        let (mut ends, mut acknowledged) = (Vec::new(), false);
        for settled in came.settled {
            let Some(dispatch) = self.open.get(&settled.key.invitation) else { continue };
            match settled.said {
                Said::Ended(said) => ends.push(self.end_of(context, dispatch, *said, settled.last_send)),
                Said::Acknowledged { .. } => {
                    acknowledged = true;
                    if let Some((attempt, result)) = &settled.last_send {
                        context
                            .patiently(|| context.store.acknowledge(settled.key, *attempt, result))
                            .await?;
                    }
                }
            }
        }
        self.keep(context, claimed, Arrivals { ended: ends, judged: came.judged }).await?;
        if acknowledged { self.catch_up(context, claimed).await } else { Ok(()) }
    }

    /// What one call has come to.
    fn end_of(
        &self,
        context: &Context,
        dispatch: &Dispatch,
        said: gavel_dispatcher::Ended,
        last_send: Option<(AttemptId, AttemptResult)>,
    ) -> Ended {
        let at = last_send.as_ref().map_or_else(|| context.clock.now(), |(_, result)| result.ended_at);
        let detail = (said.outcome != Outcome::Valid).then_some(said.code);
        let bid = said.answer.map(|answer| Bid {
            id: BidId::new(at, &*context.chance),
            task: self.task.id,
            round: self.task.round,
            invitation: dispatch.invitation.id,
            agent: dispatch.invitation.agent,
            answer,
            status: BidStatus::Received,
            score: None,
            presented: false,
            received_at: at,
        });
        ended(dispatch, Ending { outcome: said.outcome, detail, at }, bid, last_send)
    }

    /// Writes what came, together. What has its outcome already keeps it; whose claim is gone is dropped by the loop.
    async fn keep(&mut self, context: &Context, claimed: &Claimed, arrivals: Arrivals) -> Step {
        if arrivals.is_empty() {
            return Ok(());
        }
        arrivals.ended.iter().for_each(|ended| drop(self.open.remove(&ended.invitation)));
        self.progress.open = self.open.len();
        let keeping = || context.store.keep(claimed, &arrivals, context.clock.now());
        let Guarded::Done(kept) = context.patiently(keeping).await? else { return Ok(()) };
        self.is_read = false;
        for ended in arrivals.ended.iter().filter(|ended| kept.contains(&ended.invitation)) {
            if let Some(bid) = &ended.bid {
                self.progress.bids += 1;
                self.judging.hand(bid, &ended.agent_slug);
            }
        }
        let best = arrivals.judged.iter().map(|judged| judged.verdict.composite).max();
        self.progress.best = self.progress.best.max(best);
        Ok(())
    }
}

fn ended(
    dispatch: &Dispatch,
    ending: Ending,
    bid: Option<Bid>,
    attempt: Option<(AttemptId, AttemptResult)>,
) -> Ended {
    Ended {
        invitation: dispatch.invitation.id,
        agent: dispatch.invitation.agent,
        agent_slug: dispatch.agent_slug.clone(),
        ending,
        bid,
        attempt,
    }
}
