//! What the design of triage rests on, in markets that are made up. `just market` runs them in full.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use gavel_market::{Contestant, Kind, Plan, Report, Scenario, run};

/// Fewer markets than the full run has, and shorter: enough for the claims, with their whole intervals.
fn plan(scenario: Scenario) -> Plan {
    let policies =
        vec![Contestant::Uniform, Contestant::V1, Contestant::V1WithoutLanes, Contestant::ThompsonChoices];
    Plan { scenario, policies, seeds: 10, tasks: 2_000, judge_shift: 0.0 }
}

fn report(plan: &Plan) -> Report {
    run(plan, &|_, _| ()).unwrap()
}

fn regret(report: &Report, policy: Contestant) -> f64 {
    report.policies.iter().find(|row| row.policy == policy).unwrap().regret.unwrap().mean
}

#[test]
fn in_a_mature_market_lanes_do_the_work_and_thompson_does_more() {
    let report = report(&plan(Scenario::Mature));
    assert_eq!(report.claims.len(), 3);
    for claim in &report.claims {
        assert!(claim.holds, "{}, but the margin is {:?}\n{report}", claim.says, claim.margin);
    }
}

#[test]
fn another_judge_breaks_v1_and_not_thompson() {
    let few = Plan {
        seeds: 4,
        policies: vec![Contestant::V1, Contestant::ThompsonChoices],
        ..plan(Scenario::Mature)
    };
    let (before, after) = (report(&few), report(&Plan { judge_shift: -0.10, ..few }));
    let grew = |policy| regret(&after, policy) - regret(&before, policy);
    assert!(grew(Contestant::V1) > 30.0, "{before}\n{after}");
    assert!(grew(Contestant::ThompsonChoices).abs() < 10.0, "{before}\n{after}");
    assert_eq!(before.alarm, None, "{before}");
    assert!(after.alarm.is_some(), "{after}");
}

#[test]
fn cheats_get_less_than_their_share() {
    let few = Plan {
        seeds: 4,
        policies: vec![Contestant::V1, Contestant::ThompsonJudge, Contestant::ThompsonChoices],
        ..plan(Scenario::Gaming)
    };
    let report = report(&few);
    let share =
        |policy, kind| report.policies.iter().find(|row| row.policy == policy).unwrap().exposure[&kind].mean;
    // The boost is capped per payout account: one account's endless newcomers gain nothing by it.
    assert!(share(Contestant::V1, Kind::SybilOneAccount) < 0.8, "{report}");
    assert!(share(Contestant::V1, Kind::AlwaysFailing) < 0.4, "{report}");
    // Whom the judge likes and no buyer takes: only the choice term sees it.
    let pleasers = |policy| share(policy, Kind::JudgePleaser);
    assert!(pleasers(Contestant::ThompsonChoices) < 0.8, "{report}");
    assert!(pleasers(Contestant::ThompsonJudge) > 2.0 * pleasers(Contestant::ThompsonChoices), "{report}");
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let small = Plan { seeds: 3, tasks: 200, policies: Contestant::ALL.to_vec(), ..plan(Scenario::Young) };
    let (one, other) = (report(&small), report(&small));
    assert_eq!(one.to_string(), other.to_string());
    assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&other).unwrap());
    // A policy's figures do not depend on who else is compared.
    let alone = report(&Plan { policies: vec![Contestant::V1], ..small });
    assert_eq!(alone.policies[0], *one.policies.iter().find(|row| row.policy == Contestant::V1).unwrap());
}

#[test]
fn names_in_json_are_those_of_the_command_line() {
    for policy in Contestant::ALL {
        assert_eq!(serde_json::to_value(policy).unwrap(), policy.name());
        assert_eq!(policy.name().parse(), Ok(policy));
    }
    for scenario in Scenario::ALL {
        assert_eq!(serde_json::to_value(scenario).unwrap(), scenario.name());
        assert_eq!(scenario.name().parse(), Ok(scenario));
    }
}

#[test]
fn every_life_is_told_once() {
    let told = std::sync::Mutex::new(Vec::new());
    let small = Plan {
        seeds: 3,
        tasks: 200,
        policies: vec![Contestant::Uniform, Contestant::Greedy],
        ..plan(Scenario::Young)
    };
    run(&small, &|done, total| told.lock().unwrap().push((done, total))).unwrap();
    let mut told = told.into_inner().unwrap();
    told.sort_unstable();
    assert_eq!(told, (1..=6).map(|done| (done, 6)).collect::<Vec<_>>());
}
