//! A benchmark's task has nobody to choose from: its one agent is asked, whatever keeps it from real tasks. All that
//! follows is every task's way.

use crate::call::Letter;
use crate::calls::Calls;
use crate::steps::collect::First;
use crate::steps::matching::begin;
use crate::{Context, error::StepError, probes};
use gavel_dispatcher::plan::deadline_for;
use gavel_domain::agent::Agent;
use gavel_domain::benchmark::Assignment;
use gavel_domain::invitation::{Invitation, Mode};
use gavel_domain::task::Task;
use gavel_domain::{InvitationId, Timestamp};
use gavel_store::decisions::Decision;
use gavel_store::rounds::NewRound;
use gavel_store::{Claimed, Guarded};
use gavel_triage::{BENCHMARK, Tier};
use serde_json::json;
use std::collections::BTreeMap;

/// open or matching -> prototyping with the agent that the task was made for.
pub(super) async fn run(
    context: &Context,
    claimed: Claimed,
    about: &Assignment,
    under_way: &Calls,
) -> Result<Option<(Claimed, First)>, StepError> {
    let (now, task) = (context.clock.now(), claimed.task().clone());
    let Some((agent, _)) = context.store.agent(about.agent).await? else {
        let _: Guarded<()> = context.store.nobody_eligible(claimed, &decision(&task, None), now).await?;
        return Ok(None);
    };
    let letter = Letter::prototype(context, &task);
    let round = round(context, &letter, &agent, now);
    let begun = begin(context, claimed, (round, &letter), under_way, now).await?;
    probes::before_dispatch(context, [agent.id]); // beside the dispatch, as always
    Ok(begun)
}

fn round(context: &Context, letter: &Letter<'_>, agent: &Agent, now: Timestamp) -> NewRound {
    let (timers, task) = (&context.settings.timers, letter.task);
    let phase_deadline = now + timers.phase_limit([agent.execution_mode].into_iter());
    let limit = timers.call_limit(agent.execution_mode, Mode::Prototype, &task.brief.category);
    let deadline = deadline_for(now, limit, phase_deadline);
    let invitation = Invitation {
        id: InvitationId::new(now, &*context.chance),
        task: task.id,
        round: task.round,
        agent: agent.id,
        created_at: now,
        deadline_at: deadline.at,
        deadline_is_own_limit: deadline.is_own_limit,
        boosted: false,
        ended: None,
    };
    NewRound {
        decision: decision(task, Some(agent)),
        invitations: vec![invitation],
        letter: letter.text(),
        phase_deadline,
        under_supplied: false,
    }
}

/// The record of a choice that was none: nothing was weighed and nothing drawn.
fn decision(task: &Task, agent: Option<&Agent>) -> Decision {
    let candidate = |agent: &Agent| {
        json!({ "agent": agent.id.to_string(), "slug": agent.slug, "tier": Tier::NewChallenger.name(),
                "reason": "chosen" })
    };
    let candidates: Vec<_> = agent.map(candidate).into_iter().collect();
    let document = json!({ "version": 1, "policy": BENCHMARK, "category": task.brief.category, "agents_wanted": 1,
                           "under_supplied": candidates.is_empty(), "no_capability": 0, "candidates": candidates });
    Decision { document: document.to_string(), contents: BTreeMap::new() }
}
