//! What the database itself refuses, whoever asks: the guards that stand in the migrations, tried in plain SQL.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use crate::db::sql;
use crate::support::{World, on_both, worlds};
use crate::{Engine, Result};
use gavel_domain::account::{ApiKey, Scope};
use gavel_domain::benchmark::ACCOUNT;
use gavel_domain::lifecycle::{TaskEvent, TaskState};
use gavel_domain::{Chain, KeyId};
use gavel_domain::{TaskId, task::Task};
use std::collections::BTreeSet;

/// A transfer for the task whose agents are at work; two were made before, for the completed one.
macro_rules! transfer {
    ($kind:literal, $seq:literal, $amount:literal, $prev:literal) => {
        concat!(
            "INSERT INTO transfers (id, seq, task_id, kind, key, amount, at, prev, hash)
             SELECT b.id, ",
            $seq,
            ", b.id, '",
            $kind,
            "', 'raw', ",
            $amount,
            ", t.at, ",
            $prev,
            ", t.hash
             FROM transfers t CROSS JOIN tasks b WHERE t.seq = 2 AND b.state = 'prototyping'"
        )
    };
}
/// Another transfer for the task that is paid.
macro_rules! again {
    ($kind:literal, $amount:literal) => {
        concat!(
            "INSERT INTO transfers (id, seq, task_id, kind, key, amount, at, prev, hash)
             SELECT task_id, 3, task_id, '",
            $kind,
            "', 'raw', ",
            $amount,
            ", at, hash, hash
             FROM transfers WHERE seq = 2"
        )
    };
}
macro_rules! entry_for {
    ($seq:literal, $line:literal, $amount:literal) => {
        concat!(
            "INSERT INTO entries (transfer_id, line, account, amount)
             SELECT id, ",
            $line,
            " + 10, 'platform_fee', ",
            $amount,
            " FROM transfers WHERE seq = ",
            $seq
        )
    };
}
macro_rules! bid_of_the_slow_one {
    ($price:literal) => {
        concat!(
            "INSERT INTO bids (id, task_id, round, invitation_id, agent_id, status, price, received_at)
             SELECT id, task_id, round, id, agent_id, 'received', ",
            $price,
            ", created_at
             FROM invitations WHERE outcome IS NULL"
        )
    };
}
/// A hold of 100 for the second task, well chained; its entries and its seal are to follow.
const HOLD: &str = transfer!("hold", "3", "100", "t.hash");
/// The bodies of the completed task are removed.
const MARK: &str = "UPDATE tasks SET bodies_removed_at = created_at WHERE state = 'completed'";
/// Who says so: a unique index, or (SQLite) the trigger that comes before it.
const TWICE: &str = "unique|one winner|settled once";
const SEAL: &str = "UPDATE transfers SET sealed = TRUE WHERE seq = 3";

const BENCHMARK: &str =
    "INSERT INTO benchmark_runs (id, agent_id, developer_id, categories, status, position, started_at)
     SELECT id, id, developer_id, '[]', 'running', 0, created_at FROM agents WHERE slug = 'one'";
const ANOTHER_BENCHMARK: &str =
    "INSERT INTO benchmark_runs (id, agent_id, developer_id, categories, status, position, started_at)
     SELECT developer_id, id, developer_id, '[]', 'running', 0, created_at FROM agents WHERE slug = 'one'";
const BENCHMARK_TASK: &str =
    "INSERT INTO benchmark_tasks (run_id, position, task_id, category, task_type, level, template, seed, purpose, posted_at)
     SELECT r.id, 1, t.id, t.category, t.task_type, 'easy', 'k', 1, 'first', t.created_at
     FROM benchmark_runs r CROSS JOIN tasks t WHERE t.state = 'prototyping'";
const BENCHMARK_TASK_ENDS: &str = "UPDATE benchmark_tasks SET ended_at = posted_at, score = 400000";
const BENCHMARK_ENDS: &str = "UPDATE benchmark_runs SET status = 'failed', ended_at = started_at";

