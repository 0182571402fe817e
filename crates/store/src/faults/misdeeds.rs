//! Planted mistakes that do something beside taking a guard away.

use super::{Planted, planted};
use crate::db::{Conn, Tx, sql};
use crate::ledger::{self, Settlement};
use crate::{Result, Store};
use chrono::TimeDelta;
use gavel_domain::{InvitationId, TaskId, Timestamp, TransferId};
use uuid::Uuid;

pub(crate) async fn forget_sends(c: &mut Conn, invitation: InvitationId) -> Result<()> {
    if planted(Planted::SendsForgotten) {
        let lost = "DELETE FROM attempts WHERE invitation_id = $1 AND ended_at IS NULL";
        sql!(c, execute, lost, invitation.uuid())?;
    }
    Ok(())
}

pub(crate) async fn forget_answer(c: &mut Conn, invitation: InvitationId) -> Result<()> {
    if planted(Planted::SecondAnswer) {
        let first = "DELETE FROM bids WHERE invitation_id = $1 AND score IS NULL";
        sql!(c, execute, first, invitation.uuid())?;
    }
    Ok(())
}

pub(crate) async fn reopen(c: &mut Conn, invitation: InvitationId) -> Result<()> {
    if planted(Planted::OutcomeReplaced) || planted(Planted::SecondAnswer) {
        let ended = "UPDATE invitations SET outcome = NULL, detail = NULL, ended_at = NULL WHERE id = $1";
        sql!(c, execute, ended, invitation.uuid())?;
    }
    Ok(())
}

pub(crate) async fn move_deadlines(c: &mut Conn, now: Timestamp) -> Result<()> {
    if planted(Planted::DeadlineMoved) {
        let all = "UPDATE tasks SET expires_at = $1 WHERE expires_at IS NOT NULL";
        sql!(c, execute, all, now + TimeDelta::minutes(5))?;
    }
    Ok(())
}

pub(crate) async fn pay_twice(
    tx: &mut Tx,
    task: TaskId,
    released: &Settlement,
    now: Timestamp,
) -> Result<()> {
    if planted(Planted::PaidTwice) {
        let id = TransferId::from_uuid(Uuid::from_u128(released.id.uuid().as_u128() ^ 1));
        ledger::refund(tx, task, &Settlement { id, ..released.clone() }, now).await?;
    }
    Ok(())
}

impl Store {
    /// Changes the schema behind everybody's back: a mistake that the database itself would refuse needs that.
    pub async fn sabotage(&self, statement: &'static str) -> Result<()> {
        let mut tx = self.begin().await?;
        sql!(tx, execute, statement)?;
        tx.commit().await
    }
}
