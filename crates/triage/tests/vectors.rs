//! The vectors: composites, slots, uniforms and whole selections, exactly.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop here, and says what it ran")]

use gavel_triage::*;
use serde_json::Value;
use std::collections::BTreeMap;

fn each(file: &str, check: impl Fn(&Value)) {
    let Some(rows) = gavel_testkit::corpora::rows::<Value>(&format!("triage/{file}.jsonl")) else { return };
    rows.iter().for_each(check);
    println!("{file}: {} rows", rows.len());
    assert!(!rows.is_empty());
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_else(|| panic!("{value} is no whole number"))
}

fn small(value: &Value) -> u32 {
    u32::try_from(number(value)).unwrap()
}

fn ppms(value: &Value) -> Vec<u32> {
    let scores = value.as_array().unwrap().iter();
    scores.map(|s| gavel_domain::Ppm::from_f64(s.as_f64().unwrap()).unwrap().get()).collect()
}

#[test]
fn composite_cases() {
    each("composite_cases", |row| {
        let input = &row["input"];
        let standing = Standing {
            scores: ppms(&input["scores"]),
            benchmark: ppms(&input["bench"]),
            idle_seconds: input["age_s"].as_i64().unwrap().max(0).cast_unsigned(),
            real_tasks: small(&input["real_tasks"]),
            succeeded: small(&input["ok"]),
            counted: small(&input["attempts"]),
            specialist: input["specialist"].as_bool().unwrap(),
            account_boosted: small(&input["account_boosted_30d"]),
            beta: false,
        };
        let got = weigh(&standing, &Policy::default());
        let expect = |name: &str| small(&row["expect"][name]);
        assert_eq!(got.terms.rolling, expect("rolling_ppm"), "{row}");
        assert_eq!(got.terms.benchmark, expect("benchmark_ppm"), "{row}");
        assert_eq!(got.terms.recency, expect("recency_ppm"), "{row}");
        assert_eq!(got.terms.floor, expect("floor_ppm"), "{row}");
        assert_eq!(got.composite, expect("composite_ppm"), "{row}");
        assert_eq!(got.reliability_milli, expect("rel_milli"), "{row}");
        assert_eq!(got.reliability_factor_milli, expect("rel_factor_milli"), "{row}");
        assert_eq!(got.boost, expect("boost"), "{row}");
        assert_eq!(got.specialist_milli, expect("affinity_milli"), "{row}");
        assert_eq!(got.weight, expect("weight"), "{row}");
    });
}

#[test]
fn slot_cases() {
    each("slot_cases", |row| {
        let input = &row["input"];
        if let Some(budget) = input["budget_cents"].as_i64() {
            let k = agents_wanted(budget, None, &Policy::default());
            return assert_eq!(u32::from(k), small(&row["expect"]["k"]), "{row}");
        }
        let got = slots(
            small(&input["k"]) as u8,
            small(&input["experimentation_milli"]) as u16,
            &Policy::default(),
        );
        assert_eq!(serde_json::to_value(got).unwrap(), row["expect"], "{row}");
    });
}

#[test]
fn uniform_cases() {
    each("uniform_cases", |row| {
        let input = &row["input"];
        let lane: Lane = serde_json::from_value(input["lane"].clone()).unwrap();
        let (seed, agent) = (number(&input["seed"]), number(&input["agent"]));
        assert_eq!(Some(uniform(seed, lane, agent)), row["expect"]["u"].as_f64(), "{row}");
        assert_close(key_of(seed, lane, agent, 1), &row["expect"]["neg_ln_u"], row);
    });
}

#[test]
fn selection_cases() {
    each("selection_cases", |row| {
        let input = &row["input"];
        let task = &input["task"];
        let policy = Policy::default();
        let facts = TaskFacts {
            category: task["category"].as_str().unwrap().to_owned(),
            budget_minor: task["budget_cents"].as_i64().unwrap(),
            buyer: task["buyer"].as_str().unwrap().to_owned(),
            exclude: task["exclude"].as_array().unwrap().iter().map(|id| number(id).to_string()).collect(),
            money_on: true,
            ..TaskFacts::default()
        };
        let agents = input["agents"].as_array().unwrap();
        let candidates: Vec<Candidate> =
            agents.iter().map(|agent| candidate(agent, &facts.category)).collect();

        let gated: BTreeMap<String, Value> = candidates
            .iter()
            .filter_map(|c| Some((c.agent.clone(), serde_json::to_value(gate(c, &facts, &policy)?).unwrap())))
            .collect();
        assert_eq!(serde_json::to_value(gated).unwrap(), row["expect"]["rejected"], "{row}");

        let eligible: Vec<(&Candidate, u32)> = candidates
            .iter()
            .zip(agents)
            .filter(|(c, _)| gate(c, &facts, &policy).is_none())
            .map(|(c, agent)| (c, small(&agent["weight"])))
            .collect();
        let entrants: Vec<Entrant<'_>> = eligible
            .iter()
            .map(|(c, weight)| Entrant {
                number: c.draw_number,
                tier: c.tier,
                weight: *weight,
                account: Some(&c.payout_account),
            })
            .collect();
        let k = agents_wanted(facts.budget_minor, input["k"].as_u64().map(|k| k as u8), &policy);
        assert_eq!(u32::from(k), small(&row["expect"]["k"]), "{row}");
        let slots = slots(k, small(&input["experimentation_milli"]) as u16, &Policy::default());
        assert_eq!(serde_json::to_value(slots).unwrap(), row["expect"]["slots"], "{row}");

        let drawn = draw(&entrants, slots, number(&input["seed"]));
        let expected = row["expect"]["selected"].as_array().unwrap();
        assert_eq!(drawn.len(), expected.len(), "{row}");
        for (seat, expected) in drawn.iter().zip(expected) {
            assert_eq!(entrants[seat.entrant].number, number(&expected["id"]), "{row}");
            assert_eq!(serde_json::to_value(seat.lane).unwrap(), expected["lane"], "{row}");
            assert_close(seat.key, &expected["key"], row);
        }
        assert_eq!(drawn.len() < usize::from(k), row["expect"]["under_supplied"].as_bool().unwrap(), "{row}");
    });
}

fn candidate(agent: &Value, category: &str) -> Candidate {
    let id = number(&agent["id"]);
    Candidate {
        agent: id.to_string(),
        draw_number: id,
        slug: id.to_string(),
        owner: agent["owner"].as_str().unwrap().to_owned(),
        payout_account: agent["payout"].as_str().unwrap().to_owned(),
        capable: agent["capabilities"].as_array().unwrap().iter().any(|c| c == category),
        payout_ready: agent["payout_ready"].as_bool().unwrap(),
        active: agent["active"].as_bool().unwrap(),
        paused: false,
        visible: true,
        declines_type: false,
        health_fails: small(&agent["health_fails"]),
        in_flight: small(&agent["in_flight"]),
        max_concurrency: small(&agent["max_concurrency"]),
        min_price_minor: agent["min_price_cents"].as_i64().unwrap(),
        tier: serde_json::from_value(agent["tier"].clone()).unwrap(),
        standing: Standing::default(),
    }
}

fn assert_close(got: f64, expected: &Value, row: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!((got - expected).abs() <= 1e-12 * expected.abs(), "{got} is not {expected}: {row}");
}
