//! How money moves: reserve, then release or refund, once. Plans only; `gavel-store` writes them in the same
//! transaction as the change of state they belong to. A transfer is never edited: a correction is the next transfer.

mod provider;
mod soundness;

pub use provider::{ProviderEvent, ProviderEventKind, ProviderPlan, plan_provider_event};
pub use soundness::Unsound;

use crate::lifecycle::words;
use crate::{AccountId, BasisPoints, Currency, DeveloperId, Money, TaskId, Timestamp, TransferId};
use std::{fmt, str::FromStr};

/// An account of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerAccount {
    /// What a buyer owes (below zero) or is owed.
    Buyer(AccountId),
    /// What is held for a task.
    Held(TaskId),
    /// What the platform earned.
    PlatformFee,
    /// What a developer earned.
    Developer(DeveloperId),
}

/// A movement of money for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransferKind {
    /// The accepted price is reserved.
    Hold,
    /// What was held goes to developer and platform.
    Release,
    /// What was held goes back to the buyer.
    Refund,
}

impl TransferKind {
    /// All three.
    pub const ALL: [TransferKind; 3] = [TransferKind::Hold, TransferKind::Release, TransferKind::Refund];
    /// The word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            TransferKind::Hold => "hold",
            TransferKind::Release => "release",
            TransferKind::Refund => "refund",
        }
    }
}
words!(TransferKind, "transfer kind");

/// One movement: its entries sum to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its id.
    pub id: TransferId,
    /// The task it belongs to.
    pub task: TaskId,
    /// What it does.
    pub kind: TransferKind,
    /// Repeating it under the same key has no second effect.
    pub key: String,
    /// How much moves.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
    /// From where to where.
    pub entries: Vec<Entry>,
}

/// One line of a transfer: what an account gains (or, below zero, gives).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub account: LedgerAccount,
    /// How much.
    pub amount: Money,
}

/// Everything a movement is planned from.
#[derive(Debug, Clone)]
pub struct Order {
    /// The id the transfer will have.
    pub id: TransferId,
    /// The task.
    pub task: TaskId,
    /// The key of this order.
    pub key: String,
    /// Who pays.
    pub buyer: AccountId,
    /// Who earns.
    pub developer: DeveloperId,
    /// When.
    pub at: Timestamp,
}

/// What a hold must agree with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The accepted bid's price.
    pub price: Money,
    /// The task's budget.
    pub budget: Money,
}

/// What an order leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Write this.
    Post(Transfer),
    /// The same order was carried out before; nothing is left to do.
    Replayed,
}

/// Why an order cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The task's money has already gone another way, or was never held.
    #[error("the task's money was already moved, or was never held")]
    Conflict,
    /// The key was used for another order.
    #[error("the key was used for another amount or movement")]
    KeyReused,
    /// Zero, negative or beyond counting.
    #[error("the amount is out of range")]
    AmountOutOfRange,
    /// More than the buyer offered.
    #[error("the amount is above the task's budget")]
    OverBudget,
    /// Not what was agreed.
    #[error("the amount differs from the accepted price")]
    AmountMismatch,
    /// The bid was made while the platform had another currency.
    #[error("the bid is in another currency than the platform's")]
    CurrencyMismatch,
}

/// Whether a bid can be paid at all: nothing is ever converted.
///
/// # Errors
/// [`LedgerError::CurrencyMismatch`].
pub fn check_currency(platform: &Currency, bid: &Currency) -> Result<(), LedgerError> {
    if platform == bid { Ok(()) } else { Err(LedgerError::CurrencyMismatch) }
}

/// Reserves the accepted price. `done` are the task's transfers so far, oldest first.
///
/// # Errors
/// The key is looked at before the terms, so a repeated order is told apart from a wrong one.
pub fn plan_hold(done: &[Transfer], order: &Order, amount: Money, terms: Terms) -> Result<Plan, LedgerError> {
    if amount <= Money::ZERO {
        return Err(LedgerError::AmountOutOfRange);
    }
    if let Some(earlier) = same_key(done, order) {
        let same = earlier.kind == TransferKind::Hold && earlier.amount == amount;
        return if same { Ok(Plan::Replayed) } else { Err(LedgerError::KeyReused) };
    }
    if amount > terms.budget {
        return Err(LedgerError::OverBudget);
    }
    if amount != terms.price {
        return Err(LedgerError::AmountMismatch);
    }
    if !done.is_empty() {
        return Err(LedgerError::Conflict);
    }
    let entries = vec![
        gives(LedgerAccount::Buyer(order.buyer), amount)?,
        gains(LedgerAccount::Held(order.task), amount),
    ];
    Ok(Plan::Post(transfer(order, TransferKind::Hold, amount, entries)))
}

