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
        paused: false,
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
    fn more_weight_never_hurts(
        seed: u64, k in 3_u8..=8, more in 2_u32..50,
        pool in prop::collection::vec((tiers(), 0_u8..8, 1_u32..1_000_000), 5..20),
    ) {
        let accounts: Vec<String> = pool.iter().map(|(_, account, _)| account.to_string()).collect();
        let is_drawn = |first: u32| {
            let entrants: Vec<Entrant<'_>> = (0_u64..).zip(pool.iter().zip(&accounts)).map(|(number, ((tier, _, weight), account))| {
                let weight = if number == 0 { first } else { *weight };
                Entrant { number, tier: *tier, weight, account: Some(account) }
            }).collect();
            draw(&entrants, slots(k, 300, &Policy::default()), seed).iter().any(|d| d.entrant == 0)
        };
        let weight = pool[0].2;
        prop_assert!(!is_drawn(weight) || is_drawn(weight * more));
    }

    #[test]
    fn failed_probes_only_lower_a_weight_and_leave_a_tenth(
        score in 1_u32..1_000_000, fails in 0_u32..40, step in 0_u32..=1000, trickle in 100_u32..=1000,
    ) {
        let policy = Policy { failed_probe_milli: step, trickle_milli: trickle, ..Policy::default() };
        prop_assert_eq!(policy.check(), Ok(()));
        let standing = Standing { scores: vec![score], real_tasks: 20, ..Standing::default() };
        let well = weigh(&standing, &policy);
        prop_assert_eq!(well.after_failed_probes(0, &policy), well, "who is well weighs what it weighed");
        let [now, next] = [fails, fails + 1].map(|fails| well.after_failed_probes(fails, &policy));
        prop_assert!(next.weight <= now.weight && now.weight <= well.weight);
        prop_assert!(u64::from(now.weight) * 10 >= u64::from(well.weight) && now.weight >= 1);
        prop_assert!((trickle..=1000).contains(&now.health_milli));
    }

    #[test]
    fn a_record_holds_enough_to_draw_again(pool in pools(), seed: u64, money_on: bool) {
        let mut input = input(pool, seed, 6);
        input.task.money_on = money_on;
        let record = decide(&input, &Policy::default());
        let entrants: Vec<Entrant<'_>> = record.candidates.iter().filter_map(|c| Some(Entrant {
            number: c.draw_number.parse().unwrap(),
            tier: c.tier,
            weight: c.weighed?.weight,
            account: record.task.money_on.then_some(c.payout_account.as_str()),
        })).collect();
        let again = draw(&entrants, record.slots, record.seed.parse().unwrap());
        let keys = |seats: Vec<(Lane, f64)>| seats.into_iter().map(|(lane, key)| (lane, key.to_bits())).collect::<Vec<_>>();
        prop_assert_eq!(
            keys(again.iter().map(|d| (d.lane, d.key)).collect()),
            keys(record.chosen.iter().map(|c| (c.lane, c.key)).collect())
        );
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

type Mend = fn(&mut Candidate);

/// A candidate that fails every gate, mended one gate at a time.
#[test]
fn the_first_gate_that_fails_is_the_reason() {
    let policy = Policy::default();
    let task = TaskFacts {
        budget_minor: 2500,
        buyer: "owner-1".into(),
        ignore: vec!["slug-1".into()],
        exclude: vec!["agent-001".into()],
        money_on: true,
        ..TaskFacts::default()
    };
    let mut agent = Candidate {
        capable: false,
        payout_ready: false,
        active: false,
        paused: true,
        visible: false,
        declines_type: true,
        health_fails: 3,
        in_flight: 8,
        min_price_minor: 2501,
        ..candidate(1, Tier::Challenger, 1, 1)
    };
    let mends: [(Gate, Mend); 12] = [
        (Gate::NoCapability, |a| a.capable = true),
        (Gate::PayoutNotReady, |a| a.payout_ready = true),
        (Gate::Inactive, |a| a.active = true),
        (Gate::Paused, |a| a.paused = false),
        (Gate::NotVisible, |a| a.visible = true),
        (Gate::DeclinesType, |a| a.declines_type = false),
        (Gate::NotWanted, |a| a.slug = "slug-2".into()),
        (Gate::Unhealthy, |a| a.health_fails = 2),
        (Gate::AtCapacity, |a| a.in_flight = 7),
        (Gate::PriceFloor, |a| a.min_price_minor = 2500),
        (Gate::OwnTask, |a| a.owner = "owner-2".into()),
        (Gate::Excluded, |a| a.agent = "agent-002".into()),
    ];
    assert_eq!(mends.map(|(gate, _)| gate), Gate::ALL);
    for (expected, mend) in mends {
        assert_eq!(gate(&agent, &task, &policy), Some(expected));
        mend(&mut agent);
    }
    assert_eq!(gate(&agent, &task, &policy), None);
}

