//! Money as it moved: append-only transfers, double entry, chained by hash. The plans are
//! `gavel_domain::ledger`'s; here they become rows, in the same transaction as the change of state.

use crate::db::{Conn, Tx, row, sql};
use crate::faults::{Planted, planted};
use crate::rows::word;
use crate::{Error, Result, Store, currency};
use gavel_domain::ledger::{
    Entry, LedgerAccount, Order, Plan, Terms, Transfer, TransferKind, plan_hold, plan_refund, plan_release,
};
use gavel_domain::{AccountId, BasisPoints, DeveloperId, Money, TaskId, Timestamp, TransferId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const T: &str = "transfers";

/// What a movement of money needs to know beside the task.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The currency's code, part of every chained record.
    pub currency: String,
    /// The platform's share.
    pub fee: BasisPoints,
    /// The id the transfer will have.
    pub id: TransferId,
}

/// A balance of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Whose.
    pub account: LedgerAccount,
    /// How much.
    pub amount: Money,
}

/// What [`Store::verify_ledger`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerReport {
    /// Transfers that were checked.
    pub transfers: u64,
    /// Everything that is wrong, as sentences; empty when nothing is.
    pub problems: Vec<String>,
}

pub(crate) async fn hold(tx: &mut Tx, task: TaskId, settle: &Settlement, now: Timestamp) -> Result<()> {
    let parties = parties(tx, task).await?;
    let order = parties.order(task, TransferKind::Hold, settle, now);
    let terms = Terms { price: parties.price, budget: parties.budget };
    let done = transfers_of(tx, task).await?;
    carry_out(tx, plan_hold(&done, &order, parties.price, terms), &settle.currency).await
}

/// Pays what is held for a task, if anything is: whether money moves was decided when its price was to be held, and not
/// by the settings of today.
pub(crate) async fn release(tx: &mut Tx, task: TaskId, settle: &Settlement, now: Timestamp) -> Result<()> {
    let done = transfers_of(tx, task).await?;
    if done.is_empty() {
        return Ok(());
    }
    let order = parties(tx, task).await?.order(task, TransferKind::Release, settle, now);
    carry_out(tx, plan_release(&done, &order, settle.fee), &settle.currency).await
}

/// Gives what is held for a task back, if anything is.
pub(crate) async fn refund(tx: &mut Tx, task: TaskId, settle: &Settlement, now: Timestamp) -> Result<()> {
    let mut done = transfers_of(tx, task).await?;
    done.retain(|transfer| transfer.kind == TransferKind::Hold || !planted(Planted::PaidTwice));
    if done.is_empty() {
        return Ok(());
    }
    let order = parties(tx, task).await?.order(task, TransferKind::Refund, settle, now);
    carry_out(tx, plan_refund(&done, &order), &settle.currency).await
}

