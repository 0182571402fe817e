//! What makes a transfer a sound one, whoever wrote its row.

use super::{Entry, LedgerAccount, Transfer, TransferKind};
use crate::Money;

/// What is wrong with a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Money appeared or vanished.
    #[error("its entries do not sum to zero")]
    Unbalanced,
    /// An entry or the transfer moves nothing, or the amount is below zero.
    #[error("its amount, or that of an entry, is out of range")]
    AmountOutOfRange,
    /// An account gives or gains that has no part in a transfer of this kind.
    #[error("the wrong accounts give or gain in it")]
    WrongSides,
}

impl Transfer {
    /// Whether the entries conserve money and every one moves some.
    pub fn is_balanced(&self) -> bool {
        let sum = Money::checked_sum(self.entries.iter().map(|entry| entry.amount));
        sum == Some(Money::ZERO) && self.entries.iter().all(|e| e.amount != Money::ZERO)
    }

    /// Whether the transfer does what its kind says: one account gives the whole amount, and only the accounts of
    /// that kind gain, each once.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn verify(&self) -> Result<(), Unsound> {
        if self.amount <= Money::ZERO || self.entries.iter().any(|e| e.amount == Money::ZERO) {
            return Err(Unsound::AmountOutOfRange);
        }
        if !self.is_balanced() {
            return Err(Unsound::Unbalanced);
        }
        let (giving, gaining): (Vec<Entry>, Vec<Entry>) =
            self.entries.iter().copied().partition(|entry| entry.amount < Money::ZERO);
        let gives_all = match giving.as_slice() {
            [entry] => self.may_give(entry.account) && entry.amount.checked_neg() == Some(self.amount),
            _ => false,
        };
        if gives_all && gaining.iter().all(|e| self.may_gain(e.account)) && each_role_once(&gaining) {
            Ok(())
        } else {
            Err(Unsound::WrongSides)
        }
    }

    fn may_give(&self, account: LedgerAccount) -> bool {
        match self.kind {
            TransferKind::Hold => matches!(account, LedgerAccount::Buyer(_)),
            TransferKind::Release | TransferKind::Refund => account == LedgerAccount::Held(self.task),
        }
    }

    fn may_gain(&self, account: LedgerAccount) -> bool {
        match self.kind {
            TransferKind::Hold => account == LedgerAccount::Held(self.task),
            TransferKind::Release => {
                matches!(account, LedgerAccount::PlatformFee | LedgerAccount::Developer(_))
            }
            TransferKind::Refund => matches!(account, LedgerAccount::Buyer(_)),
        }
    }
}

fn each_role_once(entries: &[Entry]) -> bool {
    let roles: Vec<_> = entries.iter().map(|entry| std::mem::discriminant(&entry.account)).collect();
    roles.iter().enumerate().all(|(i, role)| !roles[..i].contains(role))
}