#[test]
fn wishes_and_money_decide_which_gates_apply() {
    let policy = Policy::default();
    let check = |candidate: Candidate, task: TaskFacts, expected: Option<Gate>| {
        assert_eq!(gate(&candidate, &task, &policy), expected, "{candidate:?} {task:?}");
    };
    let agent = || candidate(1, Tier::Challenger, 1, 1);
    let priced = || Candidate { min_price_minor: 900, ..agent() };
    let task = || TaskFacts { budget_minor: 2500, buyer: "owner-1".into(), ..TaskFacts::default() };
    let of_other = || TaskFacts { buyer: "owner-2".into(), money_on: true, ..task() };
    check(agent(), task(), None);
    check(Candidate { payout_ready: false, ..agent() }, task(), None);
    check(agent(), TaskFacts { money_on: true, ..task() }, Some(Gate::OwnTask));
    check(agent(), of_other(), None);
    let paid_alike = TaskFacts { buyer_payout_account: Some("account-1".into()), ..of_other() };
    check(agent(), TaskFacts { money_on: false, ..paid_alike.clone() }, None);
    check(agent(), paid_alike, Some(Gate::OwnTask));
    check(agent(), TaskFacts { only: vec!["another".into()], ..task() }, Some(Gate::NotWanted));
    check(agent(), TaskFacts { only: vec!["slug-1".into()], ..task() }, None);
    check(agent(), TaskFacts { ignore: vec!["slug-1".into()], ..task() }, Some(Gate::NotWanted));
    check(priced(), TaskFacts { max_price_minor: Some(899), ..task() }, Some(Gate::NotWanted));
    check(priced(), TaskFacts { max_price_minor: Some(900), ..task() }, None);
}

/// Three agents of one account and one of another: the rule yields only to seats nobody else could take.
#[test]
fn the_account_rule_yields_when_too_few_are_left() {
    let pool =
        || [(1, 1), (2, 1), (3, 1), (4, 2)].map(|(n, a)| candidate(n, Tier::Challenger, a, 1)).to_vec();
    for seed in 0..200 {
        let record = decide(&input(pool(), seed, 3), &Policy::default());
        let chosen: Vec<&str> = record.chosen.iter().map(|c| c.agent.as_str()).collect();
        let is_other = |agent: &str| agent == "agent-004";
        assert_eq!(chosen.len(), 3);
        assert_eq!(chosen[..2].iter().filter(|a| is_other(a)).count(), 1, "{chosen:?}");
        let mut free = input(pool(), seed, 3);
        free.task.money_on = false;
        let lanes: Vec<Lane> = decide(&free, &Policy::default()).chosen.iter().map(|c| c.lane).collect();
        assert_eq!(lanes, Lane::ALL, "with money off nothing is left for a second pass");
    }
}

#[test]
fn reasons_and_tiers_are_single_words_in_the_record() {
    let word = |reason: Reason| serde_json::to_value(reason).unwrap();
    assert_eq!(word(Reason::Chosen), "chosen");
    assert_eq!(word(Reason::NotDrawn), "not_drawn");
    assert_eq!(word(Reason::Gated(Gate::AtCapacity)), "at_capacity");
    assert_eq!(serde_json::to_value(Tier::RisingStar).unwrap(), "rising_star");
}

#[test]
fn newcomers_are_boosted_and_beta_weighs_half() {
    let policy = Policy::default();
    let check = |standing: Standing, boost: u32, beta_milli: u32, weight: u32| {
        let got = weigh(&standing, &policy);
        assert_eq!((got.boost, got.beta_milli, got.weight), (boost, beta_milli, weight), "{standing:?}");
    };
    // No benchmark: 600,000 stands in for it and for the rolling score. 100 points of floor, 150 of recency.
    let new = Standing::default;
    check(new(), 3, 1000, 1_894_200);
    check(Standing { beta: true, ..new() }, 3, 500, 947_100);
    check(Standing { account_boosted: 30, ..new() }, 1, 1000, 631_400);
    check(Standing { real_tasks: 10, ..new() }, 1, 1000, 541_200);
    assert_eq!(Tier::without_history(9, &policy), Tier::NewChallenger);
    assert_eq!(Tier::without_history(10, &policy), Tier::Challenger);
}

