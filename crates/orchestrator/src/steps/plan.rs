//! The calls of a phase that are to be made now, from what is stored to what can leave.

use crate::Context;
use crate::call::Letter;
use crate::calls::Calls;
use crate::error::StepError;
use gavel_dispatcher::{Begun, Call, Place};
use gavel_domain::limits::SENDS_MAX;
use gavel_domain::{AttemptId, InvitationId};
use gavel_store::dispatches::Dispatch;
use gavel_store::rounds::FirstSends;
use std::collections::BTreeMap;

/// Calls that are planned: the attempts of those whose agents have a place free are to be written, together; the others
/// wait for their turn.
#[derive(Default)]
pub(super) struct Plan {
    calls: Vec<(InvitationId, Call)>,
    places: BTreeMap<AttemptId, Place>,
    pub(super) sends: FirstSends,
}

impl Plan {
    /// Plans the calls of these invitations. A send that was lost with an earlier process counts.
    pub(super) fn of<'d>(
        context: &Context,
        letter: &Letter<'_>,
        open: impl IntoIterator<Item = &'d Dispatch>,
        under_way: &Calls,
    ) -> Result<Plan, StepError> {
        let mut plan = Plan::default();
        for dispatch in open {
            plan.add(context, letter, dispatch)?;
        }
        under_way.begin(plan.sends.attempts.len());
        Ok(plan)
    }

    fn add(&mut self, context: &Context, letter: &Letter<'_>, dispatch: &Dispatch) -> Result<(), StepError> {
        let Some(exchange) = dispatch.exchange.as_ref().filter(|_| !dispatch.awaits_the_door()) else {
            return Ok(());
        };
        let now = context.clock.now();
        let sendable = dispatch.sends < SENDS_MAX && exchange.deadline_at > now;
        let is_charged = match sendable {
            true => dispatch.has_all_its_time(),
            false => exchange.deadline_is_own_limit,
        };
        let call = letter.call(context, dispatch, (exchange.deadline_at, is_charged))?;
        if sendable && let Some(place) = context.lanes.try_place(&call.ask) {
            let attempt = letter.attempt(context, dispatch, now);
            self.places.insert(attempt.id, place);
            self.sends.attempts.push(attempt);
        } else if sendable {
            self.sends.waiting.push(call.key);
        }
        self.calls.push((dispatch.invitation.id, call));
        Ok(())
    }

    /// Whether there is nothing to be written.
    pub(super) fn is_written(&self) -> bool {
        self.sends.attempts.is_empty() && self.sends.waiting.is_empty()
    }

    /// The calls, once it is written which of them may leave now.
    pub(super) fn begun(mut self, begun: &[AttemptId], under_way: &Calls) -> Vec<(Call, Option<Begun>)> {
        let attempts = self.sends.attempts;
        under_way.end(attempts.len() - begun.len());
        let mut leaving: BTreeMap<InvitationId, Begun> = attempts
            .iter()
            .filter(|attempt| begun.contains(&attempt.id))
            .filter_map(|a| Some((a.invitation, Begun { attempt: a.id, place: self.places.remove(&a.id)? })))
            .collect();
        self.calls.into_iter().map(|(id, call)| (call, leaving.remove(&id))).collect()
    }
}