/// Pays what is held: the platform's share rounded down, the rest to the developer.
///
/// # Errors
/// [`LedgerError::Conflict`] when nothing is held (any more), [`LedgerError::KeyReused`], or a fee above the whole.
pub fn plan_release(done: &[Transfer], order: &Order, fee: BasisPoints) -> Result<Plan, LedgerError> {
    let Some(held) = settles(done, order, TransferKind::Release)? else { return Ok(Plan::Replayed) };
    let split = held.split(fee).ok_or(LedgerError::AmountOutOfRange)?;
    let parts =
        [(LedgerAccount::PlatformFee, split.fee), (LedgerAccount::Developer(order.developer), split.payout)];
    let mut entries = vec![gives(LedgerAccount::Held(order.task), held)?];
    entries.extend(
        parts.into_iter().filter(|(_, amount)| *amount > Money::ZERO).map(|(a, amount)| gains(a, amount)),
    );
    Ok(Plan::Post(transfer(order, TransferKind::Release, held, entries)))
}

/// Gives what is held back to the buyer.
///
/// # Errors
/// [`LedgerError::Conflict`] when nothing is held (any more), [`LedgerError::KeyReused`].
pub fn plan_refund(done: &[Transfer], order: &Order) -> Result<Plan, LedgerError> {
    let Some(held) = settles(done, order, TransferKind::Refund)? else { return Ok(Plan::Replayed) };
    let entries =
        vec![gives(LedgerAccount::Held(order.task), held)?, gains(LedgerAccount::Buyer(order.buyer), held)];
    Ok(Plan::Post(transfer(order, TransferKind::Refund, held, entries)))
}

/// What is held and may now be settled; `None` when this very order was carried out before.
fn settles(done: &[Transfer], order: &Order, kind: TransferKind) -> Result<Option<Money>, LedgerError> {
    if let Some(earlier) = same_key(done, order) {
        return if earlier.kind == kind { Ok(None) } else { Err(LedgerError::KeyReused) };
    }
    match done {
        [hold] if hold.kind == TransferKind::Hold => Ok(Some(hold.amount)),
        _ => Err(LedgerError::Conflict),
    }
}

fn same_key<'a>(done: &'a [Transfer], order: &Order) -> Option<&'a Transfer> {
    done.iter().find(|t| t.key == order.key)
}

fn transfer(order: &Order, kind: TransferKind, amount: Money, entries: Vec<Entry>) -> Transfer {
    Transfer { id: order.id, task: order.task, kind, key: order.key.clone(), amount, at: order.at, entries }
}

fn gains(account: LedgerAccount, amount: Money) -> Entry {
    Entry { account, amount }
}

fn gives(account: LedgerAccount, amount: Money) -> Result<Entry, LedgerError> {
    Ok(Entry { account, amount: amount.checked_neg().ok_or(LedgerError::AmountOutOfRange)? })
}

impl Transfer {
    /// The text whose hash chains this transfer to the one before: every field, one per line, in a fixed order.
    /// Two transfers that differ never share a text, whatever their keys hold: all lines after the key have fixed
    /// shapes, so the last `amount` line ends the key. Changing this text breaks every chain written before.
    pub fn canonical_text(&self, seq: i64, currency: &str) -> String {
        let mut text = format!(
            "gavel-transfer-1\nseq {seq}\nid {}\ntask {}\nkind {}\nkey {}\namount {} {currency}\nat {}\n",
            self.id,
            self.task,
            self.kind.name(),
            self.key,
            self.amount,
            self.at.timestamp_micros()
        );
        for entry in &self.entries {
            text.push_str(&format!("entry {} {}\n", entry.account, entry.amount));
        }
        text
    }
}

impl fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerAccount::Buyer(account) => write!(f, "buyer:{account}"),
            LedgerAccount::Held(task) => write!(f, "held:{task}"),
            LedgerAccount::PlatformFee => f.write_str("platform_fee"),
            LedgerAccount::Developer(developer) => write!(f, "developer:{developer}"),
        }
    }
}

/// A text that names no ledger account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no ledger account")]
pub struct UnknownAccount(pub String);

impl FromStr for LedgerAccount {
    type Err = UnknownAccount;

    fn from_str(text: &str) -> Result<Self, UnknownAccount> {
        let unknown = || UnknownAccount(text.to_owned());
        if text == "platform_fee" {
            return Ok(LedgerAccount::PlatformFee);
        }
        let (kind, id) = text.split_once(':').ok_or_else(unknown)?;
        match kind {
            "buyer" => id.parse().map(LedgerAccount::Buyer),
            "held" => id.parse().map(LedgerAccount::Held),
            "developer" => id.parse().map(LedgerAccount::Developer),
            _ => return Err(unknown()),
        }
        .ok()
        // Balances are summed by this text: an account with a second spelling would be two accounts.
        .filter(|account| account.to_string() == text)
        .ok_or_else(unknown)
    }
}
