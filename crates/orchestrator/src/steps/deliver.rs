//! The winner finishes the work, then the buyer answers. What is pending is sent; what is ready waits; silence ends
//! the wait by policy.

use crate::call::Letter;
use crate::journal::StepJournal;
use crate::{Context, error::StepError, pump::Step, slots::Slot};
use chrono::TimeDelta;
use gavel_dispatcher::{Ask, Begun, Place, Said, Settled};
use gavel_domain::Timestamp;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::bid::Bid;
use gavel_domain::delivery::{Delivery, DeliveryStatus};
use gavel_domain::exchange::{Exchange, ExchangeKey};
use gavel_domain::invitation::{Mode, Outcome};
use gavel_domain::limits::SENDS_MAX;
use gavel_domain::policy::Silence;
use gavel_store::dispatches::Dispatch;
use gavel_store::{Claimed, Guarded};
use std::time::Duration;

pub(crate) async fn run(context: &Context, claimed: Claimed, slot: &mut Slot) -> Step {
    let task = claimed.task().id;
    let delivery = context.store.latest_delivery(task).await?;
    let delivery = delivery
        .ok_or_else(|| StepError::Missing(format!("task {task} is delivering but has no delivery")))?;
    match delivery.status {
        DeliveryStatus::Pending => finish(context, claimed, slot, delivery).await,
        DeliveryStatus::Ready => await_answer(context, claimed, delivery).await,
        // Frozen, or about to be followed by the next row: nothing for the loop to do.
        DeliveryStatus::Disputed
        | DeliveryStatus::RevisionRequested
        | DeliveryStatus::Approved
        | DeliveryStatus::Failed => Ok(context.store.release(claimed.lease(), None).await?),
    }
}

/// Makes the final call and records what came of it. While its result is awaited at our door the task is parked; the
/// result makes it ready.
async fn finish(context: &Context, claimed: Claimed, slot: &mut Slot, delivery: Delivery) -> Step {
    let Some((winner, dispatch)) = winner(context, &claimed, &delivery).await? else {
        return fail(context, claimed, &delivery, Outcome::PlatformFault).await;
    };
    let now = context.clock.now();
    match &dispatch.exchange {
        Some(Exchange { ended: Some(ended), .. }) => {
            let outcome = ended.outcome;
            fail(context, claimed, &delivery, outcome).await
        }
        Some(exchange) if dispatch.awaits_the_door() && exchange.deadline_at < now => {
            let outcome = exchange.unanswered(now).outcome;
            fail(context, claimed, &delivery, outcome).await
        }
        Some(exchange) if dispatch.awaits_the_door() => {
            wait_for_result(context, claimed, exchange.deadline_at).await
        }
        _ => call(context, claimed, slot, delivery, (winner, dispatch)).await,
    }
}

async fn call(
    context: &Context,
    claimed: Claimed,
    slot: &mut Slot,
    delivery: Delivery,
    (winner, dispatch): (Bid, Dispatch),
) -> Step {
    let task = claimed.task().clone();
    let letter =
        Letter::finishing(context, &task, delivery.revision, winner.answer.price, delivery.notes.as_deref());
    let begin = Begin { context, claimed: &claimed, delivery: &delivery, letter: &letter };
    match Box::pin(begin.when_there_is_a_place(slot, dispatch)).await? {
        Beginning::Lost => Ok(()), // the loop notices that the claim is gone
        Beginning::Later => {
            let again_at = context.clock.now() + TimeDelta::from_std(BUSY_ELSEWHERE).unwrap_or_default();
            Ok(context.store.release(claimed.lease(), Some(again_at)).await?)
        }
        Beginning::TooLate => Box::pin(fail(context, claimed, &delivery, Outcome::PlatformFault)).await,
        Beginning::ToBeFetched { deadline_at } => {
            Box::pin(wait_for_result(context, claimed, deadline_at)).await
        }
        Beginning::Sent { deadline_at, dispatch, begun } => {
            let call = letter.call(context, &dispatch, (deadline_at, dispatch.has_all_its_time()))?;
            let exchange = StepJournal::dispatcher(context, &claimed, slot.calls());
            let settled = slot.leave_while(exchange.exchange(&call, Some(begun))).await;
            Box::pin(record(context, claimed, &Delivery { deadline_at, ..delivery }, settled)).await
        }
    }
}

