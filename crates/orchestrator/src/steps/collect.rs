//! All invited agents are asked at once. Each outcome is stored as it arrives, each bid is judged as it arrives; the
//! phase ends when its close policy is met, or at its deadline.
//!
//! What comes by callback or from a worker is stored by the API. This step sees it when it looks again; while nothing
//! but that is awaited the task is parked, and any arrival makes it ready.

use crate::call::Letter;
use crate::calls::Calls;
use crate::journal::StepJournal;
use crate::steps::score::{self, Yardstick};
use crate::{Context, error::StepError, pump::Step, slots::Slot};
use futures::StreamExt;
use gavel_dispatcher::{Begun, Call, Said, Settled};
use gavel_domain::bid::{Bid, BidStatus};
use gavel_domain::invitation::{AttemptResult, Ending, Outcome};
use gavel_domain::task::{PhaseProgress, Task};
use gavel_domain::{AttemptId, BidId, InvitationId, Ppm, Timestamp};
use gavel_store::dispatches::Dispatch;
use gavel_store::invitations::Ended;
use gavel_store::scores::PhaseEnd;
use gavel_store::{Claimed, Guarded};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often the step looks for results that came to another replica and whose hint was lost.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) async fn run(context: &Context, claimed: Claimed, slot: &mut Slot) -> Step {
    let task = claimed.task().clone();
    let mut news = context.store.hints().watch_decisions(task.id);
    let mut phase = Phase::gather(context, &claimed, &task).await?;
    let calls = phase.calls(context, &claimed, slot.calls()).await?;
    let mut under_way = calls.len();
    let mut settled = StepJournal::dispatcher(context, &claimed, slot.calls()).fan_out(calls);

    while !phase.is_over(context) {
        if under_way == 0 {
            let (seen, until) = (phase.seen, phase.next_deadline());
            return Ok(context.store.park(claimed.lease(), seen, until, context.clock.now()).await?);
        }
        let look = phase.next_look(context);
        let news = async {
            tokio::select! {
                biased;
                Some(settled) = settled.next() => Some(settled),
                () = news.changed() => None,
                () = tokio::time::sleep(look) => None,
            }
        };
        match slot.leave_while(news).await {
            Some(settled) => {
                under_way -= 1;
                let was_sent = settled.last_send.is_some();
                phase.record(context, &claimed, settled).await?;
                slot.calls().end(usize::from(was_sent));
            }
            None => phase.catch_up(context, &claimed).await?,
        }
    }
    close(context, claimed, phase).await
}

/// Ends the phase. What our door accepted meanwhile is judged first: who was told that its work is in is in.
async fn close(context: &Context, claimed: Claimed, mut phase: Phase<'_>) -> Step {
    loop {
        phase.judge(context, &claimed).await?;
        let now = context.clock.now();
        let in_time = phase.task.expires_at.is_none_or(|until| now < until);
        let open_become = if in_time { Outcome::Superseded } else { Outcome::Late };
        let until = now + context.settings.timers.review_window;
        match context.store.close_phase(&claimed, &phase.unjudged, open_become, until, now).await? {
            Guarded::Done(PhaseEnd::BidsToJudge) => {} // no more than were asked
            Guarded::Done(PhaseEnd::Closed) | Guarded::Lost => return Ok(()),
        }
    }
}

/// Where the phase stands; after a restart it is gathered from what was stored.
struct Phase<'a> {
    task: &'a Task,
    yardstick: Yardstick,
    open: BTreeMap<InvitationId, Dispatch>,
    progress: PhaseProgress,
    /// Bids that the judge failed at: they stay unscored.
    unjudged: BTreeSet<BidId>,
    /// The task's events when all this was read.
    seen: i64,
}

impl<'a> Phase<'a> {
    async fn gather(context: &Context, claimed: &Claimed, task: &'a Task) -> Result<Self, StepError> {
        let progress = PhaseProgress { open: 0, bids: 0, best: None };
        let yardstick = Yardstick::new(context, task);
        let (open, unjudged) = (BTreeMap::new(), BTreeSet::new());
        let mut phase = Phase { task, yardstick, open, progress, unjudged, seen: 0 };
        phase.catch_up(context, claimed).await?;
        Ok(phase)
    }

    /// Has what came in judged, ends what is overdue, and reads where the phase stands.
    async fn catch_up(&mut self, context: &Context, claimed: &Claimed) -> Step {
        self.judge(context, claimed).await?;
        let (store, task, round) = (&context.store, self.task.id, self.task.round);
        let stands = context.patiently(|| store.progress(task, round)).await?;
        let dispatches = context.patiently(|| store.dispatches(task, round)).await?;
        let open = dispatches.into_iter().filter(|dispatch| dispatch.invitation.ended.is_none());
        self.open = open.map(|dispatch| (dispatch.invitation.id, dispatch)).collect();
        self.seen = stands.event_seq;
        self.progress = PhaseProgress {
            open: self.open.len(),
            bids: stands.scores.len(),
            best: stands.scores.iter().flatten().max().copied(),
        };
        self.end_overdue(context, claimed).await
    }

    /// Judges the bids that the API stored.
    async fn judge(&mut self, context: &Context, claimed: &Claimed) -> Step {
        let unscored = context.patiently(|| context.store.unscored_bids(self.task.id, self.task.round));
        for shown in unscored.await? {
            if !self.unjudged.contains(&shown.bid.id) {
                self.score(context, claimed, (&shown.bid, &shown.agent_slug)).await?;
            }
        }
        Ok(())
    }

