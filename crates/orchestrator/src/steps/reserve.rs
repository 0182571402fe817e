//! Who is asked when fewer answer than the buyer wants bids: the next of the draw, named in the decision.

use crate::call::Letter;
use crate::calls::Calls;
use crate::steps::matching::invitation;
use crate::steps::plan::Plan;
use crate::{Context, error::StepError};
use gavel_dispatcher::{Begun, Call};
use gavel_domain::agent::Agent;
use gavel_domain::task::{PhaseProgress, Task, more_to_ask};
use gavel_domain::{AgentId, Timestamp};
use gavel_store::dispatches::Dispatch;
use gavel_store::{Claimed, Guarded};
use gavel_triage::{Chosen, ReplayError, record};
use std::collections::{BTreeSet, VecDeque};

/// Those who can still be asked.
#[derive(Default)]
pub(super) struct Reserve {
    wanted: u8,
    left: VecDeque<Chosen>,
    half_at: Option<Timestamp>,
}

/// Who was asked beside the others, and the calls that may leave.
pub(super) struct More {
    pub(super) dispatches: Vec<Dispatch>,
    pub(super) calls: Vec<(Call, Option<Begun>)>,
}

impl Reserve {
    /// The reserve of a round in which these were asked. Nearly all tasks want none.
    pub(super) async fn of(context: &Context, task: &Task, asked: &[Dispatch]) -> Result<Reserve, StepError> {
        let Some(wanted) = task.wishes.min_bids else { return Ok(Reserve::default()) };
        let stored = context.store.decision(task.id, task.round).await?;
        let named = match stored.as_deref().map(record) {
            Some(Ok(record)) => record.reserve,
            None | Some(Err(ReplayError::Version(_) | ReplayError::Benchmark)) => Vec::new(),
            Some(Err(error)) => return Err(StepError::Missing(error.to_string())),
        };
        let agents: BTreeSet<String> = asked.iter().map(|d| d.invitation.agent.to_string()).collect();
        let left = named.into_iter().filter(|chosen| !agents.contains(&chosen.agent)).collect();
        let began = asked.iter().map(|dispatch| dispatch.invitation.created_at).min();
        let half = |(from, until): (Timestamp, Timestamp)| from + (until - from) / 2;
        Ok(Reserve { wanted, left, half_at: began.zip(task.expires_at).map(half) })
    }

    /// How many of them are asked now.
    pub(super) fn due(&self, progress: PhaseProgress, now: Timestamp) -> usize {
        let half_is_over = self.half_at.is_some_and(|half| now >= half);
        more_to_ask(self.wanted, progress, self.left.len(), half_is_over)
    }

    /// When it is to be looked again whether they are needed.
    pub(super) fn look_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.half_at.filter(|half| !self.left.is_empty() && *half > now)
    }

    /// Asks the next ones: their invitations are written, and with them their first sends. `None`: the claim is gone.
    pub(super) async fn ask(
        &mut self,
        context: &Context,
        claimed: &Claimed,
        more: usize,
        under_way: &Calls,
    ) -> Result<Option<More>, StepError> {
        let (task, now) = (claimed.task(), context.clock.now());
        let mut invitations = Vec::new();
        while invitations.len() < more
            && let Some(chosen) = self.left.pop_front()
        {
            if let Some(agent) = self.still_there(context, &chosen).await? {
                invitations.push(invitation(context, task, (&chosen, agent.id), agent.execution_mode, now));
            }
        }
        if invitations.is_empty() {
            return Ok(Some(More { dispatches: Vec::new(), calls: Vec::new() }));
        }
        let letter = Letter::prototype(context, task);
        let mut planned = Ok(Plan::default());
        let first_sends = |dispatches: &[Dispatch]| {
            planned = Plan::of(context, &letter, dispatches, under_way);
            planned.as_ref().map(|plan| plan.sends.clone()).unwrap_or_default()
        };
        let asked = context.store.invite_more(claimed, &invitations, first_sends, now).await?;
        let Guarded::Done((dispatches, begun)) = asked else { return Ok(None) };
        tracing::info!(task.id = %task.id, agents = invitations.len(), "too few bids can be expected: more agents are asked");
        Ok(Some(More { dispatches, calls: planned?.begun(&begun, under_way) }))
    }

    /// The agent, unless it was taken out since the draw.
    async fn still_there(&self, context: &Context, chosen: &Chosen) -> Result<Option<Agent>, StepError> {
        let unknown = |_| StepError::Missing(format!("triage chose {}, no agent's id", chosen.agent));
        let id: AgentId = chosen.agent.parse().map_err(unknown)?;
        let agent = context.store.agent(id).await?.map(|(agent, _)| agent);
        let fails_max = context.candidates.rules().policy().health_fails_max;
        Ok(agent.filter(|agent| {
            agent.active && !agent.paused && agent.visibility.is_asked() && agent.health.fails < fails_max
        }))
    }
}
