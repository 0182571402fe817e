//! Whom do we ask? Everything triage needs is gathered, it decides, and the decision is stored with every invitation
//! before anything is sent.

use crate::call::Letter;
use crate::calls::Calls;
use crate::steps::{benchmark, collect::First, plan::Plan};
use crate::{Context, error::StepError, probes, pump::Step};
use chrono::TimeDelta;
use gavel_dispatcher::plan::deadline_for;
use gavel_domain::agent::{ExecutionMode, Visibility};
use gavel_domain::benchmark::Assignment;
use gavel_domain::invitation::{Invitation, Mode};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::policy::MoneyMode;
use gavel_domain::task::Task;
use gavel_domain::{AgentId, InvitationId, Money, Timestamp};
use gavel_store::agents::Facts;
use gavel_store::dispatches::Dispatch;
use gavel_store::rounds::{NewRound, Recorded};
use gavel_store::{Claimed, Guarded};
use gavel_triage::{Candidate, Chosen, Gate, Input, Reason, Record, Standing, TaskFacts, Tier, decide, seed};
use std::collections::BTreeMap;

/// Boosted dispatches are counted over this long.
const BOOST_WINDOW: TimeDelta = TimeDelta::days(30);

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
    let (input, asked_how) = gather(context, claimed.task(), now).await?;

    let record = decide(&input, &context.settings.triage);
    let decision =
        serde_json::to_string(&record).map_err(|source| StepError::Document { what: "decision", source })?;

    if record.chosen.len() < context.settings.agents_min.max(1) {
        if somebody_is_only_busy(&record) && now < claimed.task().created_at + context.settings.busy_wait {
            wait(context, claimed, now).await?;
        } else {
            let _: Guarded<()> = context.store.nobody_eligible(claimed, &decision, now).await?;
        }
        return Ok(None);
    }

    let task = claimed.task().clone();
    let letter = Letter::prototype(context, &task);
    let round = round(context, &letter, (&record, &asked_how), decision, now)?;
    let asked: Vec<AgentId> = round.invitations.iter().map(|invitation| invitation.agent).collect();
    let begun = begin(context, claimed, (round, &letter), under_way, now).await?;
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

/// Whether waiting may help: an agent was kept out by nothing but the calls it has under way.
fn somebody_is_only_busy(record: &Record) -> bool {
    record.candidates.iter().any(|candidate| candidate.reason == Reason::Gated(Gate::AtCapacity))
}

/// How each candidate wants to be asked.
type AskedHow = BTreeMap<AgentId, ExecutionMode>;

async fn gather(context: &Context, task: &Task, now: Timestamp) -> Result<(Input, AskedHow), StepError> {
    let category = &task.brief.category;
    let (facts, no_capability) = context.store.candidates(category, task.test, now - BOOST_WINDOW).await?;
    let secret = context.vault.derive("triage");
    let asked_how = facts.iter().map(|facts| (facts.agent.id, facts.agent.execution_mode)).collect();
    let input = Input {
        task: task_facts(context, task),
        candidates: facts.into_iter().map(|facts| candidate(context, task, facts, now)).collect(),
        no_capability,
        agents: task.wishes.agents,
        experimentation_milli: task.wishes.experimentation_milli,
        seed: context.settings.forced_seed.unwrap_or_else(|| seed(&secret, task.id, task.round)),
    };
    Ok((input, asked_how))
}

fn task_facts(context: &Context, task: &Task) -> TaskFacts {
    let routing = &task.wishes.routing;
    TaskFacts {
        category: task.brief.category.clone(),
        task_type: task.brief.task_type.clone(),
        budget_minor: task.budget.minor(),
        buyer: task.account.to_string(),
        only: routing.only.clone(),
        ignore: routing.ignore.clone(),
        buyer_payout_account: None, // buyers have no payout account of their own yet
        max_price_minor: routing.max_price.map(Money::minor),
        exclude: Vec::new(),
        money_on: context.settings.money.mode != MoneyMode::Off,
    }
}

fn candidate(context: &Context, task: &Task, facts: Facts, now: Timestamp) -> Candidate {
    let Facts { agent, record, scores, in_flight, owner, boosted_lately } = facts;
    let active_since = record.last_active_at.or(agent.activated_at).unwrap_or(agent.created_at);
    Candidate {
        agent: agent.id.to_string(),
        draw_number: agent.draw_number,
        slug: agent.slug,
        owner: owner.to_string(),
        payout_account: agent.developer.to_string(),
        capable: true,
        payout_ready: true, // the built-in ledger pays every developer
        active: agent.active,
        paused: agent.paused,
        visible: matches!(agent.visibility, Visibility::Live | Visibility::Beta),
        declines_type: false,
        health_fails: agent.health.fails,
        in_flight,
        max_concurrency: agent.max_concurrency,
        min_price_minor: agent.min_price.minor(),
        tier: Tier::without_history(record.real_tasks, &context.settings.triage),
        standing: Standing {
            scores: scores.into_iter().map(gavel_domain::Ppm::get).collect(),
            benchmark: Vec::new(),
            idle_seconds: u64::try_from((now - active_since).num_seconds()).unwrap_or(0),
            real_tasks: record.real_tasks,
            succeeded: record.succeeded(),
            counted: record.counted(),
            specialist: agent.specialist_task_types.contains(&task.brief.task_type),
            account_boosted: boosted_lately,
            beta: agent.visibility == Visibility::Beta,
        },
    }
}

fn round(
    context: &Context,
    letter: &Letter<'_>,
    (record, asked_how): (&Record, &AskedHow),
    decision: String,
    now: Timestamp,
) -> Result<NewRound, StepError> {
    let task = letter.task;
    let chosen: Vec<(&Chosen, AgentId)> =
        record.chosen.iter().map(|chosen| Ok((chosen, id_of(chosen)?))).collect::<Result<_, StepError>>()?;
    let how = |agent: AgentId| asked_how.get(&agent).copied().unwrap_or(ExecutionMode::Sync);
    let timers = &context.settings.timers;
    let phase_deadline = now + timers.phase_limit(chosen.iter().map(|(_, agent)| how(*agent)));
    let invitation = |(chosen, agent): (&Chosen, AgentId)| {
        let limit = timers.call_limit(how(agent), Mode::Prototype, &task.brief.category);
        let deadline = deadline_for(now, limit, phase_deadline);
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
    };
    Ok(NewRound {
        decision,
        invitations: chosen.into_iter().map(invitation).collect(),
        letter: letter.text(),
        phase_deadline,
        under_supplied: record.under_supplied,
    })
}

fn id_of(chosen: &Chosen) -> Result<AgentId, StepError> {
    let unknown = |_| StepError::Missing(format!("triage chose {}, no agent's id", chosen.agent));
    chosen.agent.parse().map_err(unknown)
}