    async fn score(
        &mut self,
        context: &Context,
        claimed: &Claimed,
        bid: (&Bid, &str),
    ) -> Result<Option<Ppm>, StepError> {
        let score = score::bid(context, claimed, &self.yardstick, bid).await?;
        if score.is_none() {
            self.unjudged.insert(bid.0.id);
        }
        Ok(score)
    }

    /// Exchanges that end elsewhere than in a send of ours, and whose deadline has passed.
    async fn end_overdue(&mut self, context: &Context, claimed: &Claimed) -> Step {
        let now = context.clock.now();
        let overdue = |dispatch: &&Dispatch| {
            dispatch.awaits_the_door() && dispatch.exchange.as_ref().is_some_and(|x| x.deadline_at < now)
        };
        let due = self.open.values().filter(overdue);
        for dispatch in due.cloned().collect::<Vec<_>>() {
            let Some(exchange) = &dispatch.exchange else { continue };
            let ended = ended(&dispatch, exchange.unanswered(now), None, None);
            self.end(context, claimed, &ended).await?;
        }
        Ok(())
    }

    /// The calls to be made now. Those whose agents have a place free are begun, their attempts written together; the
    /// others wait for their turn. A send that was lost with an earlier process counts.
    async fn calls(
        &mut self,
        context: &Context,
        claimed: &Claimed,
        under_way: &Calls,
    ) -> Result<Vec<(Call, Option<Begun>)>, StepError> {
        let letter = Letter::prototype(context, self.task);
        let now = context.clock.now();
        let (mut calls, mut attempts, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        let mut places = BTreeMap::new();
        for (&id, dispatch) in &self.open {
            let Some(exchange) = dispatch.exchange.as_ref().filter(|_| !dispatch.awaits_the_door()) else {
                continue;
            };
            let sendable = dispatch.sends < gavel_domain::limits::SENDS_MAX && exchange.deadline_at > now;
            let is_charged = match sendable {
                true => dispatch.has_all_its_time(),
                false => exchange.deadline_is_own_limit,
            };
            let call = letter.call(context, dispatch, (exchange.deadline_at, is_charged))?;
            if sendable && let Some(place) = context.lanes.try_place(&call.ask) {
                let attempt = letter.attempt(context, dispatch, now);
                places.insert(attempt.id, place);
                attempts.push(attempt);
            } else if sendable {
                waiting.push(call.key);
            }
            calls.push((id, call));
        }
        under_way.begin(attempts.len());
        let begun = match attempts.is_empty() && waiting.is_empty() {
            true => Vec::new(),
            false => match context.store.begin_attempts(claimed.lease(), &attempts, &waiting).await? {
                Guarded::Done(begun) => begun,
                Guarded::Lost => return Ok(Vec::new()), // the loop notices and drops this step
            },
        };
        under_way.end(attempts.len() - begun.len());
        let mut begun: BTreeMap<InvitationId, Begun> = attempts
            .iter()
            .filter(|attempt| begun.contains(&attempt.id))
            .filter_map(|a| Some((a.invitation, Begun { attempt: a.id, place: places.remove(&a.id)? })))
            .collect();
        Ok(calls.into_iter().map(|(id, call)| (call, begun.remove(&id))).collect())
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
        let left = self.time_left(context);
        if self.awaits_the_door() { left.min(LOOK) } else { left }
    }

    /// When something must end, whatever arrives until then.
    fn next_deadline(&self) -> Timestamp {
        let exchanges = self.open.values().filter_map(|dispatch| dispatch.exchange.as_ref());
        // A result at the very instant still counts.
        let own = exchanges.map(|exchange| exchange.deadline_at + chrono::TimeDelta::milliseconds(1));
        own.chain(self.task.expires_at).min().unwrap_or(Timestamp::MAX_UTC)
    }

    /// Stores what came of one call and judges the bid, if there is one.
    async fn record(&mut self, context: &Context, claimed: &Claimed, settled: Settled) -> Step {
        let Some(dispatch) = self.open.get(&settled.key.invitation).cloned() else { return Ok(()) };
        match settled.said {
            Said::Acknowledged { .. } => {
                if let Some((attempt, result)) = &settled.last_send {
                    context.patiently(|| context.store.acknowledge(settled.key, *attempt, result)).await?;
                }
                self.catch_up(context, claimed).await
            }
            Said::Ended(said) => {
                let said = *said;
                let at = settled.last_send.as_ref().map_or_else(|| context.clock.now(), |(_, r)| r.ended_at);
                let detail = (said.outcome != Outcome::Valid).then_some(said.code);
                let ending = Ending { outcome: said.outcome, detail, at };
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
                self.end(context, claimed, &ended(&dispatch, ending, bid, settled.last_send)).await
            }
        }
    }

    async fn end(&mut self, context: &Context, claimed: &Claimed, ended: &Ended) -> Step {
        self.open.remove(&ended.invitation);
        self.progress.open = self.open.len();
        if let Guarded::Lost = context.patiently(|| context.store.end_invitation(claimed, ended)).await? {
            return Ok(()); // it has its outcome already, or the loop notices that the claim is gone
        }
        if let Some(bid) = &ended.bid {
            self.progress.bids += 1;
            let score = self.score(context, claimed, (bid, &ended.agent_slug)).await?;
            self.progress.best = self.progress.best.max(score);
        }
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
