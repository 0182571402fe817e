//! What holds for every decision.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop here, and says what it ran")]

use gavel_triage::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn candidate(n: u64, tier: Tier, account: u8, score: u32) -> Candidate {
    Candidate {
        agent: format!("agent-{n:03}"),
        draw_number: n.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        slug: format!("slug-{n}"),
        owner: format!("owner-{account}"),
        payout_account: format!("account-{account}"),
        capable: true,
        payout_ready: true,
        active: true,
        visible: true,
        declines_type: false,
        health_fails: 0,
        in_flight: 0,
        max_concurrency: 8,
        min_price_minor: 0,
        tier,
        standing: Standing { scores: vec![score], real_tasks: 20, ..Standing::default() },
    }
}

fn input(candidates: Vec<Candidate>, seed: u64, k: u8) -> Input {
    let task =
        TaskFacts { budget_minor: 2500, buyer: "buyer".into(), money_on: true, ..TaskFacts::default() };
    Input { task, candidates, no_capability: 3, agents: Some(k), experimentation_milli: 300, seed }
}

fn tiers() -> impl Strategy<Value = Tier> {
    prop_oneof![
        Just(Tier::NewChallenger),
        Just(Tier::Challenger),
        Just(Tier::RisingStar),
        Just(Tier::TopPerformer)
    ]
}

fn pools() -> impl Strategy<Value = Vec<Candidate>> {
    prop::collection::vec((tiers(), 0_u8..12, 1_u32..1_000_000, any::<bool>()), 0..30).prop_map(|agents| {
        let numbered = (0_u64..).zip(agents);
        let made = numbered.map(|(n, (tier, account, score, active))| Candidate {
            active,
            ..candidate(n, tier, account, score)
        });
        made.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_candidate_has_a_reason_and_order_changes_nothing(pool in pools(), seed: u64, k in 3_u8..=8) {
        let record = decide(&input(pool.clone(), seed, k), &Policy::default());
        prop_assert_eq!(record.candidates.len(), pool.len());
        let chosen = record.candidates.iter().filter(|c| c.reason == Reason::Chosen).count();
        prop_assert_eq!(chosen, record.chosen.len());
        prop_assert_eq!(record.under_supplied, chosen < usize::from(k));
        let mut turned = pool;
        turned.reverse();
        prop_assert_eq!(&decide(&input(turned, seed, k), &Policy::default()), &record);
    }

    #[test]
    fn a_record_reads_back_bit_for_bit(pool in pools(), seed: u64) {
        let record = decide(&input(pool, seed, 5), &Policy::default());
        let text = serde_json::to_string(&record).unwrap();
        prop_assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }

    #[test]
    fn removing_whom_nobody_chose_changes_nothing(pool in pools(), seed: u64, at: prop::sample::Index) {
        prop_assume!(!pool.is_empty());
        let before = decide(&input(pool.clone(), seed, 4), &Policy::default());
        let mut fewer = pool;
        let gone = fewer.remove(at.index(fewer.len()));
        prop_assume!(!before.chosen.iter().any(|c| c.agent == gone.agent));
        prop_assert_eq!(decide(&input(fewer, seed, 4), &Policy::default()).chosen, before.chosen);
    }

    #[test]
    fn an_account_is_asked_once_while_there_are_others(pool in pools(), seed: u64, k in 3_u8..=8) {
        let record = decide(&input(pool, seed, k), &Policy::default());
        let of = |agent: &str| record.candidates.iter().find(|c| c.agent == agent).unwrap().payout_account.clone();
        let accounts: BTreeSet<_> = record.chosen.iter().map(|c| of(&c.agent)).collect();
        let available: BTreeSet<_> =
            record.candidates.iter().filter(|c| c.weighed.is_some()).map(|c| c.payout_account.clone()).collect();
        prop_assert_eq!(accounts.len(), available.len().min(record.chosen.len()));
    }

    #[test]
    fn more_weight_never_hurts(seed: u64, weights in prop::collection::vec(1_u32..1_000_000, 5..20), more in 2_u32..50) {
        let slots = slots(4, 300);
        let draw_with = |first: u32| {
            let entrants: Vec<Entrant<'_>> = weights.iter().enumerate().map(|(i, w)| Entrant {
                number: i as u64, tier: Tier::Challenger, weight: if i == 0 { first } else { *w }, account: None,
            }).collect();
            draw(&entrants, slots, seed).iter().any(|d| d.entrant == 0)
        };
        prop_assert!(!draw_with(weights[0]) || draw_with(weights[0].saturating_mul(more)));
    }
}

/// Weights 3 : 2 : 1, two of three drawn: exact successive sampling includes them with these probabilities.
#[test]
fn inclusion_follows_the_weights() {
    let entrants = [3, 2, 1].map(|weight| Entrant {
        number: u64::from(weight),
        tier: Tier::Challenger,
        weight,
        account: None,
    });
    let (mut included, seeds) = ([0_u32; 3], 20_000);
    for seed in 0..seeds {
        for seat in draw(&entrants, Slots { fast: 0, mixed: 0, challenger: 2 }, seed) {
            included[seat.entrant] += 1;
        }
    }
    for (count, expected) in included.into_iter().zip([0.85, 0.7333, 0.4167]) {
        let share = f64::from(count) / seeds as f64;
        assert!((share - expected).abs() < 0.015, "{share} instead of {expected}");
    }
}

#[test]
fn gates_come_in_their_order_and_wishes_are_kept() {
    let policy = Policy::default();
    let check = |candidate: Candidate, task: TaskFacts, expected: Option<Gate>| {
        assert_eq!(gate(&candidate, &task, &policy), expected);
    };
    let agent = || candidate(1, Tier::Challenger, 1, 1);
    let task = || TaskFacts { budget_minor: 2500, buyer: "owner-1".into(), ..TaskFacts::default() };
    check(agent(), task(), None);
    check(agent(), TaskFacts { money_on: true, ..task() }, Some(Gate::OwnTask));
    check(Candidate { payout_ready: false, ..agent() }, task(), None);
    check(Candidate { visible: false, health_fails: 3, ..agent() }, task(), Some(Gate::NotVisible));
    check(Candidate { declines_type: true, ..agent() }, task(), Some(Gate::DeclinesType));
    check(agent(), TaskFacts { only: vec!["another".into()], ..task() }, Some(Gate::NotWanted));
    check(agent(), TaskFacts { ignore: vec!["slug-1".into()], ..task() }, Some(Gate::NotWanted));
    check(
        Candidate { min_price_minor: 900, ..agent() },
        TaskFacts { max_price_minor: Some(899), ..task() },
        Some(Gate::NotWanted),
    );
    check(Candidate { in_flight: 8, min_price_minor: 9999, ..agent() }, task(), Some(Gate::AtCapacity));
}

#[test]
fn a_seed_depends_on_secret_task_and_round() {
    let task = gavel_domain::TaskId::from_uuid("01890000-0000-7000-8000-000000000001".parse().unwrap());
    let of = |secret: &[u8], round| seed(secret, task, round);
    assert_eq!(of(b"secret", 1), of(b"secret", 1));
    assert!(of(b"secret", 1) != of(b"secret", 2) && of(b"secret", 1) != of(b"other", 1));
}

#[test]
fn impossible_policies_are_refused() {
    assert!(Policy::default().check().is_ok());
    assert!(Policy { rolling_percent: 41, ..Policy::default() }.check().is_err());
    assert!(Policy { agents_min: 9, ..Policy::default() }.check().is_err());
    assert_ne!(Policy { beta_milli: 1, ..Policy::default() }.hash(), Policy::default().hash());
}
