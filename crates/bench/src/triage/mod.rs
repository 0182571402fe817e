//! Whom to ask: the decision with its record over agents in memory, beside a bare look at as many numbers; and the whole
//! matching step, from the agents that have changed in the database to the recorded round, beside one durable commit.

mod agents;
mod matching;

use crate::bench::Bench;
use crate::plan::Plan;
use crate::report::{Measured, Noise};
use crate::samples::{Samples, rounded};
use agents::{candidate, question, rules};
use gavel_triage::{Pool, decide, document};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Instant;

/// Agents of whom something changes between two decisions: as many as a task asks at most.
const CHANGE: usize = 8;
/// The larger pool; the smaller has a tenth.
const AGENTS: usize = 10_000;

/// What decisions over a pool took.
struct Decided {
    agents: usize,
    bare: Samples,
    decision: Samples,
    written: Samples,
    follow: Samples,
    bytes: usize,
}

pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    bench.say("decisions over agents in memory");
    let small = decisions(&bench.plan, AGENTS / 10)?;
    let large = decisions(&bench.plan, AGENTS)?;
    let matching = matching::measure(bench, AGENTS).await?;
    let ratios = [
        ("decision_1000/bare_look", ratio(&small)),
        ("decision_10000/bare_look", ratio(&large)),
        ("matching/bare_commit", Some(matching.step.p50() / matching.commit.p50())),
    ];
    let figures = json!({
        "decision_1000": told(&small),
        "decision_10000": told(&large),
        "matching_10000": matching.told(),
    });
    Ok(Measured::new(ratios, figures, Noise::of_one_round()))
}

fn ratio(decided: &Decided) -> Option<f64> {
    Some(decided.decision.p50() / decided.bare.p50())
}

fn told(decided: &Decided) -> Value {
    json!({
        "agents": decided.agents,
        "decision": decided.decision.latency(),
        "decision_written": decided.written.latency(),
        "changed_agents_taken_over": decided.follow.latency(),
        "bare_look": decided.bare.latency(),
        "record_bytes": decided.bytes,
        "decisions_per_second": rounded(1_000.0 / decided.decision.p50(), 0),
    })
}

/// Decisions one after another; between two, a few agents change as they do when they were asked.
fn decisions(plan: &Plan, agents: usize) -> anyhow::Result<Decided> {
    let mut pool = Pool::of(rules(), (0..agents).map(candidate));
    let mut decided = Decided {
        agents,
        bare: Samples::default(),
        decision: Samples::default(),
        written: Samples::default(),
        follow: Samples::default(),
        bytes: 0,
    };
    document(&decide(&mut pool, &question(0)))?; // all is hashed once
    for turn in 1..=plan.decisions {
        let began = Instant::now();
        black_box(bare_look(agents as u64, turn as u64));
        decided.bare.push(began.elapsed());

        let began = Instant::now();
        for n in 0..CHANGE {
            let mut agent = candidate((turn * 7_919 + n * 104_729) % agents);
            agent.in_flight = (turn % 3) as u32;
            pool.set(agent);
        }
        decided.follow.push(began.elapsed());

        let began = Instant::now();
        let record = black_box(decide(&mut pool, &question(turn as u64)));
        decided.decision.push(began.elapsed());
        let text = document(&record)?;
        decided.written.push(began.elapsed());
        decided.bytes = text.len();
    }
    Ok(decided)
}

/// The least of as many numbers, each mixed once: what a look at every agent costs at the very least.
fn bare_look(agents: u64, seed: u64) -> u64 {
    let mixed = |n: u64| {
        let z = (n ^ seed).wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z ^ (z >> 31)
    };
    (0..agents).map(mixed).min().unwrap_or_default()
}
