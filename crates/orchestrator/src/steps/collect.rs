//! All invited agents are asked at once. Each outcome is stored as it arrives, each bid is judged as it arrives; the
//! phase ends when its close policy is met, or at its deadline.

use crate::call::Letter;
use crate::journal::StepJournal;
use crate::steps::score::{self, Yardstick};
use crate::{Context, error::StepError, pump::Step};
use futures::StreamExt;
use gavel_dispatcher::{Call, Settled};
use gavel_domain::bid::{Bid, BidStatus};
use gavel_domain::invitation::{Ending, Outcome};
use gavel_domain::task::{PhaseProgress, Task};
use gavel_domain::{BidId, InvitationId, Ppm, Timestamp};
use gavel_store::invitations::{Dispatch, Ended};
use gavel_store::{Claimed, Guarded};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) async fn run(context: &Context, claimed: Claimed) -> Step {
    let task = claimed.task().clone();
    let mut phase = Phase::gather(context, &claimed, &task).await?;

    let calls = phase.calls(context, &claimed).await?;
    let mut settled = StepJournal::dispatcher(context, &claimed).fan_out(calls);
    let deadline = tokio::time::sleep(phase.time_left(context));
    tokio::pin!(deadline);

    while !task.wishes.close.is_met(phase.progress) {
        tokio::select! {
            biased;
            Some(settled) = settled.next() => phase.record(context, &claimed, settled).await?,
            () = &mut deadline => break,
        }
    }

    let now = context.clock.now();
    let in_time = task.expires_at.is_none_or(|until| now < until);
    let open_become = if in_time { Outcome::Superseded } else { Outcome::Late };
    let review_until = now + context.settings.timers.review_window;
    let _: Guarded<()> = context.store.close_phase(claimed, open_become, review_until, now).await?;
    Ok(())
}

/// Where the phase stands; after a restart it is gathered from what was stored.
struct Phase<'a> {
    task: &'a Task,
    yardstick: Yardstick,
    open: BTreeMap<InvitationId, Dispatch>,
    progress: PhaseProgress,
}

impl<'a> Phase<'a> {
    async fn gather(context: &Context, claimed: &Claimed, task: &'a Task) -> Result<Self, StepError> {
        let yardstick = Yardstick::new(context, task);
        for bid in context.store.unscored_bids(task.id, task.round).await? {
            score::bid(context, claimed, &yardstick, &bid).await?;
        }
        let bids = context.store.gallery(task.id).await?;
        let of_round = bids.iter().filter(|g| g.bid.round == task.round);
        let scores: Vec<Option<Ppm>> = of_round.map(|g| g.bid.score).collect();
        let dispatches = context.store.dispatches(task.id, task.round).await?;
        let open: BTreeMap<_, _> = dispatches
            .into_iter()
            .filter(|dispatch| dispatch.invitation.ended.is_none())
            .map(|dispatch| (dispatch.invitation.id, dispatch))
            .collect();
        let best = scores.iter().flatten().max().copied();
        let progress = PhaseProgress { open: open.len(), bids: scores.len(), best };
        Ok(Phase { task, yardstick, open, progress })
    }

    /// The calls to be made now, their attempts written. A send that was lost with an earlier process counts.
    async fn calls(&mut self, context: &Context, claimed: &Claimed) -> Result<Vec<Call>, StepError> {
        let letter = Letter::prototype(context, self.task);
        let now = context.clock.now();
        let (mut calls, mut attempts) = (Vec::new(), Vec::new());
        for dispatch in self.open.values() {
            let sendable = dispatch.sends < gavel_domain::limits::SENDS_MAX;
            let attempt = match dispatch.open_attempt {
                Some(last) if !sendable => last,
                _ => {
                    attempts.push(letter.attempt(context, dispatch, now));
                    attempts[attempts.len() - 1].id
                }
            };
            let deadline = (dispatch.invitation.deadline_at, dispatch.invitation.deadline_is_own_limit);
            calls.push(letter.call(context, dispatch, attempt, deadline)?);
        }
        match context.store.begin_attempts(claimed.lease(), &attempts).await? {
            Guarded::Done(()) => Ok(calls),
            Guarded::Lost => Ok(Vec::new()), // the loop notices and drops this step
        }
    }

    fn time_left(&self, context: &Context) -> Duration {
        let until = self.task.expires_at.unwrap_or_else(|| context.clock.now());
        (until - context.clock.now()).to_std().unwrap_or_default()
    }

    /// Stores one outcome and judges the bid, if there is one.
    async fn record(&mut self, context: &Context, claimed: &Claimed, settled: Settled) -> Step {
        let Some(dispatch) = self.open.remove(&settled.invitation) else { return Ok(()) };
        let ended = ended(context, self.task, &dispatch, settled);
        if let Guarded::Lost = context.store.end_invitation(claimed, &ended).await? {
            return Ok(());
        }
        self.progress.open -= 1;
        if let Some(bid) = ended.bid {
            self.progress.bids += 1;
            let score = score::bid(context, claimed, &self.yardstick, &bid).await?;
            self.progress.best = self.progress.best.max(score);
        }
        Ok(())
    }
}

fn ended(context: &Context, task: &Task, dispatch: &Dispatch, settled: Settled) -> Ended {
    let at: Timestamp = settled.result.ended_at;
    let answer = settled.ended.answer;
    let outcome = settled.ended.outcome;
    let detail = (outcome != Outcome::Valid).then_some(settled.ended.code);
    Ended {
        invitation: dispatch.invitation.id,
        agent: dispatch.invitation.agent,
        agent_slug: dispatch.agent_slug.clone(),
        last_probe: dispatch.last_probe,
        ending: Ending { outcome, detail, at },
        bid: answer.map(|answer| Bid {
            id: BidId::new(at, &*context.chance),
            task: task.id,
            round: task.round,
            invitation: dispatch.invitation.id,
            agent: dispatch.invitation.agent,
            answer,
            status: BidStatus::Received,
            score: None,
            presented: false,
            received_at: at,
        }),
        attempt: Some((settled.attempt, settled.result)),
    }
}
