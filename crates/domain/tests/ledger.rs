//! The ledger's rules: tables by hand, then any order of orders.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use gavel_domain::ledger::*;
use gavel_domain::*;
use gavel_testkit::{ManualClock, SeededChance};
use proptest::prelude::*;
use uuid::Uuid;

const FEE: BasisPoints = BasisPoints(1500);
const PRICE: Money = Money::from_minor(2200);
const TERMS: Terms = Terms { price: PRICE, budget: Money::from_minor(2500) };

fn order(key: &str) -> Order {
    let (clock, chance) = (ManualClock::new(), SeededChance::new(7));
    let now = clock.now();
    Order {
        id: TransferId::new(now, &chance),
        task: TaskId::from_uuid(Uuid::from_u128(1)),
        key: key.to_owned(),
        buyer: AccountId::from_uuid(Uuid::from_u128(2)),
        developer: DeveloperId::from_uuid(Uuid::from_u128(3)),
        at: now,
    }
}

fn posted(plan: Result<Plan, LedgerError>) -> Transfer {
    match plan.unwrap() {
        Plan::Post(transfer) => transfer,
        Plan::Replayed => panic!("nothing was posted"),
    }
}

fn held() -> Transfer {
    posted(plan_hold(&[], &order("h"), PRICE, TERMS))
}

fn lines(transfer: &Transfer) -> Vec<(String, i64)> {
    transfer.entries.iter().map(|e| (e.account.to_string(), e.amount.minor())).collect()
}

#[test]
fn each_kind_moves_between_its_accounts() {
    let id = |n: u128| Uuid::from_u128(n);
    let hold = held();
    assert_eq!(lines(&hold), [(format!("buyer:{}", id(2)), -2200), (format!("held:{}", id(1)), 2200)]);
    let done = [hold];
    let release = posted(plan_release(&done, &order("r"), FEE));
    assert_eq!(
        lines(&release),
        [
            (format!("held:{}", id(1)), -2200),
            ("platform_fee".to_owned(), 330),
            (format!("developer:{}", id(3)), 1870)
        ]
    );
    let refund = posted(plan_refund(&done, &order("f")));
    assert_eq!(lines(&refund), [(format!("held:{}", id(1)), -2200), (format!("buyer:{}", id(2)), 2200)]);
}

#[test]
fn nobody_gets_an_entry_of_nothing() {
    let done = [held()];
    for (fee, entries) in [(0, 2), (1, 2), (10_000, 2), (1500, 3)] {
        let release = posted(plan_release(&done, &order("r"), BasisPoints(fee)));
        assert_eq!((release.entries.len(), release.verify()), (entries, Ok(())), "{fee}");
    }
    assert_eq!(plan_release(&done, &order("r"), BasisPoints(10_001)), Err(LedgerError::AmountOutOfRange));
}

#[test]
fn the_key_is_looked_at_before_the_terms() {
    let done = [held()];
    let check = |key: &str, amount: i64, expected: Result<Plan, LedgerError>| {
        assert_eq!(
            plan_hold(&done, &order(key), Money::from_minor(amount), TERMS),
            expected,
            "{key} {amount}"
        );
    };
    check("h", 2200, Ok(Plan::Replayed));
    check("h", 2300, Err(LedgerError::KeyReused));
    check("h", 9900, Err(LedgerError::KeyReused));
    check("h", 0, Err(LedgerError::AmountOutOfRange));
    check("h2", 9900, Err(LedgerError::OverBudget));
    check("h2", 2300, Err(LedgerError::AmountMismatch));
    check("h2", 2200, Err(LedgerError::Conflict));
    assert_eq!(plan_release(&done, &order("h"), FEE), Err(LedgerError::KeyReused));
    assert_eq!(plan_refund(&done, &order("h")), Err(LedgerError::KeyReused));
}

