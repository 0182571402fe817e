//! What agents weigh, and why some are never in the draw.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use gavel_triage::*;
use proptest::prelude::*;
use support::{NOW, candidate, question, rules};

fn asked(task: TaskFacts) -> Question {
    Question { task, ..question(1, 5) }
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
        declined: vec![Declined { task_type: String::new(), until: NOW + 1 }],
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
        (Gate::DeclinesType, |a| a.declined.clear()),
        (Gate::NotWanted, |a| a.slug = "slug-2".into()),
        (Gate::Unhealthy, |a| a.health_fails = 2),
        (Gate::AtCapacity, |a| a.in_flight = 7),
        (Gate::PriceFloor, |a| a.min_price_minor = 2500),
        (Gate::OwnTask, |a| a.owner = "owner-2".into()),
        (Gate::Excluded, |a| a.agent = "agent-002".into()),
    ];
    assert_eq!(mends.map(|(gate, _)| gate), Gate::ALL);
    for (expected, mend) in mends {
        assert_eq!(gate(&agent, &asked(task.clone()), &policy), Some(expected));
        mend(&mut agent);
    }
    assert_eq!(gate(&agent, &asked(task.clone()), &policy), None);
}

#[test]
fn wishes_and_money_decide_which_gates_apply() {
    let policy = Policy::default();
    let check = |candidate: Candidate, task: TaskFacts, expected: Option<Gate>| {
        assert_eq!(gate(&candidate, &asked(task.clone()), &policy), expected, "{candidate:?} {task:?}");
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

fn weighed(standing: &Standing) -> Weighed {
    weigh(standing, Occasion { now: NOW, specialist: false, health_fails: 0 }, &rules())
}

/// Of somebody who was active this very moment.
fn new() -> Standing {
    Standing { last_active_at: NOW, ..Standing::default() }
}

#[test]
fn newcomers_are_boosted_and_beta_weighs_half() {
    let check = |standing: Standing, boost: u32, beta_milli: u32, weight: u32| {
        let got = weighed(&standing);
        assert_eq!((got.boost, got.beta_milli, got.weight), (boost, beta_milli, weight), "{standing:?}");
    };
    // No benchmark: 600,000 stands in for it and for the rolling score. 100 points of floor, 150 of recency.
    check(new(), 3, 1000, 1_894_200);
    check(Standing { beta: true, ..new() }, 3, 500, 947_100);
    check(Standing { account_boosted: 30, ..new() }, 1, 1000, 631_400);
    check(Standing { real_tasks: 10, ..new() }, 1, 1000, 541_200);
}

/// A type that was declined is asked for again after a while.
#[test]
fn a_declined_type_rests() {
    let agent = |until| Candidate {
        declined: vec![Declined { task_type: "blog-post".into(), until }],
        ..candidate(1, Tier::Challenger, 1, 1)
    };
    let check = |until, task_type: &str, expected| {
        let task = TaskFacts { task_type: task_type.into(), budget_minor: 2500, ..TaskFacts::default() };
        assert_eq!(gate(&agent(until), &asked(task), &Policy::default()), expected, "{until} {task_type}");
    };
    check(NOW + 1, "blog-post", Some(Gate::DeclinesType));
    check(NOW, "blog-post", None);
    check(NOW + 1, "ad-copy", None);
}

/// Whoever fails always has spent its boost with the tenth dispatch, and weighs less with each.
#[test]
fn an_agent_that_always_fails_loses_its_boost_after_ten_dispatches() {
    let after =
        |failures: u32| weighed(&Standing { real_tasks: failures, counted: failures.min(50), ..new() });
    assert_eq!([0, 9, 10].map(|failures| after(failures).boost), [3, 3, 1]);
    for failures in 1..60 {
        assert!(after(failures).weight <= after(failures - 1).weight, "{failures}");
    }
    assert!(after(50).weight * 20 < after(0).weight);
}

#[test]
fn each_failed_probe_halves_the_weight_and_the_table_says_so() {
    let check = |health_fails: u32, expected: Option<(u32, u32)>| {
        let failing = Candidate { health_fails, ..candidate(1, Tier::Challenger, 1, 600_000) };
        let mut pool = Pool::of(rules(), [failing.clone()]);
        let record = decide(&mut pool, &question(7, 3));
        let weighed = table(&[failing], &record, &rules())[0].weighed;
        assert_eq!(weighed.map(|w| (w.health_milli, w.weight)), expected, "{health_fails}");
    };
    check(0, Some((1000, 541_200)));
    check(1, Some((500, 270_600)));
    check(2, Some((250, 135_300)));
    check(3, None);
    let patient = Rulebook::new(Policy { health_fails_max: 9, ..Policy::default() }).unwrap();
    let much = weigh(&new(), Occasion { now: NOW, specialist: false, health_fails: 8 }, &patient);
    assert_eq!((much.health_milli, much.weight), (100, 189_420));
}

/// Whole hours count; half a part per million is rounded up (at 2352 hours the value is exactly 7812.5).
#[test]
fn recency_halves_in_a_fortnight() {
    let check = |idle_seconds: i64, expected: u32| {
        let standing = Standing { last_active_at: NOW - idle_seconds, ..Standing::default() };
        assert_eq!(weighed(&standing).terms.recency, expected, "{idle_seconds}");
    };
    check(-10, 1_000_000);
    check(3599, 1_000_000);
    check(3600, 997_939);
    check(336 * 3600, 500_000);
    check(2352 * 3600, 7813);
    check(NOW, 0);
}

/// The table of recency and what is worked out beyond its end are the same function.
#[test]
fn recency_is_the_same_within_and_beyond_the_table() {
    let slow = Rulebook::new(Policy { recency_half_life_hours: 100_000, ..Policy::default() }).unwrap();
    let at = |hours: i64| slow.recency(hours * 3600);
    assert_eq!((at(100_000), at(200_000)), (500_000, 250_000));
    assert!((1..40_000).all(|hours| at(hours) <= at(hours - 1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn failed_probes_only_lower_a_weight_and_leave_a_tenth(
        score in 1_u32..1_000_000, fails in 0_u32..40, step in 0_u32..=1000, trickle in 100_u32..=1000,
    ) {
        let policy = Policy { failed_probe_milli: step, trickle_milli: trickle, ..Policy::default() };
        let rules = Rulebook::new(policy).unwrap();
        let standing = Standing { rolling: Some(score), real_tasks: 20, ..new() };
        let after = |health_fails| weigh(&standing, Occasion { now: NOW, specialist: false, health_fails }, &rules);
        let (well, now, next) = (after(0), after(fails), after(fails + 1));
        prop_assert!(next.weight <= now.weight && now.weight <= well.weight);
        prop_assert!(u64::from(now.weight) * 10 >= u64::from(well.weight) && now.weight >= 1);
        prop_assert!((trickle..=1000).contains(&now.health_milli));
    }
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
    check(Policy { control_milli: 1001, ..shipped() }, Err(PolicyError::Share("control_milli")));
    check(Policy { failed_probe_milli: 1001, ..shipped() }, Err(PolicyError::Share("failed_probe_milli")));
    check(Policy { trickle_milli: 99, ..shipped() }, Err(PolicyError::Trickle));
    let above_one = Policy { benchmark_unknown_ppm: 1_000_001, ..shipped() };
    check(above_one, Err(PolicyError::Score("benchmark_unknown_ppm")));
    let lost_as_won = Policy { top_keeps_ppm: 850_001, ..shipped() };
    check(lost_as_won, Err(PolicyError::Order("top_keeps_ppm", "top_above_ppm")));
    assert!(serde_json::from_str::<Policy>(r#"{"newcomer_boots": 3}"#).is_err());
    assert_eq!(serde_json::from_str::<Policy>("{}").unwrap(), shipped());
}

#[test]
fn every_parameter_is_in_the_hash() {
    let hash = |policy: Policy| Rulebook::new(policy).ok().map(|rules| rules.hash());
    let parameters = serde_json::to_value(Policy::default()).unwrap();
    for name in parameters.as_object().unwrap().keys() {
        let changed = |by: i64| {
            let mut other = parameters.clone();
            other[name] = (other[name].as_i64().unwrap() + by).into();
            serde_json::from_value::<Policy>(other).ok().and_then(hash)
        };
        // The weights of the composite stand and fall together.
        let other = changed(1).or_else(|| changed(-1));
        assert!(other != hash(Policy::default()) || other.is_none(), "{name}");
        assert!(other.is_some() || name.ends_with("percent"), "{name} can be changed");
    }
}