/// How a final call begins.
enum Beginning {
    /// Its attempt is written and its place is taken.
    Sent { deadline_at: Timestamp, dispatch: Box<Dispatch>, begun: Begun },
    /// A worker will fetch it; its place is taken.
    ToBeFetched { deadline_at: Timestamp },
    /// We were away too long.
    TooLate,
    /// The winner is busy, and too many steps wait already.
    Later,
    /// The claim is gone.
    Lost,
}

/// A final call that is to begin.
struct Begin<'a> {
    context: &'a Context,
    claimed: &'a Claimed,
    delivery: &'a Delivery,
    letter: &'a Letter<'a>,
}

impl Begin<'_> {
    /// Waits for a place before the limit runs and before a send is written down: a winner that is busy has not been
    /// asked. While we wait its developer may change its key, its address or how much it takes.
    async fn when_there_is_a_place(
        &self,
        slot: &mut Slot,
        mut dispatch: Dispatch,
    ) -> Result<Beginning, StepError> {
        loop {
            let planned = self.wish(&dispatch);
            let place = match &planned {
                (ExecutionMode::Pull, _) => None,
                (_, ask) => match self.place(slot, ask).await {
                    Some(place) => Some(place),
                    None => return Ok(Beginning::Later),
                },
            };
            dispatch = self.newest(dispatch).await?;
            if self.wish(&dispatch) != planned {
                continue;
            }
            let is_sent = usize::from(place.is_some());
            slot.calls().begin(is_sent); // until the end of this step
            if let Some(beginning) = self.now(&dispatch, place).await? {
                return Ok(beginning);
            }
            slot.calls().end(is_sent);
            if !slot.step_outside() {
                return Ok(Beginning::Later);
            }
            tokio::time::sleep(BUSY_ELSEWHERE).await;
        }
    }

    fn wish(&self, dispatch: &Dispatch) -> (ExecutionMode, Ask) {
        (dispatch.execution_mode, self.letter.ask(dispatch))
    }

    /// A place, at once or after a wait outside. The step stays there, for it must not wait for a slot while it has a
    /// place that others in their slots may wait for.
    async fn place(&self, slot: &mut Slot, ask: &Ask) -> Option<Place> {
        let lanes = &self.context.lanes;
        match lanes.try_place(ask) {
            Some(place) => Some(place),
            None if slot.step_outside() => Some(lanes.place(ask).await),
            None => None,
        }
    }

    async fn newest(&self, known: Dispatch) -> Result<Dispatch, StepError> {
        let key = self.letter.key(&known);
        let missing = || StepError::Missing(format!("the invitation of {key} is gone"));
        self.context.store.dispatch(key).await?.ok_or_else(missing)
    }

    /// `None`: the winner is busy with calls of another process, of one before, or with what its worker fetched.
    async fn now(&self, dispatch: &Dispatch, place: Option<Place>) -> Result<Option<Beginning>, StepError> {
        let now = self.context.clock.now();
        let deadline_at = self.deadline(dispatch, now);
        if dispatch.sends >= SENDS_MAX || deadline_at <= now {
            return Ok(Some(Beginning::TooLate));
        }
        let delivery = Delivery { deadline_at, ..self.delivery.clone() };
        let attempt = place.is_some().then(|| self.letter.attempt(self.context, dispatch, now));
        let (text, store) = (self.letter.text(), &self.context.store);
        let letter = (&dispatch.invitation, text.as_str());
        match store.begin_final_call(self.claimed, &delivery, letter, attempt.as_ref(), now).await? {
            Guarded::Lost => Ok(Some(Beginning::Lost)),
            Guarded::Done(false) => Ok(None),
            Guarded::Done(true) => Ok(Some(match attempt.zip(place) {
                None => Beginning::ToBeFetched { deadline_at },
                Some((attempt, place)) => {
                    let (begun, dispatch) =
                        (Begun { attempt: attempt.id, place }, Box::new(dispatch.clone()));
                    Beginning::Sent { deadline_at, dispatch, begun }
                }
            })),
        }
    }

    /// The call's limit runs from its first send; a restart does not move it.
    fn deadline(&self, dispatch: &Dispatch, now: Timestamp) -> Timestamp {
        if dispatch.sends > 0 {
            return self.delivery.deadline_at;
        }
        if let Some(exchange) = &dispatch.exchange {
            return exchange.deadline_at;
        }
        let category = &self.claimed.task().brief.category;
        let timers = &self.context.settings.timers;
        now + timers.call_limit(dispatch.execution_mode, Mode::Final, category)
    }
}