/// A sum in two halves that no ledger can make too large for the database; [`whole`] puts them together.
macro_rules! halves {
    ($amount:literal) => {
        concat!(
            "CAST(COALESCE(SUM(",
            $amount,
            " / 1000000000), 0) AS BIGINT),
             CAST(COALESCE(SUM(",
            $amount,
            " % 1000000000), 0) AS BIGINT)"
        )
    };
}

fn whole(account: &str, high: i64, low: i64) -> Result<Money> {
    let sum = i128::from(high) * 1_000_000_000 + i128::from(low);
    let fits = i64::try_from(sum);
    fits.map(Money::from_minor).map_err(|_| Error::TooMuch { account: account.to_owned(), sum })
}

impl Store {
    /// How many transfers there are.
    pub async fn count_transfers(&self) -> Result<u64> {
        let mut c = self.read().await?;
        let (last,) = sql!(c, fetch_one as (i64,), "SELECT COALESCE(MAX(seq), 0) FROM transfers")?;
        Ok(last.unsigned_abs())
    }

    /// All balances that are not zero, by account.
    pub async fn balances(&self) -> Result<Vec<Balance>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (String, i64, i64),
            concat!(
                "SELECT account, ",
                halves!("amount"),
                " FROM entries GROUP BY account
                 HAVING SUM(amount / 1000000000) <> 0 OR SUM(amount % 1000000000) <> 0 ORDER BY account"
            )
        )?;
        let balance = |(name, high, low): (String, i64, i64)| {
            let amount = whole(&name, high, low)?;
            let account = name.parse().map_err(Error::value("entries", "account"))?;
            Ok(Balance { account, amount })
        };
        let balances: Result<Vec<Balance>> = rows.into_iter().map(balance).collect();
        Ok(balances?.into_iter().filter(|balance| balance.amount != Money::ZERO).collect())
    }

    /// A task's transfers, oldest first.
    pub async fn transfers_of(&self, task: TaskId) -> Result<Vec<Transfer>> {
        let mut c = self.read().await?;
        transfers_of(&mut c, task).await
    }

    /// What a developer has earned up to `until` (what came later is still pending).
    pub async fn earned(&self, developer: DeveloperId, until: Timestamp) -> Result<Money> {
        let mut c = self.read().await?;
        let account = LedgerAccount::Developer(developer).to_string();
        let (high, low) = sql!(
            c,
            fetch_one as (i64, i64),
            concat!(
                "SELECT ",
                halves!("e.amount"),
                " FROM entries e
                 JOIN transfers t ON t.id = e.transfer_id WHERE e.account = $1 AND t.at <= $2"
            ),
            &account,
            until
        )?;
        whole(&account, high, low)
    }

    /// Checks the whole ledger, as it stands at one moment: the chain, every transfer's balance, and that tasks and money
    /// agree. Its currency is the database's own; `currency` serves where that is not known.
    pub async fn verify_ledger(&self, currency: &str) -> Result<LedgerReport> {
        let mut moment = self.snapshot().await?;
        let report = verify(&mut moment, currency).await;
        moment.rollback().await?; // also after an error
        report
    }
}

pub(crate) async fn verify(c: &mut Conn, currency: &str) -> Result<LedgerReport> {
    let own = currency::kept(c).await?;
    let currency = own.as_deref().unwrap_or(currency);
    let mut report = LedgerReport::default();
    let (mut prev, mut after) = (Vec::from(GENESIS), 0);
    loop {
        let page = chained_after(c, after).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for row in page {
            prev = check_link(c, row, prev, currency, &mut report).await?;
        }
    }
    report.problems.extend(orphans(c).await?);
    Ok(report)
}

/// The hash before the first transfer.
const GENESIS: [u8; 32] = [0; 32];
/// Rows read at a time while verifying.
const PAGE: i64 = 500;

/// Who pays whom for a task, and how much was agreed.
struct Parties {
    buyer: AccountId,
    developer: DeveloperId,
    price: Money,
    budget: Money,
}

impl Parties {
    fn order(&self, task: TaskId, kind: TransferKind, settle: &Settlement, at: Timestamp) -> Order {
        let key = format!("{}:{task}", kind.name());
        Order { id: settle.id, task, key, buyer: self.buyer, developer: self.developer, at }
    }
}

async fn parties(c: &mut Conn, task: TaskId) -> Result<Parties> {
    let row = sql!(
        c,
        fetch_optional as (Uuid, Uuid, i64, i64),
        "SELECT t.account_id, a.developer_id, b.price, t.budget
         FROM tasks t JOIN bids b ON b.task_id = t.id AND b.status = 'selected' JOIN agents a ON a.id = b.agent_id
         WHERE t.id = $1",
        task.uuid()
    )?;
    let (buyer, developer, price, budget) = row.ok_or_else(|| Error::Inconsistent {
        table: "bids",
        column: "status",
        problem: format!("task {task} has no selected bid to pay for"),
    })?;
    Ok(Parties {
        buyer: AccountId::from_uuid(buyer),
        developer: DeveloperId::from_uuid(developer),
        price: Money::from_minor(price),
        budget: Money::from_minor(budget),
    })
}

async fn carry_out(
    tx: &mut Tx,
    plan: std::result::Result<Plan, gavel_domain::ledger::LedgerError>,
    currency: &str,
) -> Result<()> {
    match plan {
        Ok(Plan::Post(transfer)) => append(tx, &transfer, currency).await,
        Ok(Plan::Replayed) => Ok(()),
        // The state machine asks only for what is legal: an illegal movement means that rows are wrong.
        Err(e) => Err(Error::Inconsistent { table: T, column: "kind", problem: e.to_string() }),
    }
}

/// Writes a transfer at the end of the chain. The head's row lock makes settlements wait for each other.
async fn append(tx: &mut Tx, transfer: &Transfer, currency: &str) -> Result<()> {
    sql!(
        tx,
        execute,
        "INSERT INTO meta (key, value) VALUES ('ledger_head', '') ON CONFLICT (key) DO UPDATE SET value = meta.value"
    )?;
    let head = sql!(
        tx,
        fetch_optional as (i64, Vec<u8>),
        "SELECT seq, hash FROM transfers ORDER BY seq DESC LIMIT 1"
    )?;
    let (last, prev) = head.unwrap_or((0, Vec::from(GENESIS)));
    let seq = last + 1;
    let hash = link(&prev, &transfer.canonical_text(seq, currency));
    sql!(
        tx,
        execute,
        "INSERT INTO transfers (id, seq, task_id, kind, key, amount, at, prev, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        transfer.id.uuid(),
        seq,
        transfer.task.uuid(),
        transfer.kind.name(),
        &transfer.key,
        transfer.amount.minor(),
        transfer.at,
        prev,
        hash
    )?;
    for (line, entry) in (1_i64..).zip(&transfer.entries) {
        sql!(
            tx,
            execute,
            "INSERT INTO entries (transfer_id, line, account, amount) VALUES ($1, $2, $3, $4)",
            transfer.id.uuid(),
            line,
            entry.account.to_string(),
            entry.amount.minor()
        )?;
    }
    // The database sums the entries now, and takes no more of them.
    sql!(tx, execute, "UPDATE transfers SET sealed = TRUE WHERE id = $1", transfer.id.uuid())?;
    Ok(())
}

fn link(prev: &[u8], text: &str) -> Vec<u8> {
    Sha256::new().chain_update(prev).chain_update(text.as_bytes()).finalize().to_vec()
}

row! {
    struct TransferRow {
        id: Uuid,
        seq: i64,
        task_id: Uuid,
        kind: String,
        key: String,
        amount: i64,
        at: Timestamp,
        prev: Vec<u8>,
        hash: Vec<u8>,
    }
}

macro_rules! transfer_columns {
    () => {
        "id, seq, task_id, kind, key, amount, at, prev, hash"
    };
}

async fn transfers_of(c: &mut Conn, task: TaskId) -> Result<Vec<Transfer>> {
    let rows = sql!(
        c,
        fetch_all as TransferRow,
        concat!("SELECT ", transfer_columns!(), " FROM transfers WHERE task_id = $1 ORDER BY seq"),
        task.uuid()
    )?;
    let mut transfers = Vec::with_capacity(rows.len());
    for row in rows {
        transfers.push(with_entries(c, &row).await?);
    }
    Ok(transfers)
}

async fn chained_after(c: &mut Conn, seq: i64) -> Result<Vec<TransferRow>> {
    Ok(sql!(
        c,
        fetch_all as TransferRow,
        concat!("SELECT ", transfer_columns!(), " FROM transfers WHERE seq > $1 ORDER BY seq LIMIT $2"),
        seq,
        PAGE
    )?)
}

/// Tells of a currency whether the first transfer was chained in it; `None`: there is no transfer yet.
pub(crate) async fn first_is_in(c: &mut Conn) -> Result<Option<impl Fn(&str) -> bool + use<>>> {
    let Some(row) = sql!(
        c,
        fetch_optional as TransferRow,
        concat!("SELECT ", transfer_columns!(), " FROM transfers ORDER BY seq LIMIT 1")
    )?
    else {
        return Ok(None);
    };
    let first = with_entries(c, &row).await?;
    Ok(Some(move |currency: &str| row.hash == link(&row.prev, &first.canonical_text(row.seq, currency))))
}

async fn with_entries(c: &mut Conn, row: &TransferRow) -> Result<Transfer> {
    let entries = sql!(
        c,
        fetch_all as (String, i64),
        "SELECT account, amount FROM entries WHERE transfer_id = $1 ORDER BY line",
        row.id
    )?;
    let entry = |(account, amount): (String, i64)| {
        let account = account.parse().map_err(Error::value("entries", "account"))?;
        Ok(Entry { account, amount: Money::from_minor(amount) })
    };
    Ok(Transfer {
        id: TransferId::from_uuid(row.id),
        task: TaskId::from_uuid(row.task_id),
        kind: word(&row.kind, T, "kind")?,
        key: row.key.clone(),
        amount: Money::from_minor(row.amount),
        at: row.at,
        entries: entries.into_iter().map(entry).collect::<Result<_>>()?,
    })
}

/// Checks one link and gives the hash the next one must start from.
async fn check_link(
    c: &mut Conn,
    row: TransferRow,
    prev: Vec<u8>,
    currency: &str,
    report: &mut LedgerReport,
) -> Result<Vec<u8>> {
    let transfer = with_entries(c, &row).await?;
    let expected_seq = i64::try_from(report.transfers).unwrap_or(i64::MAX).saturating_add(1);
    report.transfers += 1;
    if row.seq != expected_seq {
        report
            .problems
            .push(format!("transfer {} has number {}, expected {expected_seq}", transfer.id, row.seq));
    }
    if let Err(unsound) = transfer.verify() {
        report.problems.push(format!("transfer {}: {unsound}", transfer.id));
    }
    if row.prev != prev || row.hash != link(&row.prev, &transfer.canonical_text(row.seq, currency)) {
        report
            .problems
            .push(format!("transfer {} does not fit the chain: it or one before was changed", transfer.id));
    }
    Ok(row.hash)
}

/// Where tasks and money disagree.
async fn orphans(c: &mut Conn) -> Result<Vec<String>> {
    let rows = sql!(
        c,
        fetch_all as (Uuid, String, i64, i64, i64),
        "SELECT t.id, t.state,
             CAST(SUM(CASE WHEN f.kind = 'hold' THEN 1 ELSE 0 END) AS BIGINT),
             CAST(SUM(CASE WHEN f.kind = 'release' THEN 1 ELSE 0 END) AS BIGINT),
             CAST(SUM(CASE WHEN f.kind = 'refund' THEN 1 ELSE 0 END) AS BIGINT)
         FROM transfers f JOIN tasks t ON t.id = f.task_id GROUP BY t.id, t.state"
    )?;
    let legal = |state: &str, holds, releases, refunds| {
        holds == 1
            && match state {
                "completed" => (releases, refunds) == (1, 0),
                "expired" => (releases, refunds) == (0, 1),
                "delivering" => (releases, refunds) == (0, 0),
                _ => false,
            }
    };
    let wrong = rows.into_iter().filter(|(_, state, h, rel, r)| !legal(state, *h, *rel, *r));
    Ok(wrong
        .map(|(task, state, h, rel, r)| {
            format!("task {task} is {state} but has {h} holds, {rel} releases and {r} refunds")
        })
        .collect())
}
