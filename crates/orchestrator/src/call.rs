//! From a stored invitation to a call that can be sent: the one place where a sealed secret is opened for dispatch.

use crate::{Context, error::StepError};
use bytes::Bytes;
use gavel_contract::agent::{answer::Expectation, envelope::envelope};
use gavel_dispatcher::{Call, Credentials};
use gavel_domain::invitation::{Attempt, Mode};
use gavel_domain::task::Task;
use gavel_domain::{AttemptId, Money, Timestamp};
use gavel_store::invitations::Dispatch;
use gavel_vault::{agent_secret_context, developer_key_context};

/// What is sent in one phase: the same bytes for every agent.
pub(crate) struct Letter<'a> {
    pub(crate) task: &'a Task,
    pub(crate) mode: Mode,
    pub(crate) revision: u32,
    /// The budget, or in final mode the accepted price.
    pub(crate) price: Money,
    body: Bytes,
}

impl<'a> Letter<'a> {
    /// The prototype call of a task.
    pub(crate) fn prototype(context: &Context, task: &'a Task) -> Self {
        Self::write(context, task, Mode::Prototype, 0, task.budget, None)
    }

    /// The final call of a task: the accepted price is the contract.
    pub(crate) fn finishing(
        context: &Context,
        task: &'a Task,
        revision: u32,
        price: Money,
        notes: Option<&str>,
    ) -> Self {
        Self::write(context, task, Mode::Final, revision, price, notes)
    }

    fn write(
        context: &Context,
        task: &'a Task,
        mode: Mode,
        revision: u32,
        price: Money,
        notes: Option<&str>,
    ) -> Self {
        let body = envelope(task.id, &task.brief, task.budget, &context.settings.currency, mode, notes);
        Letter { task, mode, revision, price, body }
    }

    /// The attempt row of the next send of this letter to one agent.
    pub(crate) fn attempt(&self, context: &Context, dispatch: &Dispatch, now: Timestamp) -> Attempt {
        Attempt {
            id: AttemptId::new(now, &*context.chance),
            invitation: dispatch.invitation.id,
            mode: self.mode,
            revision: self.revision,
            number: dispatch.sends + 1,
            started_at: now,
            result: None,
        }
    }

    /// The call itself, once its attempt row is written.
    pub(crate) fn call(
        &self,
        context: &Context,
        dispatch: &Dispatch,
        attempt: AttemptId,
        (deadline_at, deadline_is_own_limit): (Timestamp, bool),
    ) -> Result<Call, StepError> {
        Ok(Call {
            invitation: dispatch.invitation.id,
            agent: dispatch.invitation.agent,
            max_concurrency: dispatch.max_concurrency,
            task: self.task.id,
            mode: self.mode,
            revision: self.revision,
            url: dispatch.endpoint_url.clone(),
            body: self.body.clone(),
            deadline_at,
            deadline_is_own_limit,
            first_attempt: attempt,
            sends_so_far: dispatch.sends,
            credentials: credentials(context, dispatch)?,
            expectation: Expectation {
                mode: self.mode,
                budget: self.price,
                currency: context.settings.currency.clone(),
            },
            user_agent: context.settings.user_agent.clone(),
        })
    }
}

fn credentials(context: &Context, dispatch: &Dispatch) -> Result<Credentials, StepError> {
    let agent = dispatch.invitation.agent;
    let sealed = |source| StepError::Sealed { agent, source };
    let key = context
        .vault
        .open(&dispatch.sealed_key, &developer_key_context(dispatch.developer))
        .map_err(sealed)?;
    let secret = context.vault.open(&dispatch.sealed_secret, &agent_secret_context(agent)).map_err(sealed)?;
    Ok(Credentials { key: key.expose().to_owned(), secrets: vec![secret.expose().to_owned()] })
}