#[test]
fn each_failed_probe_halves_the_weight_and_the_record_says_so() {
    let check = |health_fails: u32, expected: Option<(u32, u32)>| {
        let failing = Candidate { health_fails, ..candidate(1, Tier::Challenger, 1, 600_000) };
        let record = decide(&input(vec![failing], 7, 3), &Policy::default());
        let weighed = record.candidates[0].weighed.map(|w| (w.health_milli, w.weight));
        assert_eq!(weighed, expected, "{health_fails}");
    };
    check(0, Some((1000, 541_200)));
    check(1, Some((500, 270_600)));
    check(2, Some((250, 135_300)));
    check(3, None);
    let patient = Policy { health_fails_max: 9, ..Policy::default() };
    let much = weigh(&Standing::default(), &patient).after_failed_probes(8, &patient);
    assert_eq!((much.health_milli, much.weight), (100, 189_420));
}

#[test]
fn a_record_of_before_there_was_a_factor_of_health_reads_back() {
    let weighed = weigh(&Standing::default(), &Policy::default());
    let mut old = serde_json::to_value(weighed).unwrap();
    old.as_object_mut().unwrap().remove("health_milli");
    assert_eq!(serde_json::from_value::<Weighed>(old).unwrap(), weighed);
}

/// Whole hours count; half a part per million is rounded up (at 2352 hours the value is exactly 7812.5).
#[test]
fn recency_halves_in_a_fortnight() {
    let check = |idle_seconds: u64, expected: u32| {
        let standing = Standing { idle_seconds, ..Standing::default() };
        assert_eq!(weigh(&standing, &Policy::default()).terms.recency, expected, "{idle_seconds}");
    };
    check(3599, 1_000_000);
    check(3600, 997_939);
    check(336 * 3600, 500_000);
    check(2352 * 3600, 7813);
    check(u64::MAX, 0);
}

/// The expected numbers come from another implementation of HMAC.
#[test]
fn a_seed_comes_from_secret_task_and_round() {
    let task = gavel_domain::TaskId::from_uuid("01890000-0000-7000-8000-000000000001".parse().unwrap());
    assert_eq!(seed(b"secret", task, 1), 16_780_395_839_519_733_217);
    assert_eq!(seed(b"secret", task, 2), 6_871_368_997_327_265_789);
    assert_ne!(seed(b"other", task, 1), seed(b"secret", task, 1));
}

#[test]
fn impossible_policies_are_refused() {
    let check = |policy: Policy, expected| assert_eq!(policy.check(), expected, "{policy:?}");
    let shipped = Policy::default;
    check(shipped(), Ok(()));
    check(Policy { rolling_percent: 41, ..shipped() }, Err(PolicyError::Weights { sum: 101 }));
    check(Policy { agents_min: 9, ..shipped() }, Err(PolicyError::Agents));
    check(Policy { agents_max: 200, ..shipped() }, Err(PolicyError::Agents));
    check(Policy { budget_per_agent: 0, ..shipped() }, Err(PolicyError::Zero("budget_per_agent")));
    check(Policy { mixed_milli: 1001, ..shipped() }, Err(PolicyError::Share("mixed_milli")));
    check(Policy { failed_probe_milli: 1001, ..shipped() }, Err(PolicyError::Share("failed_probe_milli")));
    check(Policy { trickle_milli: 99, ..shipped() }, Err(PolicyError::Trickle));
    check(Policy { benchmark_unknown_ppm: 1_000_001, ..shipped() }, Err(PolicyError::Score));
    assert!(serde_json::from_str::<Policy>(r#"{"newcomer_boots": 3}"#).is_err());
    assert_eq!(serde_json::from_str::<Policy>("{}").unwrap(), shipped());
}

#[test]
fn every_parameter_is_in_the_hash() {
    let parameters = serde_json::to_value(Policy::default()).unwrap();
    for name in parameters.as_object().unwrap().keys() {
        let mut other = parameters.clone();
        other[name] = (other[name].as_u64().unwrap() + 1).into();
        let other: Policy = serde_json::from_value(other).unwrap();
        assert_ne!(other.hash(), Policy::default().hash(), "{name}");
    }
}
