//! The vectors: composites, slots, uniforms and whole selections, exactly.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop here, and says what it ran")]

use gavel_triage::*;
use serde_json::{Value, json};
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

/// When everything happens here.
const NOW: i64 = 1_790_000_000;

#[test]
fn composite_cases() {
    let rules = Rulebook::new(Policy::default()).unwrap();
    each("composite_cases", |row| {
        let input = &row["input"];
        let age = input["age_s"].as_i64().unwrap();
        let scores = ppms(&input["scores"]);
        let standing = Standing {
            rolling: mean_half_up(&scores[scores.len().saturating_sub(50)..]),
            benchmark: mean_half_up(&ppms(&input["bench"])),
            last_active_at: NOW - age,
            real_tasks: small(&input["real_tasks"]),
            succeeded: small(&input["ok"]),
            counted: small(&input["attempts"]),
            account_boosted: small(&input["account_boosted_30d"]),
            beta: false,
        };
        let specialist = input["specialist"].as_bool().unwrap();
        let got = weigh(&standing, Occasion { now: NOW, specialist, health_fails: 0 }, &rules);
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
fn tier_cases() {
    let ladder = Policy::default().ladder();
    each("tier_cases", |row| {
        let input = &row["input"];
        let (wins, shown) = (small(&input["wins"]), small(&input["presented"]));
        let before = Progress {
            scores: ppms(&input["scores"]),
            shown: (0..shown).map(|n| n < wins).collect(),
            tier: input["tier"].as_str().unwrap().parse().unwrap(),
            dwell: small(&input["dwell"]),
        };
        let view = before.view(&ladder);
        let after = before.clone().settled(small(&input["real_tasks"]), &ladder);
        let got = json!({
            "rolling_ppm": view.rolling, "trend_sum_ppm": view.trend_sum, "trend": view.trend.name(),
            "win_strong": view.win_strong, "win_keep": view.win_keep, "tier": after.tier.name(),
            "changed": after.tier != before.tier, "dwell": after.dwell,
        });
        assert_eq!(got, row["expect"], "{row}");
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
        let category = facts.category.clone();
        let question = Question {
            task: facts,
            now: NOW,
            seed: number(&input["seed"]),
            agents: input["k"].as_u64().map(|k| k as u8),
            experimentation_milli: small(&input["experimentation_milli"]) as u16,
            reserve_wanted: 0,
            no_capability: 0,
            category_state: None,
        };
        let agents = input["agents"].as_array().unwrap();
        let candidates: Vec<Candidate> = agents.iter().map(|agent| candidate(agent, &category)).collect();

        let gated: BTreeMap<String, Value> = candidates
            .iter()
            .filter_map(|c| {
                Some((c.agent.clone(), serde_json::to_value(gate(c, &question, &policy)?).unwrap()))
            })
            .collect();
        assert_eq!(serde_json::to_value(gated).unwrap(), row["expect"]["rejected"], "{row}");

        let eligible: Vec<(&Candidate, u32)> = candidates
            .iter()
            .zip(agents)
            .filter(|(c, _)| gate(c, &question, &policy).is_none())
            .map(|(c, agent)| (c, small(&agent["weight"])))
            .collect();
        let mut accounts: Vec<&str> = eligible.iter().map(|(c, _)| c.payout_account.as_str()).collect();
        accounts.sort_unstable();
        let entrants: Vec<Entrant> = (0..)
            .zip(&eligible)
            .map(|(index, (c, weight))| Entrant {
                number: c.draw_number,
                tier: c.tier,
                weight: *weight,
                account: accounts.iter().position(|account| *account == c.payout_account).map(|at| at as u32),
                index,
            })
            .collect();
        let k = agents_wanted(question.task.budget_minor, question.agents, &policy);
        assert_eq!(u32::from(k), small(&row["expect"]["k"]), "{row}");
        let slots = slots(k, question.experimentation_milli, &policy);
        assert_eq!(serde_json::to_value(slots).unwrap(), row["expect"]["slots"], "{row}");

        let drawn = draw(&entrants, slots, question.seed);
        let expected = row["expect"]["selected"].as_array().unwrap();
        assert_eq!(drawn.len(), expected.len(), "{row}");
        for (seat, expected) in drawn.iter().zip(expected) {
            assert_eq!(seat.entrant.number, number(&expected["id"]), "{row}");
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
        declined: Vec::new(),
        specialist_types: Vec::new(),
        health_fails: small(&agent["health_fails"]),
        in_flight: small(&agent["in_flight"]),
        max_concurrency: small(&agent["max_concurrency"]),
        min_price_minor: agent["min_price_cents"].as_i64().unwrap(),
        tier: agent["tier"].as_str().unwrap().parse().unwrap(),
        standing: Standing::default(),
        evidence: None,
    }
}

fn assert_close(got: f64, expected: &Value, row: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!((got - expected).abs() <= 1e-12 * expected.abs(), "{got} is not {expected}: {row}");
}
