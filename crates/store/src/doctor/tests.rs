//! Every fault is planted where nothing guards the database any more, and is found.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use super::*;
use crate::db::Tx;
use crate::support::{World, on_both};
use gavel_domain::BasisPoints;
use gavel_store::ledger::Settlement;
use std::collections::BTreeSet;

const TERMS: Terms<'static> = Terms { currency: "USD" };

/// The check that must find it, and what is written. The first task of the world is completed and paid, the second one
/// has its agents at work.
const PLANTED: &[(&str, &str)] = &[
    ("unbalanced", "UPDATE entries SET amount = amount + 1 WHERE account LIKE 'developer:%'"),
    ("unsealed", "UPDATE transfers SET sealed = FALSE WHERE seq = 2"),
    (
        "release_without_hold",
        "UPDATE transfers SET task_id = (SELECT id FROM tasks WHERE state = 'prototyping') WHERE kind = 'hold'",
    ),
    ("settled_but_open", "UPDATE tasks SET state = 'delivering' WHERE state = 'completed'"),
    ("ended_unsettled", "UPDATE transfers SET kind = 'refund' WHERE kind = 'release'"),
    ("held_too_early", "UPDATE tasks SET state = 'review' WHERE state = 'completed'"),
    (
        "held_after_settlement",
        "UPDATE entries SET amount = amount - 1 WHERE account LIKE 'held:%' AND amount > 0",
    ),
    ("held_another_price", "UPDATE bids SET price = price - 1 WHERE status = 'selected'"),
    ("accepted_without_winner", "UPDATE bids SET status = 'scored' WHERE status = 'selected'"),
    ("winner_too_early", "UPDATE tasks SET state = 'cancelled' WHERE state = 'completed'"),
    ("bid_over_budget", "UPDATE bids SET price = 2501"),
    ("bid_of_another", "UPDATE bids SET round = 2 WHERE status = 'selected'"),
    ("valid_without_bid", "UPDATE invitations SET outcome = 'declined' WHERE outcome = 'valid'"),
    ("bid_without_answer", "DELETE FROM answers WHERE owner_id IN (SELECT id FROM bids)"),
    ("score_without_verdict", "DELETE FROM verdicts"),
    ("round_without_decision", "DELETE FROM decisions"),
    ("history_gap", "DELETE FROM task_events WHERE seq = 2"),
    ("history_gap", "UPDATE tasks SET event_seq = event_seq - 1"),
    ("history_leap", "UPDATE task_events SET from_state = 'review' WHERE from_state = 'open'"),
    ("history_illegal", "UPDATE task_events SET to_state = 'completed' WHERE to_state = 'matching'"),
    ("history_elsewhere", "UPDATE tasks SET state = 'review' WHERE state = 'prototyping'"),
    ("asleep", "UPDATE tasks SET ready_at = NULL, lease_until = NULL"),
    ("no_deadline", "UPDATE tasks SET expires_at = NULL WHERE state = 'prototyping'"),
    ("awake_after_end", "UPDATE tasks SET ready_at = created_at WHERE state = 'completed'"),
    ("invitation_open", "UPDATE invitations SET outcome = NULL, ended_at = NULL WHERE outcome = 'valid'"),
    ("exchange_open", "UPDATE exchanges SET outcome = NULL, ended_at = NULL WHERE outcome = 'valid'"),
    ("two_outcomes", "UPDATE exchanges SET outcome = 'late' WHERE mode = 'prototype' AND outcome = 'valid'"),
    (
        "outcome_told_twice",
        "UPDATE task_events SET data = (SELECT MIN(data) FROM task_events WHERE kind = 'outcome') WHERE kind = 'outcome'",
    ),
    ("delivery_astray", "UPDATE tasks SET state = 'delivering' WHERE state = 'prototyping'"),
    ("approved_astray", "UPDATE deliveries SET status = 'ready'"),
    ("pending_after_end", "UPDATE deliveries SET status = 'pending'"),
    ("delivery_without_answer", "DELETE FROM answers WHERE owner_id IN (SELECT id FROM deliveries)"),
    ("end_untold", "UPDATE tasks SET ended_at = NULL"),
    ("end_untold", "UPDATE tasks SET ended_at = created_at"),
    ("kept_after_removal", "UPDATE tasks SET bodies_removed_at = created_at"),
    (
        "benchmark_shown",
        "INSERT INTO benchmark_tasks (run_id, position, task_id, category, task_type, level, template, seed, purpose, posted_at)
         SELECT r.id, 2, t.id, t.category, t.task_type, 'easy', 'k', 1, 'first', t.created_at
         FROM benchmark_runs r CROSS JOIN tasks t WHERE t.state = 'completed'",
    ),
    ("benchmark_astray", "UPDATE benchmark_runs SET position = 1"),
    ("benchmark_unheard", "UPDATE benchmark_runs SET status = 'passed'"),
    ("ledger", "UPDATE transfers SET key = 'another' WHERE seq = 1"),
];

