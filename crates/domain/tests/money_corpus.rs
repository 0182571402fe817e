//! Every row of the money cases, against the plans and the arithmetic.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use gavel_domain::ledger::{
    LedgerAccount, LedgerError, Order, Plan, ProviderEvent, ProviderEventKind, ProviderPlan, Terms, Transfer,
    check_currency, plan_hold, plan_provider_event, plan_refund, plan_release,
};
use gavel_domain::money::{PriceError, parse_price};
use gavel_domain::*;
use gavel_testkit::{ManualClock, SeededChance, corpora};
use serde_json::Value;
use std::collections::BTreeMap;

const FEE: BasisPoints = BasisPoints(1500);

#[test]
fn money_cases() {
    let Some(rows) = corpora::rows::<Value>("reliability/money_cases.jsonl") else { return };
    let mut ran: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        let kind = row["kind"].as_str().unwrap();
        match kind {
            "split" => split(row),
            "parse_price" => price(row),
            "minor_units" => minor_units(row),
            "aggregate" => aggregate(row),
            "sequence" => sequence(row),
            other => panic!("unknown kind {other}"),
        }
        *ran.entry(kind.to_owned()).or_default() += 1;
    }
    println!("money cases: {ran:?}");
    assert!(!rows.is_empty());
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no integer"))
}

fn split(row: &Value) {
    let split = Money::from_minor(int(&row["amount_cents"])).split(FEE);
    if row["expected"]["error"] == "amount_out_of_range" {
        return assert_eq!(split, None, "{row}");
    }
    let split = split.unwrap();
    let expected = (int(&row["expected"]["fee_cents"]), int(&row["expected"]["payout_cents"]));
    assert_eq!((split.fee.minor(), split.payout.minor()), expected, "{row}");
}

fn price(row: &Value) {
    let usd = Currency::new("USD").unwrap();
    let budget = Money::parse_exact(row["budget"].as_str().unwrap(), &usd).unwrap();
    let got = parse_price(row["json_token"].as_str().unwrap(), budget, &usd);
    let expected = &row["expected"];
    match got {
        Ok(price) => assert_eq!(Some(price.minor()), expected["cents"].as_i64(), "{row}"),
        Err(error) => {
            let code = match error {
                PriceError::OverBudget => "over_budget",
                PriceError::NotPositive => "not_positive",
                PriceError::Type => "wrong_type",
                PriceError::NotJson => "not_json",
            };
            assert_eq!(Some(code), expected["error"].as_str(), "{row}");
        }
    }
}

fn minor_units(row: &Value) {
    let currency = Currency::new(row["currency"].as_str().unwrap()).unwrap();
    let amount = Money::parse_exact(row["amount"].as_str().unwrap(), &currency).unwrap();
    assert_eq!(amount.minor(), int(&row["expected"]["minor"]), "{row}");
}

fn aggregate(row: &Value) {
    let amounts: Vec<i64> = match row.get("range") {
        Some(range) => (int(&range[0])..=int(&range[1])).collect(),
        None => vec![int(&row["amount_cents"]); usize::try_from(int(&row["count"])).unwrap()],
    };
    let (mut total, mut fees, mut payouts) = (0, 0, 0);
    for amount in amounts {
        let split = Money::from_minor(amount).split(FEE).unwrap();
        total += amount;
        fees += split.fee.minor();
        payouts += split.payout.minor();
    }
    let expected = &row["expected"];
    let sums = (int(&expected["total_cents"]), int(&expected["fees_cents"]), int(&expected["payouts_cents"]));
    assert_eq!((total, fees, payouts), sums, "{row}");
}

/// A ledger of one task, kept in memory.
struct Book {
    done: Vec<Transfer>,
    handled: Vec<String>,
    order: Order,
}

impl Book {
    fn new() -> Self {
        let (clock, chance) = (ManualClock::new(), SeededChance::new(1));
        let now = clock.now();
        let order = Order {
            id: TransferId::new(now, &chance),
            task: TaskId::new(now, &chance),
            key: String::new(),
            buyer: AccountId::new(now, &chance),
            developer: DeveloperId::new(now, &chance),
            at: now,
        };
        Book { done: Vec::new(), handled: Vec::new(), order }
    }