#[test]
fn a_transfer_that_does_not_what_its_kind_says_is_unsound() {
    let hold = held();
    let release = posted(plan_release(std::slice::from_ref(&hold), &order("r"), FEE));
    let refund = posted(plan_refund(std::slice::from_ref(&hold), &order("f")));
    let check = |good: &Transfer, spoil: &dyn Fn(&mut Transfer), expected: Unsound| {
        assert_eq!(good.verify(), Ok(()));
        let mut bad = good.clone();
        spoil(&mut bad);
        assert_eq!(bad.verify(), Err(expected), "{bad:?}");
    };
    let other = LedgerAccount::Held(TaskId::from_uuid(Uuid::from_u128(9)));
    let one = Money::from_minor(1);
    check(&hold, &|t| t.entries[1].amount = one, Unsound::Unbalanced);
    check(&hold, &|t| t.entries.clear(), Unsound::WrongSides);
    check(&hold, &|t| t.amount = one, Unsound::WrongSides);
    check(&hold, &|t| t.amount = Money::ZERO, Unsound::AmountOutOfRange);
    check(&hold, &|t| t.entries[1].account = other, Unsound::WrongSides);
    check(&hold, &|t| t.kind = TransferKind::Refund, Unsound::WrongSides);
    check(&refund, &|t| t.kind = TransferKind::Hold, Unsound::WrongSides);
    check(&refund, &|t| t.kind = TransferKind::Release, Unsound::WrongSides);
    check(&release, &|t| t.kind = TransferKind::Refund, Unsound::WrongSides);
    check(&release, &|t| t.entries[0].account = other, Unsound::WrongSides);
    check(&release, &|t| t.entries[1].account = t.entries[2].account, Unsound::WrongSides);
    let nothing = Entry { account: LedgerAccount::PlatformFee, amount: Money::ZERO };
    check(&refund, &|t| t.entries.push(nothing), Unsound::AmountOutOfRange);
    let too_much = Entry { account: LedgerAccount::PlatformFee, amount: Money::from_minor(i64::MAX) };
    check(&release, &|t| t.entries.extend([too_much, too_much]), Unsound::Unbalanced);
}

#[test]
fn an_account_has_one_spelling() {
    let id = Uuid::from_u128(5);
    for account in [
        LedgerAccount::Buyer(AccountId::from_uuid(id)),
        LedgerAccount::Held(TaskId::from_uuid(id)),
        LedgerAccount::PlatformFee,
        LedgerAccount::Developer(DeveloperId::from_uuid(id)),
    ] {
        assert_eq!(account.to_string().parse(), Ok(account));
    }
    let shouted = format!("held:{}", id.to_string().to_uppercase().replace('0', "A"));
    let other_spellings = [format!("held:{{{id}}}"), format!("held:{}", id.simple()), shouted];
    for text in
        other_spellings.iter().map(String::as_str).chain(["", "held", "held:", "platform_fee:", "x:1"])
    {
        assert_eq!(text.parse::<LedgerAccount>(), Err(UnknownAccount(text.to_owned())));
    }
    for kind in TransferKind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
}

