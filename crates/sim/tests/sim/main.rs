//! Whole lives of tasks under faults, in virtual time: the real loop on the real store, while processes die or stand
//! still, clocks are set, commits fail or are not heard of, agents misbehave and buyers change their minds. Everything
//! comes from a seed. One process works at a time: replicas are not simulated.
//!
//! `GAVEL_SIM_SEEDS=N` runs N seeds, `GAVEL_SIM_SEED=K` the one seed K and prints its trace.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop here, and says what it saw")]

mod seeds;
mod life;
mod beginning;
mod buyers;
mod agents;
mod door;
mod watch;
mod end;
mod fairness;
mod world;
mod faults;
mod time;
mod dice;

use gavel_store::faults::Planted;
use life::live;
use seeds::{first_wrong, story};
use world::Mistake;

/// What every submission runs.
const SEEDS: u64 = 2_000;
/// A mistake must be found within so many.
const SEEDS_TO_FIND: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn lives_go_right() {
    if let Some(seed) = number("GAVEL_SIM_SEED") {
        let lived = live(seed, None);
        println!("{}", story(seed, &lived.wrong, &lived.trace));
        assert!(lived.wrong.is_empty(), "{:?}", lived.wrong);
        return;
    }
    let seeds = number("GAVEL_SIM_SEEDS").unwrap_or(SEEDS);
    let (wrong, counts) = first_wrong(seeds, None);
    println!("{seeds} seeds: {counts:?}");
    if let Some(wrong) = wrong {
        panic!("{}", wrong.story);
    }
    for happened in HAPPENINGS {
        assert!(seeds < SEEDS || counts.contains_key(happened), "{happened}: never in {seeds} seeds");
    }
}

/// What many lives cannot be without, or they would show nothing.
const HAPPENINGS: &[&str] = &[
    "deaths",
    "standstills",
    "outages",
    "transactions failed",
    "transactions slow",
    "commits unheard",
    "verdicts slow",
    "hints lost",
    "calls not excused",
    "clocks set",
    "completed",
    "cancelled",
    "expired",
];

#[test]
fn a_seed_repeats() {
    for seed in [3, 14, 159] {
        assert_eq!(live(seed, None).trace, live(seed, None).trace, "seed {seed}");
    }
}

/// Each mistake with the guard that it takes away.
const MISTAKES: &[Mistake] = &[
    Mistake::Product(Planted::FenceUnchecked),
    Mistake::Product(Planted::SendsForgotten),
    Mistake::Product(Planted::BidUnjudged),
    Mistake::Product(Planted::SecondWinner),
    Mistake::Product(Planted::AnsweredBeforeCommit),
    Mistake::Product(Planted::DeadlineMoved),
    Mistake::Product(Planted::PaidTwice),
    Mistake::Product(Planted::OutcomeReplaced),
    Mistake::Product(Planted::SecondAnswer),
    Mistake::Product(Planted::LeaseForever),
    Mistake::Product(Planted::StateUntold),
    Mistake::Product(Planted::CallsLeftOpen),
    Mistake::Product(Planted::AbsenceCharged),
    Mistake::AnyPriceIsTaken,
];

#[test]
fn planted_mistakes_are_found() {
    let mut missed = Vec::new();
    for &mistake in MISTAKES {
        match first_wrong(SEEDS_TO_FIND, Some(mistake)).0 {
            Some(wrong) => {
                println!("{mistake:?} is found by {}", wrong.story.lines().next().unwrap_or_default());
            }
            None => missed.push(mistake),
        }
    }
    assert!(missed.is_empty(), "not found within {SEEDS_TO_FIND} seeds: {missed:?}");
}
