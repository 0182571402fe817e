//! Workers.

use crate::worker::{GOOD, Habits, Worker};
use crate::{all_are_there, all_passed, given, stage, verdict};
use gavel_conformance::{Given, Verdict, Via, cases, run};
use std::time::Duration;

const BROKEN: &[(&str, Habits)] = &[
    ("pull-fetches", Habits { key: "aitk_of_somebody_else", ..GOOD }),
    ("pull-waits", Habits { wait: "", ..GOOD }),
    ("pull-keeps-lease", Habits { takes: Duration::from_millis(2_600), beats: false, ..GOOD }),
    ("pull-lost-lease", Habits { takes_again: false, ..GOOD }),
    ("pull-over", Habits { posts_again: (410, 2), ..GOOD }),
    ("pull-invalid", Habits { ends_at: 422, ..GOOD }),
    ("pull-unavailable", Habits { ends_at: 503, ..GOOD }),
    ("category-unknown", Habits { declines: false, ..GOOD }),
];

#[test]
fn every_case_of_workers_was_seen_to_fail() {
    all_are_there(Via::Pull, BROKEN.iter().map(|(name, ..)| *name), |case| case.via.contains(&Via::Sync));
}

#[tokio::test]
async fn a_worker_that_keeps_the_contract_passes_all() {
    let stage = stage(given(""), Via::Pull).await;
    let _worker = Worker::start(stage.desk.base_url(), GOOD);
    all_passed(&run::run(&stage, &cases::of(Via::Pull, &[]), |_| {}).await);
}

#[tokio::test]
async fn a_slow_worker_keeps_its_lease_by_heartbeats() {
    let stage = stage(given(""), Via::Pull).await;
    let habits = Habits { takes: Duration::from_millis(2_600), ..GOOD };
    let _worker = Worker::start(stage.desk.base_url(), habits);
    assert_eq!(verdict(&stage, "pull-keeps-lease").await, Verdict::Passed);
}

#[tokio::test]
async fn each_case_fails_where_just_its_promise_is_broken() {
    let all = BROKEN.iter().map(async |(name, habits)| {
        let stage = stage(Given { timeout: Duration::from_secs(6), ..given("") }, Via::Pull).await;
        let _worker = Worker::start(stage.desk.base_url(), *habits);
        if *name == "pull-waits" {
            verdict(&stage, "pull-fetches").await; // as in a run, where somebody has come before
        }
        (name, verdict(&stage, name).await)
    });
    for (name, verdict) in futures::future::join_all(all).await {
        assert!(matches!(verdict, Verdict::Failed(_)), "{name} did not fail: {verdict:?}");
    }
}

#[tokio::test]
async fn where_nobody_comes_nothing_else_is_waited_for() {
    let mut stage = stage(given(""), Via::Pull).await;
    stage.wait = Duration::from_millis(50);
    let outcomes = run::run(&stage, &cases::of(Via::Pull, &[]), |_| {}).await;
    assert!(matches!(&outcomes[0].verdict, Verdict::Failed(why) if why.contains("nobody came")));
    assert!(
        outcomes[1..]
            .iter()
            .all(|o| matches!(&o.verdict, Verdict::Skipped(why) if why.contains("pull-fetches")))
    );
}
