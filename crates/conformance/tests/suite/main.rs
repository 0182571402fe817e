//! Every case against an agent that keeps the contract, and against one that breaks just what the case is about: a
//! case that cannot fail proves nothing.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod agent; // an agent that keeps the contract, and how to spoil it
mod callbacks; // the asynchronous cases
mod pulls; // workers
mod pushes; // everything that is posted
mod reports; // what is told of it
mod wire; // the simplest HTTP client
mod worker; // a worker that keeps the contract, and how to spoil it

use gavel_conformance::desk::Desk;
use gavel_conformance::report::{Mark, Outcome};
use gavel_conformance::{Case, Given, Kit, Stage, Verdict, Via, cases, run};
use gavel_domain::clock::SystemClock;
use gavel_domain::money::{Currency, Money};
use gavel_domain::network::Guard;
use gavel_outbound::{Limits, Outbound};
use gavel_testkit::SeededChance;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const KEY: &str = "ait_the_key_of_these_tests";
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEXT: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const WORKERS_KEY: &str = "aitk_test_of_these_tests";

fn given(url: &str) -> Given {
    Given {
        url: url.to_owned(),
        key: Some(KEY.to_owned()),
        secret: Some(SECRET.to_owned()),
        next_secret: Some(NEXT.to_owned()),
        category: "content-writing".to_owned(),
        task_type: "blog-post".to_owned(),
        currency: Currency::new("USD").unwrap(),
        budget: Money::from_minor(2500),
        budget_min: Money::from_minor(300),
        timeout: Duration::from_secs(20),
        at_once: 8,
    }
}

async fn stage(given: Given, via: Via) -> Stage {
    let guard = Guard { allow: "127.0.0.0/8".parse().unwrap(), ports: Vec::new(), own_hosts: Vec::new() };
    let transport = Arc::new(Outbound::new(guard, Limits::default()).unwrap());
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SeededChance::new(7)));
    let kit = Kit::new(given, &*chance).unwrap();
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let desk = Desk::open(here, None, WORKERS_KEY, Arc::clone(&clock) as _).await.unwrap();
    Stage::new(kit, via, transport, Arc::new(desk), clock, chance, Duration::from_secs(8))
}

fn case(name: &str) -> &'static Case {
    cases::all().find(|case| case.name == name).unwrap_or_else(|| panic!("there is no case {name}"))
}

async fn verdict(stage: &Stage, name: &str) -> Verdict {
    run::play(stage, case(name)).await
}

/// Cases that look at a clock: a loaded machine may be slower than they ask for, which is a warning and no bug.
const TIMED: &[&str] = &["health-quick", "deadline-short", "repeat-from-memory", "ack-quick"];

fn all_passed(outcomes: &[Outcome]) {
    assert!(outcomes.len() > 30);
    for outcome in outcomes {
        let (name, mark) = (outcome.case.name, outcome.mark());
        let slow = mark == Mark::Warned && TIMED.contains(&name);
        assert!(mark == Mark::Passed || slow, "{name}: {:?}", outcome.verdict);
    }
}

/// Every case of a transport has a line among those that were seen to fail.
fn all_are_there(via: Via, names: impl Iterator<Item = &'static str>, elsewhere: impl Fn(&Case) -> bool) {
    let names: Vec<&str> = names.collect();
    let missing: Vec<&str> = cases::of(via, &[])
        .into_iter()
        .filter(|case| !elsewhere(case))
        .map(|case| case.name)
        .filter(|name| !names.contains(name))
        .collect();
    assert!(missing.is_empty(), "nobody has seen these fail: {missing:?}");
}

#[test]
fn cases_have_names_of_their_own_and_words_to_act_on() {
    let names: std::collections::BTreeSet<&str> = cases::all().map(|case| case.name).collect();
    assert_eq!(names.len(), cases::all().count());
    for case in cases::all() {
        assert!(!case.via.is_empty() && case.about.len() > 20 && case.fix.len() > 10, "{}", case.name);
        assert!(case.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
    }
    assert!(names.len() >= 90, "{}", names.len());
}