/// A rule, and statements of one transaction that break it. The first task of the world is completed and paid, the
/// second one has its agents at work.
const BROKEN: &[(&str, &[&str])] = &[
    (
        "a new task is open",
        &["INSERT INTO tasks (id, account_id, test, title, description, category, task_type, requirements, quality_rules,
               attachments, budget, wishes, round, state, created_at, event_seq)
           SELECT account_id, account_id, test, title, description, category, task_type, requirements, quality_rules,
               attachments, budget, wishes, round, 'review', created_at, 1 FROM tasks WHERE state = 'completed'"],
    ),
    ("cannot go from its state", &["UPDATE tasks SET state = 'delivering' WHERE state = 'completed'"]),
    ("counted one by one", &["UPDATE tasks SET event_seq = event_seq - 1"]),
    ("counted one by one", &["UPDATE tasks SET event_seq = event_seq + 2"]),
    ("never goes back", &["UPDATE tasks SET fence = fence - 1"]),
    ("the terms of a task", &["UPDATE tasks SET budget = budget + 1"]),
    ("tasks are never deleted", &["DELETE FROM tasks"]),
    ("events are never edited", &["UPDATE task_events SET actor = 'operator'"]),
    ("events are never deleted", &["DELETE FROM task_events WHERE seq = 1"]),
    ("one outcome, which stays", &["UPDATE invitations SET outcome = 'late' WHERE outcome = 'valid'"]),
    ("one outcome, which stays", &["UPDATE invitations SET detail = 'other' WHERE outcome = 'valid'"]),
    (
        "one outcome, which stays",
        &["UPDATE invitations SET outcome = NULL, ended_at = NULL WHERE outcome = 'valid'"],
    ),
    ("exchange has one outcome", &["UPDATE exchanges SET outcome = 'late' WHERE outcome = 'valid'"]),
    (
        "exchange has one outcome",
        &["UPDATE exchanges SET outcome = NULL, ended_at = NULL WHERE outcome = 'valid'"],
    ),
    ("above the budget", &[bid_of_the_slow_one!("2501")]),
    ("the terms of a bid", &["UPDATE bids SET price = price - 1 WHERE status = 'selected'"]),
    ("bids are never deleted", &["DELETE FROM bids"]),
    ("invitations are never deleted", &["DELETE FROM invitations"]),
    ("exchanges are never deleted", &["DELETE FROM exchanges"]),
    ("deliveries are never deleted", &["DELETE FROM deliveries"]),
    (TWICE, &["UPDATE bids SET status = 'selected' WHERE status = 'not_selected'"]),
    ("answers are never edited", &["UPDATE answers SET full_text = 'other'"]),
    ("answers are never deleted", &["DELETE FROM answers"]),
    ("verdicts are never edited", &["UPDATE verdicts SET composite = 0"]),
    ("verdicts are never deleted", &["DELETE FROM verdicts"]),
    ("decisions are never edited", &["UPDATE decisions SET document = '{}'"]),
    ("decisions are never deleted", &["DELETE FROM decisions"]),
    ("letters are never edited", &["UPDATE letters SET body = ''"]),
    ("letters are never deleted", &["DELETE FROM letters"]),
    ("removed once, and after its end", &["UPDATE tasks SET bodies_removed_at = created_at WHERE state = 'prototyping'"]),
    (
        "removed once, and after its end",
        &[MARK, "UPDATE tasks SET bodies_removed_at = NULL WHERE state = 'completed'"],
    ),
    ("decisions are never deleted", &[MARK, "DELETE FROM decisions"]),
    ("letters are never deleted", &[MARK, "DELETE FROM letters"]),
    ("transfers are never edited", &["UPDATE transfers SET amount = amount + 1"]),
    ("transfers are never edited", &["UPDATE transfers SET hash = prev WHERE seq = 2"]),
    ("transfers are never edited", &["UPDATE transfers SET prev = hash WHERE seq = 2"]),
    ("transfers are never edited", &["UPDATE transfers SET sealed = FALSE"]),
    ("transfers are never deleted", &["DELETE FROM transfers"]),
    ("never edited", &["UPDATE entries SET amount = amount + 1"]),
    ("never", &["DELETE FROM entries"]),
    ("takes no more entries", &[entry_for!("2", "3", "1")]),
    ("only what is held", &[transfer!("release", "3", "2200", "t.hash")]),
    (TWICE, &[again!("refund", "2200")]),
    (TWICE, &[again!("hold", "2200")]),
    ("follows the last one", &[transfer!("hold", "4", "100", "t.hash")]),
    ("follows the last one", &[transfer!("hold", "3", "100", "t.prev")]),
    ("sum to zero", &[HOLD, entry_for!("3", "1", "-100"), SEAL]),
    ("sum to zero", &[HOLD, entry_for!("3", "1", "-100"), entry_for!("3", "2", "99"), SEAL]),
    ("move its amount", &[HOLD, entry_for!("3", "1", "-99"), entry_for!("3", "2", "99"), SEAL]),
    ("sum to zero", &[HOLD, SEAL]),
    ("transfers are never edited", &[HOLD, "UPDATE transfers SET amount = 1 WHERE seq = 3"]),
    ("has ended is never edited", &[BENCHMARK, BENCHMARK_ENDS, "UPDATE benchmark_runs SET position = position"]),
    ("counted one by one", &[BENCHMARK, "UPDATE benchmark_runs SET position = 2"]),
    ("benchmarks are never deleted", &[BENCHMARK, "DELETE FROM benchmark_runs"]),
    ("unique", &[BENCHMARK, ANOTHER_BENCHMARK]),
    (
        "came of a benchmark's task",
        &[BENCHMARK, BENCHMARK_TASK, BENCHMARK_TASK_ENDS, "UPDATE benchmark_tasks SET score = 1000000"],
    ),
    ("tasks of benchmarks are never deleted", &[BENCHMARK, BENCHMARK_TASK, "DELETE FROM benchmark_tasks"]),
];