/// What is found only an hour after it should have been done.
const OVERDUE: &[(&str, &str)] = &[
    (
        "passed_over",
        "UPDATE tasks SET ready_at = created_at, lease_until = created_at WHERE state = 'prototyping'",
    ),
    ("benchmark_passed_over", "UPDATE benchmark_runs SET status = 'running', ended_at = NULL"),
    (
        "request_unfinished",
        "INSERT INTO idempotency (account_id, key, fingerprint, status, body, created_at)
         SELECT account_id, 'k', 'f', 0, '', created_at FROM tasks WHERE state = 'completed'",
    ),
];

const FAILED_BENCHMARK: &str =
    "INSERT INTO benchmark_runs (id, agent_id, developer_id, categories, status, position, started_at, ended_at)
     SELECT id, id, developer_id, '[\"content-writing\"]', 'failed', 0, created_at, created_at FROM agents WHERE slug = 'one'";

impl World {
    async fn examined(&self) -> Examination {
        self.store.examine(TERMS).await.unwrap()
    }

    /// What is found beside a fault that is planted past all guards; nothing of it stays.
    async fn planted(&self, fault: &'static str) -> BTreeSet<&'static str> {
        let mut tx = self.store.begin().await.unwrap();
        unguard(&mut tx).await;
        sql!(tx, execute, fault).unwrap_or_else(|e| panic!("{fault}: {e}"));
        let found = examine(&mut tx, TERMS).await.unwrap();
        tx.rollback().await.unwrap();
        found.findings.into_iter().map(|finding| finding.check).collect()
    }

    /// Two tasks, a benchmark that failed, and a while after them.
    async fn a_market(&self) {
        self.two_tasks().await;
        self.run(&[FAILED_BENCHMARK]).await.unwrap();
        self.clock.advance(TimeDelta::hours(2));
    }
}

/// Takes all guards away, for the transaction.
async fn unguard(tx: &mut Tx) {
    let text = {
        let drops = sql!(
            tx,
            fetch_all as (String,),
            {
                sqlite: "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'",
                postgres: "SELECT DISTINCT 'ALTER TABLE ' || tgrelid::regclass || ' DISABLE TRIGGER USER'
                           FROM pg_trigger WHERE NOT tgisinternal",
            }
        );
        drops.unwrap()
    };
    for (statement,) in text {
        let statement: &'static str = statement.leak(); // what is run is text of the program everywhere else
        sql!(tx, execute, statement).unwrap();
    }
}

/// Longer than two tasks' work takes; a test that waits this long has failed.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

on_both! {
    async fn nothing_is_wrong_with_what_gavel_wrote(world) {
        assert_eq!(world.examined().await.findings, vec![], "an empty database");
        world.a_market().await;
        let examined = world.examined().await;
        assert_eq!(examined.findings, vec![]);
        let counted: BTreeSet<_> = examined.counts.into_iter().filter(|(name, _)| *name != "events").collect();
        assert_eq!(counted, BTreeSet::from([("tasks", 2), ("invitations", 4), ("bids", 2), ("transfers", 2)]));
    }
}

on_both! {
    async fn amounts_beyond_counting_are_told_and_those_below_are_exact(world) {
        world.two_tasks().await;
        let mut tx = world.store.begin().await.unwrap();
        unguard(&mut tx).await;
        sql!(tx, execute, "UPDATE entries SET amount = amount * 4000000000000001").unwrap();
        tx.commit().await.unwrap();
        let sums = || async { world.store.balances().await.map(|all| all.iter().map(|b| b.amount.minor()).sum::<i64>()) };
        assert_eq!(sums().await.unwrap(), 0);
        let account = world.account("dev").await;
        let developer = world.store.developer_of(account).await.unwrap().unwrap().id;
        let earned = async || world.store.earned(developer, world.now()).await;
        assert_eq!(earned().await.unwrap().minor(), 1870 * 4_000_000_000_000_001);

        let again = "INSERT INTO entries (transfer_id, line, account, amount)
            SELECT transfer_id, line + 10, account, amount FROM entries";
        let mut tx = world.store.begin().await.unwrap();
        unguard(&mut tx).await;
        sql!(tx, execute, again).unwrap();
        tx.commit().await.unwrap();
        for error in [sums().await.unwrap_err(), earned().await.unwrap_err()] {
            assert!(matches!(error, Error::TooMuch { .. }), "{error}");
        }
    }
}

on_both! {
    async fn a_fee_that_changes_makes_nothing_wrong_with_what_was_paid(world) {
        let played = world.played().await;
        let _ = world.select(played.task.id, played.bids[0].id).await;
        world.delivered(&played).await;
        let settle = Settlement { fee: BasisPoints(9_000), ..world.settlement() }; // of today it is 15 %
        world.store.approve(played.task.id, Some(&settle), world.now()).await.unwrap().unwrap();
        assert_eq!(world.examined().await.findings, vec![]);
    }
}

on_both! {
    async fn work_that_goes_on_beside_it_is_no_fault(world) {
        let work = world.two_tasks();
        let looks = async {
            loop {
                assert_eq!(world.examined().await.findings, vec![]);
                tokio::task::yield_now().await; // a look at SQLite waits for nothing, and the work has its turn only then
            }
        };
        tokio::select! {
            () = work => {}
            () = looks => unreachable!("it looks on and on"),
            () = tokio::time::sleep(PATIENCE) => panic!("the work came to no end"),
        }
        assert_eq!(world.examined().await.counts[0], ("tasks", 2));
    }
}

on_both! {
    async fn a_look_that_is_cut_off_leaves_nothing_behind(world) {
        let buyer = world.account("buyer").await;
        for milliseconds in 1..=12 {
            let cut_off = std::time::Duration::from_millis(milliseconds);
            let _ = tokio::time::timeout(cut_off, world.store.examine(TERMS)).await;
            world.task(buyer).await;
            assert_eq!(world.examined().await.counts[0], ("tasks", milliseconds), "it looks at this moment");
        }
    }
}

on_both! {
    async fn every_fault_is_found(world) {
        world.a_market().await;
        for (check, fault) in PLANTED {
            let found = world.planted(fault).await;
            assert!(found.contains(check), "{check} in {:?}: {found:?}", world.store.engine());
        }
        let next = world.task(world.account("buyer").await).await; // something happens two hours later
        for (check, fault) in OVERDUE {
            let found = world.planted(fault).await;
            assert!(found.contains(check), "{check} in {:?}: {found:?}", world.store.engine());
        }
        assert!(next.created_at > world.now() - TimeDelta::hours(1));
        assert_eq!(world.examined().await.findings.iter().map(|f| f.check).collect::<Vec<_>>(), ["passed_over"]);
    }
}

#[test]
fn every_check_has_a_fault_that_shows_it() {
    let planted: BTreeSet<_> = PLANTED.iter().chain(OVERDUE).map(|(check, _)| *check).collect();
    let names: BTreeSet<_> = CHECKS.iter().map(|check| check.name).chain(["ledger"]).collect();
    assert_eq!(planted, names);
    for check in CHECKS {
        assert!(check.sentence.contains("{what}"), "{}", check.name);
    }
}

on_both! {
    async fn a_guard_that_is_gone_is_missed(world) {
        let mut tx = world.store.begin().await.unwrap();
        let one = match world.store.engine() {
            crate::Engine::Sqlite => "DROP TRIGGER answers_are_final_update",
            crate::Engine::Postgres => "ALTER TABLE answers DISABLE TRIGGER answers_are_final_update",
        };
        sql!(tx, execute, one).unwrap();
        let found = examine(&mut tx, TERMS).await.unwrap().findings;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].sentence.contains("answers_are_final_update"), "{found:?}");
    }
}