    fn run(&mut self, op: &Value, kind: &str, key: &str) -> &'static str {
        let order = Order { key: key.to_owned(), ..self.order.clone() };
        match self.plan(op, kind, &order) {
            Ok(Plan::Post(transfer)) => self.post(transfer, "ok"),
            Ok(Plan::Replayed) => "replayed",
            Err(error) => word(error),
        }
    }

    fn plan(&self, op: &Value, kind: &str, order: &Order) -> Result<Plan, LedgerError> {
        match kind {
            "hold" => {
                let currency = |name: &str| Currency::new(op[name].as_str().unwrap_or("USD")).unwrap();
                check_currency(&currency("currency"), &currency("bid_currency"))?;
                let amount = Money::from_minor(int(&op["amount"]));
                let of = |name: &str, or| Money::from_minor(op.get(name).map_or(or, int));
                let price = of("bid", self.done.first().map_or(amount.minor(), |t| t.amount.minor()));
                plan_hold(&self.done, order, amount, Terms { price, budget: of("budget", i64::MAX) })
            }
            "release" => plan_release(&self.done, order, FEE),
            "refund" => plan_refund(&self.done, order),
            other => panic!("unknown op {other}"),
        }
    }

    fn provider(&mut self, op: &Value, place: usize) -> &'static str {
        let kind = match op["event"].as_str().unwrap() {
            "payment_failed" => ProviderEventKind::PaymentFailed,
            "charge_disputed" => ProviderEventKind::ChargeDisputed,
            other => panic!("unknown event {other}"),
        };
        let id = op["event_id"].as_str().map_or_else(|| format!("event-{place}"), str::to_owned);
        let order = Order { key: format!("provider:{id}"), ..self.order.clone() };
        let event = ProviderEvent { id, kind };
        let plan = plan_provider_event(&self.done, &self.handled, &order, &event);
        self.handled.push(event.id);
        match plan {
            Ok(ProviderPlan::HoldReversed(transfer)) => self.post(transfer, "hold_reversed"),
            Ok(ProviderPlan::DisputeOpened) => "dispute_opened",
            Ok(ProviderPlan::Duplicate) => "duplicate_event",
            Err(error) => word(error),
        }
    }

    fn post(&mut self, transfer: Transfer, result: &'static str) -> &'static str {
        assert_eq!(transfer.verify(), Ok(()));
        self.done.push(transfer);
        result
    }

    fn balances(&self) -> BTreeMap<&'static str, i64> {
        let mut balances =
            BTreeMap::from([("buyer", 0), ("escrow", 0), ("platform_fee", 0), ("developer", 0)]);
        for entry in self.done.iter().flat_map(|t| &t.entries) {
            let name = match entry.account {
                LedgerAccount::Buyer(_) => "buyer",
                LedgerAccount::Held(_) => "escrow",
                LedgerAccount::PlatformFee => "platform_fee",
                LedgerAccount::Developer(_) => "developer",
            };
            *balances.get_mut(name).unwrap() += entry.amount.minor();
        }
        balances
    }
}

fn word(error: LedgerError) -> &'static str {
    match error {
        LedgerError::Conflict => "conflict",
        LedgerError::KeyReused => "key_reused",
        LedgerError::AmountOutOfRange => "amount_out_of_range",
        LedgerError::OverBudget => "over_budget",
        LedgerError::AmountMismatch => "amount_mismatch",
        LedgerError::CurrencyMismatch => "currency_mismatch",
    }
}

/// Runs one sequence. Concurrent operations are run one after another here: only a real database can race them.
fn sequence(row: &Value) {
    let mut book = Book::new();
    for (i, op) in row["ops"].as_array().unwrap().iter().enumerate() {
        let kind = op["op"].as_str().unwrap();
        if let Some(both) = kind.strip_suffix("_concurrent") {
            concurrent(&mut book, op, both, row);
            continue;
        }
        let result = match kind {
            "provider_webhook" => book.provider(op, i),
            _ => book.run(op, kind, op["key"].as_str().unwrap_or("k")),
        };
        assert_eq!(Some(result), row["expected"]["results"][i].as_str(), "operation {i} of {row}");
    }
    let balances = serde_json::to_value(book.balances()).unwrap();
    match row["expected"].get("balances_any_of") {
        Some(any) => assert!(any.as_array().unwrap().contains(&balances), "{row}: {balances}"),
        None => assert_eq!(&balances, &row["expected"]["balances"], "{row}"),
    }
    assert_eq!(book.balances().values().sum::<i64>(), 0, "{row}");
}

/// Of many at once exactly one succeeds.
fn concurrent(book: &mut Book, op: &Value, kinds: &str, row: &Value) {
    let kinds: Vec<&str> = kinds.split("_and_").collect();
    let mut succeeded = 0;
    for round in 0..int(&op["n"]) {
        for kind in &kinds {
            let result = book.run(op, kind, &format!("{kind}-{round}"));
            assert!(["ok", "conflict", "replayed"].contains(&result), "{result}: {row}");
            succeeded += usize::from(result == "ok");
        }
    }
    assert_eq!(succeeded, 1, "{row}");
}