/// How long before a winner that was busy elsewhere is asked for again.
const BUSY_ELSEWHERE: Duration = Duration::from_millis(500);

async fn winner(
    context: &Context,
    claimed: &Claimed,
    delivery: &Delivery,
) -> Result<Option<(Bid, Dispatch)>, StepError> {
    let Some(bid) = context.store.selected_bid(claimed.task().id).await? else { return Ok(None) };
    let key = ExchangeKey { invitation: bid.invitation, mode: Mode::Final, revision: delivery.revision };
    let dispatch = context.store.dispatch(key).await?;
    Ok(dispatch.map(|dispatch| (bid, dispatch)))
}

/// What the winner said is stored as soon as it can be: it is asked for no work twice.
async fn record(context: &Context, claimed: Claimed, delivery: &Delivery, settled: Settled) -> Step {
    let (store, clock) = (&context.store, &context.clock);
    let ended = match settled.said {
        Said::Ended(ended) => *ended,
        Said::Acknowledged { .. } => {
            if let Some((attempt, result)) = &settled.last_send {
                context.patiently(|| store.acknowledge(settled.key, *attempt, result)).await?;
            }
            return wait_for_result(context, claimed, delivery.deadline_at).await;
        }
    };
    match (ended.answer, settled.last_send) {
        (Some(answer), Some((attempt, result))) => {
            let storing = || {
                let now = clock.now();
                let (until, last_send) = (now + context.settings.timers.answer_window, (attempt, &result));
                store.delivery_ready(&claimed, delivery, &answer, last_send, until, now)
            };
            let _: Guarded<()> = context.patiently(storing).await?;
            Ok(())
        }
        (_, last_send) => {
            if let Some((attempt, result)) = last_send {
                context.patiently(|| store.end_attempt(attempt, &result)).await?;
            }
            fail(context, claimed, delivery, ended.outcome).await
        }
    }
}

/// Parks the task until its result is at our door, or too late. A result at the very instant still counts.
async fn wait_for_result(context: &Context, claimed: Claimed, deadline_at: Timestamp) -> Step {
    let until = deadline_at + TimeDelta::milliseconds(1);
    Ok(context.store.release(claimed.lease(), Some(until)).await?)
}

async fn fail(context: &Context, claimed: Claimed, delivery: &Delivery, outcome: Outcome) -> Step {
    let settle = context.settlement(claimed.task().test);
    let (store, clock) = (&context.store, &context.clock);
    let storing = || store.delivery_failed(&claimed, delivery, outcome, settle.as_ref(), clock.now());
    let _: Guarded<()> = context.patiently(storing).await?;
    Ok(())
}

async fn await_answer(context: &Context, claimed: Claimed, delivery: Delivery) -> Step {
    let now = context.clock.now();
    if let Some(until) = claimed.task().expires_at.filter(|until| *until > now) {
        return Ok(context.store.release(claimed.lease(), Some(until)).await?);
    }
    let settle = context.settlement(claimed.task().test);
    let _: Guarded<()> = match context.settings.timers.on_silence {
        Silence::Approve => {
            context.store.approve_by_silence(claimed, &delivery, settle.as_ref(), now).await?
        }
        Silence::Expire => context.store.lapse(claimed, "answer_window_lapsed", settle.as_ref(), now).await?,
    };
    Ok(())
}