on_both! {
    async fn an_agent_that_cannot_be_read_is_told(world) {
        world.a_market().await;
        for fault in ["UPDATE agents SET capabilities = '{}'", "UPDATE standings SET scores = '[-1]'"] {
            let mut tx = world.store.begin().await.unwrap();
            sql!(tx, execute, fault).unwrap();
            let found = examine(&mut tx, TERMS).await.unwrap().findings;
            assert!(!found.is_empty() && found.iter().all(|f| f.check == "unreadable" && f.id.is_some()), "{found:?}");
            tx.rollback().await.unwrap();
        }
    }
}

on_both! {
    async fn only_so_many_of_one_kind_are_told(world) {
        world.a_market().await;
        let mut tx = world.store.begin().await.unwrap();
        unguard(&mut tx).await;
        let many = "INSERT INTO idempotency (account_id, key, fingerprint, status, body, created_at)
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
            SELECT t.account_id, 'k' || n.i, 'f', 0, '', t.created_at FROM tasks t CROSS JOIN n WHERE t.state = 'completed'";
        sql!(tx, execute, many).unwrap();
        sql!(tx, execute, "UPDATE task_events SET at = $1 WHERE seq = 2", world.now()).unwrap();
        let found = examine(&mut tx, TERMS).await.unwrap().findings;
        let told: Vec<_> = found.iter().filter(|finding| finding.check == "request_unfinished").collect();
        assert_eq!(told.len(), FOUND_MAX + 1);
        assert_eq!(told[FOUND_MAX].sentence, "there are more than 100 of these");
    }
}

/// Rows that point at nothing, and values that a column cannot have: only SQLite lets them be planted.
#[tokio::test]
async fn a_file_that_is_not_whole_is_told_before_all_else() {
    let world = crate::support::worlds("damaged").await.remove(0);
    world.two_tasks().await;
    let check = async |faults: &[&'static str], expected: &str| {
        let mut tx = world.store.begin().await.unwrap();
        unguard(&mut tx).await;
        for fault in faults {
            sql!(tx, execute, *fault).unwrap();
        }
        let found = examine(&mut tx, TERMS).await.unwrap().findings;
        assert!(found.iter().all(|finding| finding.check == expected) && !found.is_empty(), "{found:?}");
        tx.rollback().await.unwrap();
    };
    check(&["PRAGMA defer_foreign_keys = ON", "DELETE FROM agents"], "dangling").await;
    let negative = "UPDATE tasks SET budget = 0 WHERE state = 'prototyping'";
    check(
        &["PRAGMA ignore_check_constraints = ON", negative, "PRAGMA ignore_check_constraints = OFF"],
        "damaged",
    )
    .await;
}
