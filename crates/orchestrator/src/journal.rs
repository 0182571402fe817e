//! A send is written down before it leaves, under the claim of the step that makes it.

use crate::Context;
use crate::call::credentials;
use crate::calls::Calls;
use crate::patience::Patience;
use async_trait::async_trait;
use gavel_dispatcher::{Call, Credentials, Dispatcher, Journal, Sendable, Stop};
use gavel_domain::invitation::{Attempt, AttemptResult};
use gavel_domain::{AttemptId, Chance, Clock};
use gavel_store::{Claimed, Guarded, Lease, Store};
use gavel_vault::Vault;
use std::sync::Arc;

/// Writes the sends of one step.
pub(crate) struct StepJournal {
    store: Store,
    lease: Lease,
    calls: Calls,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    vault: Arc<Vault>,
    patience: Patience,
}

impl StepJournal {
    /// The dispatcher of one step: its sends are written under the step's claim.
    pub(crate) fn dispatcher(context: &Context, claimed: &Claimed, calls: &Calls) -> Dispatcher {
        let journal = StepJournal {
            store: context.store.clone(),
            lease: claimed.lease(),
            calls: calls.clone(),
            clock: Arc::clone(&context.clock),
            chance: Arc::clone(&context.chance),
            vault: Arc::clone(&context.vault),
            patience: context.patience(),
        };
        Dispatcher {
            transport: Arc::clone(&context.transport),
            journal: Arc::new(journal),
            lanes: context.lanes.clone(),
            clock: Arc::clone(&context.clock),
        }
    }
}

#[async_trait]
impl Journal for StepJournal {
    /// What cannot be stored now is stored again with the call's end.
    async fn end(&self, attempt: AttemptId, result: &AttemptResult) {
        if let Err(error) = self.store.end_attempt(attempt, result).await {
            tracing::warn!(attempt.id = %attempt, %error, "a lost send could not be completed on the log");
        }
    }

    /// A call's second send belongs to a call that is under way already.
    async fn begin(&self, call: &Call, number: u32) -> Result<Option<Sendable>, Stop> {
        let begins = self.calls.begin_one().await;
        let begun = self.written(call, number).await;
        if number == call.sends_so_far + 1 && matches!(begun, Ok(Some(_))) {
            begins.keep();
        }
        begun
    }
}

impl StepJournal {
    async fn written(&self, call: &Call, number: u32) -> Result<Option<Sendable>, Stop> {
        let (url, credentials) = self.address(call).await?;
        let now = self.clock.now();
        let next = Attempt {
            id: AttemptId::new(now, &*self.chance),
            invitation: call.key.invitation,
            mode: call.key.mode,
            revision: call.key.revision,
            number,
            started_at: now,
            result: None,
        };
        let writing = || self.store.begin_attempts(self.lease, std::slice::from_ref(&next), &[]);
        match self.patience.with(writing).await {
            Ok(Guarded::Done(begun)) => {
                Ok(begun.first().map(|&attempt| Sendable { attempt, url, credentials }))
            }
            Ok(Guarded::Lost) => Err(Stop("the task has moved on".to_owned())),
            Err(error) => Err(Stop(error.to_string())),
        }
    }

    /// Where the call goes and what it is signed with now, whatever it was when it was planned.
    async fn address(&self, call: &Call) -> Result<(String, Credentials), Stop> {
        let dispatch = self.patience.with(|| self.store.dispatch(call.key)).await;
        let dispatch = dispatch.map_err(|error| Stop(error.to_string()))?;
        let dispatch = dispatch.ok_or_else(|| Stop("the invitation is gone".to_owned()))?;
        let callback_secret = call.credentials.callback_secret.clone();
        let credentials = credentials(&self.vault, &dispatch, callback_secret, self.clock.now())
            .map_err(|error| Stop(error.to_string()))?;
        Ok((dispatch.endpoint_url, credentials))
    }
}
