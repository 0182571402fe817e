//! Whom do we ask? Everything triage needs is gathered, it decides, and the decision is stored with every invitation
//! before anything is sent.

use crate::call::Letter;
use crate::calls::Calls;
use crate::steps::{benchmark, collect::First, plan::Plan};
use crate::{Context, error::StepError, probes, pump::Step};
use chrono::TimeDelta;
use gavel_candidates::Decision;
use gavel_dispatcher::plan::deadline_for;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::benchmark::Assignment;
use gavel_domain::invitation::{Invitation, Mode};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::task::Task;
use gavel_domain::{AgentId, InvitationId, Timestamp};
use gavel_store::dispatches::Dispatch;
use gavel_store::rounds::{NewRound, Recorded};
use gavel_store::{Claimed, Guarded};
use gavel_triage::{Chosen, Gate, Reason, seed};

/// How often it is looked again while everybody who could be asked is busy.
const BUSY_LOOK: TimeDelta = TimeDelta::seconds(1);

/// open or matching -> prototyping, or expired when nobody can be asked. A burst of tasks for few agents waits a while for
/// them. Gives the claim on a task whose agents are to be asked now, and their calls.
pub(super) async fn run(
    context: &Context,
    claimed: Claimed,
    under_way: &Calls,
) -> Result<Option<(Claimed, First)>, StepError> {
    if let Some(about) = Assignment::of(claimed.task()) {
        return benchmark::run(context, claimed, &about, under_way).await;
    }
    let now = context.clock.now();
    let task = claimed.task().clone();
    let decision = decide(context, &task, now).await?;

    if decision.record.chosen.len() < context.settings.agents_min.max(1) {
        let is_early = now < task.created_at + context.settings.busy_wait;
        if is_early && decision.record.has(Reason::Gated(Gate::AtCapacity)) {
            wait(context, claimed, now).await?; // somebody was kept out by nothing but the calls it has under way
        } else if let Guarded::Done(()) =
            context.store.nobody_eligible(claimed, &decision.stored(), now).await?
        {
            context.candidates.noted(&task, &decision, now).await;
        }
        return Ok(None);
    }

    let letter = Letter::prototype(context, &task);
    let round = round(context, &letter, &decision, now)?;
    let asked: Vec<AgentId> = round.invitations.iter().map(|invitation| invitation.agent).collect();
    let begun = begin(context, claimed, (round, &letter), under_way, now).await?;
    if begun.is_some() {
        context.candidates.noted(&task, &decision, now).await;
    }
    probes::before_dispatch(context, asked); // beside the dispatch, never before it
    Ok(begun)
}

/// Stores the round and the first sends of it, which may leave then.
pub(super) async fn begin(
    context: &Context,
    claimed: Claimed,
    (round, letter): (NewRound, &Letter<'_>),
    under_way: &Calls,
    now: Timestamp,
) -> Result<Option<(Claimed, First)>, StepError> {
    let mut planned = Ok(Plan::default());
    let news = context.store.hints().watch_decisions(letter.task.id);
    let first_sends = |dispatches: &[Dispatch]| {
        planned = Plan::of(context, letter, dispatches, under_way);
        planned.as_ref().map(|plan| plan.sends.clone()).unwrap_or_default()
    };
    let recorded = context.store.record_round(claimed, round, first_sends, now).await?;
    let Guarded::Done(Recorded { claimed, dispatches, begun }) = recorded else { return Ok(None) };
    let calls = planned?.begun(&begun, under_way);
    Ok(Some((claimed, First { news, dispatches, calls })))
}

/// Looks again a little later.
async fn wait(context: &Context, claimed: Claimed, now: Timestamp) -> Step {
    let until = now + BUSY_LOOK;
    if claimed.task().state == TaskState::Open {
        let _: Guarded<()> = context.store.start(claimed, until, now).await?;
        return Ok(());
    }
    Ok(context.store.release(claimed.lease(), Some(until)).await?)
}

/// Whom to ask now.
async fn decide(context: &Context, task: &Task, now: Timestamp) -> Result<Decision, StepError> {
    let secret = context.vault.derive("triage");
    let seed = context.settings.forced_seed.unwrap_or_else(|| seed(&secret, task.id, task.round));
    Ok(context.candidates.decide(task, seed, now).await?)
}

fn round(
    context: &Context,
    letter: &Letter<'_>,
    decision: &Decision,
    now: Timestamp,
) -> Result<NewRound, StepError> {
    let task = letter.task;
    let record = &decision.record;
    let chosen: Vec<(&Chosen, AgentId)> =
        record.chosen.iter().map(|chosen| Ok((chosen, id_of(chosen)?))).collect::<Result<_, StepError>>()?;
    let how = |agent: AgentId| decision.asked_how.get(&agent).copied().unwrap_or(ExecutionMode::Sync);
    let timers = &context.settings.timers;
    let phase_deadline = now + timers.phase_limit(chosen.iter().map(|(_, agent)| how(*agent)));
    let until = Task { expires_at: Some(phase_deadline), ..task.clone() };
    Ok(NewRound {
        decision: decision.stored(),
        invitations: chosen
            .into_iter()
            .map(|one| invitation(context, &until, one, how(one.1), now))
            .collect(),
        letter: letter.text(),
        phase_deadline,
        under_supplied: record.under_supplied,
    })
}

/// The invitation of an agent that is asked now, in a phase that ends when the task expires.
pub(super) fn invitation(
    context: &Context,
    task: &Task,
    (chosen, agent): (&Chosen, AgentId),
    how: ExecutionMode,
    now: Timestamp,
) -> Invitation {
    let limit = context.settings.timers.call_limit(how, Mode::Prototype, &task.brief.category);
    let deadline = deadline_for(now, limit, task.expires_at.unwrap_or(now + limit));
    Invitation {
        id: InvitationId::new(now, &*context.chance),
        task: task.id,
        round: task.round,
        agent,
        created_at: now,
        deadline_at: deadline.at,
        deadline_is_own_limit: deadline.is_own_limit,
        boosted: chosen.boosted,
        ended: None,
    }
}

fn id_of(chosen: &Chosen) -> Result<AgentId, StepError> {
    let unknown = |_| StepError::Missing(format!("triage chose {}, no agent's id", chosen.agent));
    chosen.agent.parse().map_err(unknown)
}