/// What is as it should be, in the same words: the guards let it pass.
const SOUND: &[&[&str]] = &[
    &["UPDATE tasks SET event_seq = event_seq + 1, fence = fence + 1, budget = budget"],
    &["UPDATE invitations SET outcome = outcome, detail = detail WHERE outcome = 'valid'"],
    &[bid_of_the_slow_one!("2500")],
    &[MARK, "DELETE FROM answers", "DELETE FROM verdicts"],
    &[HOLD, entry_for!("3", "1", "-100"), entry_for!("3", "2", "100"), SEAL],
    &[
        BENCHMARK,
        BENCHMARK_TASK,
        "UPDATE benchmark_runs SET position = 1",
        BENCHMARK_TASK_ENDS,
        BENCHMARK_ENDS,
    ],
];

impl World {
    /// One transaction of plain SQL.
    pub(crate) async fn run(&self, statements: &[&'static str]) -> Result<()> {
        let mut tx = self.store.begin().await?;
        for statement in statements {
            sql!(tx, execute, *statement)?;
        }
        tx.commit().await
    }

    async fn refuses(&self, rule: &str, statements: &[&'static str]) {
        let told = match self.run(statements).await {
            Ok(()) => panic!("{:?} took {statements:?}", self.store.engine()),
            Err(refusal) => Chain(&refusal).to_string(),
        };
        let told = told.to_lowercase();
        assert!(rule.split('|').any(|rule| told.contains(rule)), "{statements:?}: {told}");
    }

    /// A task that went the whole way and is paid, and one whose only agent is at work.
    pub(crate) async fn two_tasks(&self) {
        let played = self.completed().await;
        let (agent, _) = self.store.agent(played.bids[0].agent).await.unwrap().unwrap();
        let task = self.task(played.task.account).await;
        self.prototyping(&task, &[&agent]).await;
    }
}

on_both! {
    async fn what_breaks_a_rule_is_refused(world) {
        world.two_tasks().await;
        for (rule, statements) in BROKEN {
            world.refuses(rule, statements).await;
        }
        assert_eq!(world.store.verify_ledger("USD").await.unwrap().problems, Vec::<String>::new());
    }
}

/// Statements that put a row in the place of another: only SQLite knows them.
const REPLACED: &[&str] = &[
    "INSERT OR REPLACE INTO tasks (id, account_id, test, title, description, category, task_type, requirements,
             quality_rules, attachments, budget, wishes, round, state, created_at, event_seq)
         SELECT id, account_id, test, title, description, category, task_type, requirements, quality_rules,
             attachments, budget, wishes, round, 'open', created_at, 1 FROM tasks",
    "INSERT OR REPLACE INTO invitations (id, task_id, round, agent_id, created_at, deadline_at, own_limit, boosted)
         SELECT id, task_id, round, agent_id, created_at, deadline_at, own_limit, boosted FROM invitations",
    "INSERT OR REPLACE INTO invitations (id, task_id, round, agent_id, created_at, deadline_at, own_limit, boosted)
         SELECT agent_id, task_id, round, agent_id, created_at, deadline_at, own_limit, boosted FROM invitations",
    "INSERT OR REPLACE INTO task_events (task_id, seq, kind, actor, data, at)
         SELECT task_id, seq, 'state', 'operator', '{}', at FROM task_events",
    "INSERT OR REPLACE INTO bids (id, task_id, round, invitation_id, agent_id, status, price, received_at)
         SELECT task_id, task_id, round, invitation_id, agent_id, 'received', 1, received_at FROM bids",
    "INSERT OR REPLACE INTO answers (owner_id, full_text, summary, artifacts)
         SELECT owner_id, '', '', '[]' FROM answers",
    "INSERT OR REPLACE INTO verdicts (bid_id, judge, composite, document, judged_at)
         SELECT bid_id, judge, 0, '{}', judged_at FROM verdicts",
    "INSERT OR REPLACE INTO transfers (id, seq, task_id, kind, key, amount, at, prev, hash)
         SELECT id, seq, task_id, kind, key, amount, at, prev, prev FROM transfers WHERE seq = 2",
    "INSERT OR REPLACE INTO entries (transfer_id, line, account, amount)
         SELECT transfer_id, line, account, 1 FROM entries",
    "UPDATE OR REPLACE bids SET status = 'selected' WHERE status = 'not_selected'",
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_final_is_replaced() {
    let world = worlds("replaced").await.remove(0);
    world.two_tasks().await;
    for statement in REPLACED {
        world.refuses("never replaced|one winner|no more entries", &[statement]).await;
    }
}

on_both! {
    async fn what_keeps_the_rules_passes(world) {
        world.two_tasks().await;
        for statements in SOUND {
            world.run(statements).await.unwrap_or_else(|e| panic!("{statements:?}: {}", Chain(&e)));
        }
    }
}

on_both! {
    /// The statements of the release before seal nothing.
    async fn an_unsealed_transfer_is_summed_when_it_is_committed_or_stops_the_next(world) {
        world.two_tasks().await;
        let unbalanced: &[_] = &[HOLD, entry_for!("3", "1", "-100")];
        match world.store.engine() {
            Engine::Postgres => {
                world.refuses("sum to zero", unbalanced).await;
                world.run(&[HOLD, entry_for!("3", "1", "-100"), entry_for!("3", "2", "100")]).await.unwrap();
                world.refuses("takes no more entries", &[entry_for!("3", "3", "1")]).await;
            }
            Engine::Sqlite => {
                world.run(unbalanced).await.unwrap();
                world.refuses("which is sealed", &["INSERT INTO transfers (id, seq, task_id, kind, key, amount, at, prev, hash)
                    SELECT account_id, 4, id, 'hold', 'next', 1, created_at, x'00', x'00' FROM tasks"]).await;
            }
        }
    }
}

on_both! {
    async fn a_benchmarks_bid_is_never_shown_and_no_key_opens_its_account(world) {
        let mut tx = world.store.begin().await.unwrap();
        let account = "INSERT INTO accounts (id, name, created_at) VALUES ($1, 'benchmarks', $2)";
        sql!(tx, execute, account, ACCOUNT.uuid(), world.now()).unwrap();
        tx.commit().await.unwrap();
        let (task, developer) = (world.task(ACCOUNT).await, world.developer("dev").await);
        let agent = world.agent(&developer, "one").await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        world.scored(&claimed, &invited[0], 900_000).await;
        for status in ["UPDATE bids SET status = 'presented'", "UPDATE bids SET status = 'selected'"] {
            world.refuses("a benchmark's bid is never shown", &[status]).await;
        }
        let (scope, id, now) = (Scope::Admin, KeyId::new(world.now(), &world.chance), world.now());
        let key = ApiKey { id, account: ACCOUNT, scope, read_only: false, test: false, created_at: now, revoked_at: None };
        let refused = world.store.add_key(&key, b"hash").await.unwrap_err();
        assert!(Chain(&refused).to_string().contains("no key belongs"), "{}", Chain(&refused));
    }
}

on_both! {
    async fn the_table_of_transitions_is_the_lifecycle(world) {
        let mut c = world.store.read().await.unwrap();
        let rows = sql!(c, fetch_all as (String, String), "SELECT from_state, to_state FROM transitions").unwrap();
        let arrows: BTreeSet<_> = arrows().map(|(from, to)| (from.name().to_owned(), to.name().to_owned())).collect();
        assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), arrows);
    }
}

on_both! {
    async fn every_state_is_left_by_the_lifecycles_arrows_alone(world) {
        let task = world.task(world.account("buyer").await).await;
        let arrows: BTreeSet<_> = arrows().collect();
        for from in TaskState::ALL {
            for to in TaskState::ALL.into_iter().filter(|to| *to != from) {
                let moved = world.moved(&task, way_to(from), to).await;
                assert_eq!(moved.is_ok(), arrows.contains(&(from, to)), "{from} -> {to}: {moved:?}");
            }
        }
    }
}

impl World {
    /// Moves a task along a way and then to `to`; nothing of it stays.
    async fn moved(&self, task: &Task, way: Vec<TaskState>, to: TaskState) -> Result<()> {
        let mut tx = self.store.begin().await?;
        for step in way {
            set_state(&mut tx, task.id, step).await.unwrap();
        }
        let moved = set_state(&mut tx, task.id, to).await;
        tx.rollback().await?;
        moved
    }
}

async fn set_state(tx: &mut crate::db::Tx, task: TaskId, state: TaskState) -> Result<()> {
    let set = sql!(tx, execute, "UPDATE tasks SET state = $2 WHERE id = $1", task.uuid(), state.name());
    set.map(drop)
}

/// Every pair of states that an event leads over.
fn arrows() -> impl Iterator<Item = (TaskState, TaskState)> {
    TaskState::ALL.into_iter().flat_map(|from| {
        TaskEvent::ALL.into_iter().filter_map(move |event| Some((from, from.after(event).ok()?)))
    })
}

/// The states on the way from open to `state`, `state` itself last.
fn way_to(state: TaskState) -> Vec<TaskState> {
    if state == TaskState::Open {
        return Vec::new();
    }
    // States are listed in the order of a life, so the first that leads here lies nearer to its beginning.
    let (before, _) = arrows().find(|(_, to)| *to == state).unwrap();
    way_to(before).into_iter().chain([state]).collect()
}
