//! What a payment provider may tell of a task after its money was held. Providers deliver more than once and in any
//! order, so every event is known by its id.

use super::{LedgerError, Order, Plan, Transfer, TransferKind, plan_refund};

/// Something a payment provider told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderEvent {
    /// The provider's own id: the same event again has the same one.
    pub id: String,
    /// What happened.
    pub kind: ProviderEventKind,
}

/// What happened at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderEventKind {
    /// The buyer's payment failed after all: nothing is held.
    PaymentFailed,
    /// The buyer's bank takes the charge back, unless that is contested.
    ChargeDisputed,
}

/// What an event leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderPlan {
    /// Write this: the hold is undone.
    HoldReversed(Transfer),
    /// A person decides; no money moves before that.
    DisputeOpened,
    /// The event, or its effect, was there before.
    Duplicate,
}

/// Judges an event. `handled` are the ids of the task's earlier events, `order` the refund a reversal would be.
///
/// # Errors
/// [`LedgerError::Conflict`] when nothing is held that could fail or be disputed: a payment that fails after its
/// release is no refund but somebody's loss, so a person must look.
pub fn plan_provider_event(
    done: &[Transfer],
    handled: &[String],
    order: &Order,
    event: &ProviderEvent,
) -> Result<ProviderPlan, LedgerError> {
    if handled.contains(&event.id) {
        return Ok(ProviderPlan::Duplicate);
    }
    match event.kind {
        ProviderEventKind::PaymentFailed => Ok(match plan_refund(done, order)? {
            Plan::Post(transfer) => ProviderPlan::HoldReversed(transfer),
            Plan::Replayed => ProviderPlan::Duplicate,
        }),
        ProviderEventKind::ChargeDisputed if done.iter().any(|t| t.kind == TransferKind::Hold) => {
            Ok(ProviderPlan::DisputeOpened)
        }
        ProviderEventKind::ChargeDisputed => Err(LedgerError::Conflict),
    }
}
