//! A second send is written down before it leaves, under the claim of the step that makes it.

use crate::Context;
use async_trait::async_trait;
use gavel_dispatcher::{Call, Dispatcher, Journal, Stop};
use gavel_domain::invitation::{Attempt, AttemptResult};
use gavel_domain::{AttemptId, Chance, Clock};
use gavel_store::{Claimed, Guarded, Lease, Store};
use std::sync::Arc;

/// Writes the sends of one step.
pub(crate) struct StepJournal {
    store: Store,
    lease: Lease,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
}

impl StepJournal {
    /// The dispatcher of one step: its second sends are written under the step's claim.
    pub(crate) fn dispatcher(context: &Context, claimed: &Claimed) -> Dispatcher {
        let journal = StepJournal {
            store: context.store.clone(),
            lease: claimed.lease(),
            clock: Arc::clone(&context.clock),
            chance: Arc::clone(&context.chance),
        };
        Dispatcher {
            transport: Arc::clone(&context.transport),
            journal: Arc::new(journal),
            lanes: Arc::clone(&context.lanes),
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

    async fn begin(&self, call: &Call, number: u32) -> Result<AttemptId, Stop> {
        let now = self.clock.now();
        let next = Attempt {
            id: AttemptId::new(now, &*self.chance),
            invitation: call.invitation,
            mode: call.mode,
            revision: call.revision,
            number,
            started_at: now,
            result: None,
        };
        match self.store.begin_attempts(self.lease, std::slice::from_ref(&next)).await {
            Ok(Guarded::Done(())) => Ok(next.id),
            Ok(Guarded::Lost) => Err(Stop("the task has moved on".to_owned())),
            Err(error) => Err(Stop(error.to_string())),
        }
    }
}
