//! From a stored invitation to a call that can be sent: what it is signed with is opened here.

use crate::{Context, error::StepError};
use bytes::Bytes;
use gavel_contract::agent::answer::Expectation;
use gavel_contract::agent::envelope::{Callback, envelope, with_callback};
use gavel_dispatcher::{Ask, Call, Credentials};
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{Attempt, Mode};
use gavel_domain::task::Task;
use gavel_domain::{AttemptId, Money, Timestamp};
use gavel_store::dispatches::Dispatch;
use gavel_vault::Vault;

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

    /// What is sent, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned() // JSON of ours
    }

    /// The exchange with one agent.
    pub(crate) fn key(&self, dispatch: &Dispatch) -> ExchangeKey {
        ExchangeKey { invitation: dispatch.invitation.id, mode: self.mode, revision: self.revision }
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

    /// The wish for a place at one agent.
    pub(crate) fn ask(&self, dispatch: &Dispatch) -> Ask {
        Ask {
            agent: dispatch.invitation.agent,
            agent_max: dispatch.max_concurrency,
            developer: dispatch.developer,
            host: host_of(&dispatch.endpoint_url),
            buyer: self.task.account,
        }
    }

    /// The call itself.
    pub(crate) fn call(
        &self,
        context: &Context,
        dispatch: &Dispatch,
        (deadline_at, deadline_is_own_limit): (Timestamp, bool),
    ) -> Result<Call, StepError> {
        let key = self.key(dispatch);
        let asynchronous = dispatch.execution_mode == ExecutionMode::Async;
        let callback = asynchronous.then(|| callback(context, key));
        let secret = callback.as_ref().map(|callback| callback.secret.clone());
        let credentials = credentials(&context.vault, dispatch, secret, context.clock.now())?;
        Ok(Call {
            key,
            ask: self.ask(dispatch),
            task: self.task.id,
            url: dispatch.endpoint_url.clone(),
            body: callback.map_or_else(|| self.body.clone(), |callback| with_callback(&self.body, &callback)),
            deadline_at,
            deadline_is_own_limit,
            acknowledge_within: asynchronous
                .then(|| context.settings.timers.acknowledge.to_std().unwrap_or_default()),
            sends_so_far: dispatch.sends,
            credentials,
            expectation: Expectation {
                mode: self.mode,
                budget: self.price,
                currency: context.settings.currency.clone(),
            },
            user_agent: context.settings.user_agent.clone(),
        })
    }
}

/// Where the result of an asynchronous agent is to come, and what it is to be signed with: derived, never stored.
fn callback(context: &Context, key: ExchangeKey) -> Callback {
    let ExchangeKey { invitation, mode, revision } = key;
    let token = context.vault.callback_token(invitation, mode, revision);
    Callback {
        url: format!("{}/api/v1/callbacks/{token}", context.settings.public_url.trim_end_matches('/')),
        secret: context.vault.callback_secret(invitation, mode, revision).expose().to_owned(),
        timeout_seconds: context.settings.timers.async_call.num_seconds(),
    }
}

/// Opens what an agent's requests are signed with at this time.
pub(crate) fn credentials(
    vault: &Vault,
    dispatch: &Dispatch,
    callback_secret: Option<String>,
    now: Timestamp,
) -> Result<Credentials, StepError> {
    let (developer, agent) = (dispatch.developer, dispatch.invitation.agent);
    let keys = vault.signing_keys((developer, &dispatch.sealed_key), (agent, &dispatch.secrets.live(now)));
    let keys = keys.map_err(|source| StepError::Sealed { agent, source })?;
    Ok(Credentials {
        key: keys.key.expose().to_owned(),
        secrets: keys.secrets.iter().map(|secret| secret.expose().to_owned()).collect(),
        callback_secret,
    })
}

/// The host of an address that was checked at registration; its port does not matter, a machine is a machine.
fn host_of(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn a_host_is_the_same_whatever_stands_around_it() {
        let check = |url, expected| assert_eq!(host_of(url), expected, "{url}");
        check("https://Agents.example.com/execute", "agents.example.com");
        check("https://agents.example.com:8443?x=1", "agents.example.com");
        check("http://127.0.0.1:9000", "127.0.0.1");
        check("http://[::1]:9000/x", "::1");
        check("", "");
    }
}