/// Every chain ever written hangs on this text: a change here is a migration.
#[test]
fn the_chained_text_stands_still() {
    let at = "2026-03-04T05:06:07.089012Z".parse().unwrap();
    let transfer = Transfer { id: TransferId::from_uuid(Uuid::from_u128(4)), at, ..held() };
    insta::assert_snapshot!(transfer.canonical_text(12, "USD"), @r"
    gavel-transfer-1
    seq 12
    id 00000000-0000-0000-0000-000000000004
    task 00000000-0000-0000-0000-000000000001
    kind hold
    key h
    amount 2200 USD
    at 1772600767089012
    entry buyer:00000000-0000-0000-0000-000000000002 -2200
    entry held:00000000-0000-0000-0000-000000000001 2200
    ");
}

#[test]
fn whatever_changes_changes_the_chained_text() {
    let transfer = held();
    let text = transfer.canonical_text(1, "USD");
    let changes: [&dyn Fn(&mut Transfer); 7] = [
        &|t| t.id = TransferId::from_uuid(Uuid::nil()),
        &|t| t.task = TaskId::from_uuid(Uuid::nil()),
        &|t| t.kind = TransferKind::Refund,
        &|t| t.key.push_str("\namount 2200 USD"),
        &|t| t.amount = Money::ZERO,
        &|t| t.entries.reverse(),
        &|t| t.entries[0].amount = Money::ZERO,
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut changed = transfer.clone();
        change(&mut changed);
        assert_ne!(changed.canonical_text(1, "USD"), text, "change {i}");
    }
    assert_ne!(transfer.canonical_text(2, "USD"), text);
    assert_ne!(transfer.canonical_text(1, "AUD"), text);
}

#[test]
fn a_failed_payment_undoes_a_hold_once() {
    let failed = |id: &str| ProviderEvent { id: id.to_owned(), kind: ProviderEventKind::PaymentFailed };
    let mut done = vec![held()];
    let plan = plan_provider_event(&done, &[], &order("e1"), &failed("e1"));
    let Ok(ProviderPlan::HoldReversed(reversal)) = plan else { panic!("{plan:?}") };
    assert_eq!((reversal.kind, reversal.verify()), (TransferKind::Refund, Ok(())));
    done.push(reversal);
    let again = plan_provider_event(&done, &["e1".to_owned()], &order("e1"), &failed("e1"));
    assert_eq!(again, Ok(ProviderPlan::Duplicate));
    // The transfer was written but its event was forgotten: the key still knows.
    let forgotten = plan_provider_event(&done, &[], &order("e1"), &failed("e1"));
    assert_eq!(forgotten, Ok(ProviderPlan::Duplicate));
    assert_eq!(
        plan_provider_event(&done, &[], &order("e2"), &failed("e2")),
        Err(LedgerError::Conflict),
        "nothing is held any more"
    );
}

#[test]
fn a_dispute_needs_a_hold_and_opens_once() {
    let event = ProviderEvent { id: "e1".to_owned(), kind: ProviderEventKind::ChargeDisputed };
    let plan =
        |done: &[Transfer], handled: &[String]| plan_provider_event(done, handled, &order("k"), &event);
    assert_eq!(plan(&[held()], &[]), Ok(ProviderPlan::DisputeOpened));
    assert_eq!(plan(&[held()], &["e1".to_owned()]), Ok(ProviderPlan::Duplicate));
    assert_eq!(plan(&[], &[]), Err(LedgerError::Conflict));
}

#[test]
fn a_bid_in_another_currency_is_not_paid() {
    let [usd, aud] = ["USD", "AUD"].map(|code| Currency::new(code).unwrap());
    assert_eq!(check_currency(&usd, &usd), Ok(()));
    assert_eq!(check_currency(&usd, &aud), Err(LedgerError::CurrencyMismatch));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_ordered_money_is_conserved_and_settled_once(
        orders in proptest::collection::vec((0_usize..3, 0_u8..4), 0..12),
        price in 1_i64..=i64::MAX,
        fee in 0_u16..=10_000,
    ) {
        let price = Money::from_minor(price);
        let mut done: Vec<Transfer> = Vec::new();
        for (kind, key) in orders {
            let order = order(&format!("k{key}"));
            let plan = match TransferKind::ALL[kind] {
                TransferKind::Hold => plan_hold(&done, &order, price, Terms { price, budget: price }),
                TransferKind::Release => plan_release(&done, &order, BasisPoints(fee)),
                TransferKind::Refund => plan_refund(&done, &order),
            };
            if let Ok(Plan::Post(transfer)) = plan {
                prop_assert_eq!(transfer.verify(), Ok(()));
                prop_assert_eq!(transfer.amount, price);
                done.push(transfer);
            }
        }
        let kinds: Vec<_> = done.iter().map(|t| t.kind).collect();
        prop_assert!(kinds.len() <= 2);
        prop_assert!(kinds.first().is_none_or(|first| *first == TransferKind::Hold));
        prop_assert!(kinds.get(1).is_none_or(|second| *second != TransferKind::Hold));
    }
}
