//! What cannot be, as data: a name, a query that finds it, a sentence and what to do. Each query gives `id` and `what`;
//! the sentence puts them where `{id}` and `{what}` stand.

/// One thing that cannot be.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) sentence: &'static str,
    pub(super) remedy: &'static str,
    pub(super) given: Given,
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

/// What a query is given as `$1`.
#[derive(Clone, Copy)]
pub(super) enum Given {
    Nothing,
    /// An hour before the last event of all. What waits for longer has been passed over by a loop that was at work; the
    /// clock would also find what only lies in a copy of last week.
    Overdue,
}

const REWRITTEN: &str = "Something other than gavel has written to the database: find out what, and take its access \
    away. Keep this database for the record and restore the newest backup in which `gavel doctor` does not find this.";
const MONEY: &str = "Settle nothing by hand. Keep this database for the record, see `gavel ledger verify`, and restore \
    the newest backup in which `gavel doctor` does not find this.";
const HALF: &str = "A change was written by half, which gavel never does: restore the newest backup in which `gavel \
    doctor` does not find this, or report it with the task's events (GET /api/v1/tasks/{id}/events).";
const STUCK: &str = "A server that has just been started takes up what is left: look again after a minute. If it is \
    still so, restart it; if that does not help either, report it with the task's events (GET \
    /api/v1/tasks/{id}/events).";

/// More of one kind are not read: they would say nothing new.
pub(super) const FOUND_MAX: usize = 100;

macro_rules! look {
    ($sql:expr) => {
        concat!("SELECT id, what FROM (", $sql, ") found LIMIT 101") // one above FOUND_MAX tells that there are more
    };
}

macro_rules! check {
    ($name:literal, $sentence:literal, $remedy:expr, { sqlite: $s:expr, postgres: $p:expr }) => {
        check!($name, $sentence, $remedy, Given::Nothing, { sqlite: $s, postgres: $p })
    };
    ($name:literal, $sentence:literal, $remedy:expr, $sql:expr) => {
        check!($name, $sentence, $remedy, Given::Nothing, { sqlite: $sql, postgres: $sql })
    };
    ($name:literal, $sentence:literal, $remedy:expr, $given:expr, { sqlite: $s:expr, postgres: $p:expr }) => {
        Check {
            name: $name,
            sentence: $sentence,
            remedy: $remedy,
            given: $given,
            sqlite: look!($s),
            postgres: look!($p),
        }
    };
    ($name:literal, $sentence:literal, $remedy:expr, $given:expr, $sql:expr) => {
        check!($name, $sentence, $remedy, $given, { sqlite: $sql, postgres: $sql })
    };
}

macro_rules! ended {
    () => {
        "('completed', 'cancelled', 'expired')"
    };
}

pub(super) const CHECKS: &[Check] = &[
    // --- money
    check!(
        "unbalanced",
        "transfer {id} makes or loses money: its entries sum to {what} minor units",
        MONEY,
        "SELECT f.id AS id, CAST(COALESCE(SUM(e.amount), 0) AS TEXT) AS what
         FROM transfers f LEFT JOIN entries e ON e.transfer_id = f.id
         GROUP BY f.id HAVING COALESCE(SUM(e.amount), 1) <> 0"
    ),
    check!(
        "unsealed",
        "transfer {id} ({what}) was never sealed: it may lack entries",
        MONEY,
        "SELECT id AS id, kind AS what FROM transfers WHERE NOT sealed"
    ),
    check!(
        "release_without_hold",
        "transfer {id} is a {what} of money that was never held",
        MONEY,
        "SELECT r.id AS id, r.kind AS what FROM transfers r WHERE r.kind <> 'hold'
             AND NOT EXISTS (SELECT 1 FROM transfers h WHERE h.task_id = r.task_id AND h.kind = 'hold')"
    ),
    check!(
        "settled_but_open",
        "task {id} is {what}, which does not fit what became of its money",
        MONEY,
        "SELECT t.id AS id, t.state || ' with a ' || r.kind AS what
         FROM tasks t JOIN transfers r ON r.task_id = t.id
         WHERE (r.kind = 'release' AND t.state <> 'completed') OR (r.kind = 'refund' AND t.state <> 'expired')"
    ),
    check!(
        "ended_unsettled",
        "task {id} is {what}, but what was held for it is neither released nor refunded",
        MONEY,
        "SELECT t.id AS id, t.state AS what FROM tasks t JOIN transfers h ON h.task_id = t.id AND h.kind = 'hold'
         WHERE (t.state = 'completed'
                 AND NOT EXISTS (SELECT 1 FROM transfers r WHERE r.task_id = t.id AND r.kind = 'release'))
             OR (t.state IN ('expired', 'cancelled')
                 AND NOT EXISTS (SELECT 1 FROM transfers r WHERE r.task_id = t.id AND r.kind = 'refund'))"
    ),
    check!(
        "held_too_early",
        "task {id} is {what}, but money is held for it",
        MONEY,
        "SELECT t.id AS id, t.state AS what FROM tasks t JOIN transfers h ON h.task_id = t.id AND h.kind = 'hold'
         WHERE t.state IN ('open', 'matching', 'prototyping', 'review', 'accepted')"
    ),
    check!(
        "held_after_settlement",
        "task {id} is settled, but {what} minor units are still held for it",
        MONEY,
        "SELECT f.task_id AS id, CAST(SUM(e.amount) AS TEXT) AS what
         FROM transfers f JOIN entries e ON e.transfer_id = f.id AND e.account LIKE 'held:%'
         GROUP BY f.task_id
         HAVING SUM(e.amount) <> 0 AND SUM(CASE WHEN f.kind <> 'hold' THEN 1 ELSE 0 END) > 0"
    ),
    check!(
        "held_another_price",
        "{what} minor units were held for task {id}, which is not the price of the bid that won",
        MONEY,
        "SELECT h.task_id AS id, CAST(h.amount AS TEXT) AS what
         FROM transfers h JOIN bids b ON b.task_id = h.task_id AND b.status = 'selected'
         WHERE h.kind = 'hold' AND h.amount <> b.price"
    ),
    // --- the choice
    check!(
        "accepted_without_winner",
        "task {id} is {what}, but no bid of it won",
        HALF,
        "SELECT t.id AS id, t.state AS what FROM tasks t WHERE t.state IN ('accepted', 'delivering', 'completed')
             AND NOT EXISTS (SELECT 1 FROM bids b WHERE b.task_id = t.id AND b.status = 'selected')"
    ),
    check!(
        "winner_too_early",
        "task {id} is {what}, but a bid of it won",
        HALF,
        "SELECT t.id AS id, t.state AS what FROM tasks t JOIN bids b ON b.task_id = t.id AND b.status = 'selected'
         WHERE t.state IN ('open', 'matching', 'prototyping', 'review', 'cancelled')"
    ),
    check!(
        "bid_over_budget",
        "bid {id} is above the budget of its task: {what} minor units",
        REWRITTEN,
        "SELECT b.id AS id, CAST(b.price AS TEXT) AS what FROM bids b JOIN tasks t ON t.id = b.task_id
         WHERE b.price > t.budget"
    ),
    check!(
        "bid_of_another",
        "bid {id} ({what}) is not of the task, round and agent of its invitation",
        REWRITTEN,
        "SELECT b.id AS id, b.status AS what FROM bids b JOIN invitations i ON i.id = b.invitation_id
         WHERE b.task_id <> i.task_id OR b.round <> i.round OR b.agent_id <> i.agent_id"
    ),
    check!(
        "valid_without_bid",
        "invitation {id} ended as {what}, which does not fit whether there is a bid",
        HALF,
        "SELECT i.id AS id, COALESCE(i.outcome, 'nothing yet') AS what
         FROM invitations i LEFT JOIN bids b ON b.invitation_id = i.id
         WHERE (i.outcome = 'valid' AND b.id IS NULL) OR (b.id IS NOT NULL AND i.outcome IS DISTINCT FROM 'valid')"
    ),
    check!(
        "bid_without_answer",
        "bid {id} ({what}) has no text",
        HALF,
        "SELECT b.id AS id, b.status AS what FROM bids b JOIN tasks t ON t.id = b.task_id
         WHERE t.bodies_removed_at IS NULL AND NOT EXISTS (SELECT 1 FROM answers w WHERE w.owner_id = b.id)"
    ),
    check!(
        "score_without_verdict",
        "bid {id} has a score ({what} of a million), but no judge's verdict",
        HALF,
        "SELECT b.id AS id, CAST(b.score AS TEXT) AS what FROM bids b JOIN tasks t ON t.id = b.task_id
         WHERE t.bodies_removed_at IS NULL AND b.score IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.bid_id = b.id)"
    ),
    check!(
        "round_without_decision",
        "invitation {id} was made in round {what}, for which no decision is kept",
        HALF,
        "SELECT i.id AS id, CAST(i.round AS TEXT) AS what FROM invitations i JOIN tasks t ON t.id = i.task_id
         WHERE t.bodies_removed_at IS NULL AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.task_id = i.task_id AND d.round = i.round)"
    ),
    // --- history
    check!(
        "history_gap",
        "task {id} lacks events or has too many: {what}",
        REWRITTEN,
        "SELECT t.id AS id,
             CAST(t.event_seq AS TEXT) || ' counted, ' || CAST(COALESCE(e.events, 0) AS TEXT) || ' kept' AS what
         FROM tasks t LEFT JOIN (SELECT task_id, COUNT(*) AS events, MIN(seq) AS first, MAX(seq) AS last
                                 FROM task_events GROUP BY task_id) e ON e.task_id = t.id
         WHERE t.event_seq <> COALESCE(e.events, 0) OR t.event_seq <> COALESCE(e.last, 0) OR e.first <> 1"
    ),
    check!(
        "history_leap",
        "the history of task {id} leaps from {what}",
        REWRITTEN,
        "SELECT s.task_id AS id, COALESCE(s.stood, 'nothing') || ' to ' || COALESCE(s.from_state, 'nothing') AS what
         FROM (SELECT task_id, from_state, LAG(to_state) OVER (PARTITION BY task_id ORDER BY seq) AS stood
               FROM task_events WHERE to_state IS NOT NULL) s
         WHERE s.stood IS DISTINCT FROM s.from_state"
    ),
    check!(
        "history_illegal",
        "task {id} went from {what}, which the lifecycle does not allow",
        REWRITTEN,
        "SELECT e.task_id AS id, e.from_state || ' to ' || e.to_state AS what FROM task_events e
         WHERE e.from_state IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM transitions a WHERE a.from_state = e.from_state AND a.to_state = e.to_state)"
    ),
    check!(
        "history_elsewhere",
        "task {id} is {what} as its last event",
        REWRITTEN,
        "SELECT t.id AS id, t.state || ', not ' || e.to_state AS what
         FROM tasks t JOIN task_events e ON e.task_id = t.id
         WHERE e.to_state <> t.state AND NOT EXISTS (
             SELECT 1 FROM task_events n WHERE n.task_id = e.task_id AND n.seq > e.seq AND n.to_state IS NOT NULL)"
    ),
    // --- what waits, and for what
    check!(
        "asleep",
        "task {id} is {what}, and nothing will ever look at it again",
        STUCK,
        concat!(
            "SELECT id AS id, state AS what FROM tasks
             WHERE state NOT IN ", ended!(), " AND dead_at IS NULL AND ready_at IS NULL AND lease_until IS NULL"
        )
    ),
    check!(
        "no_deadline",
        "task {id} is {what}, but no time is written at which that ends",
        HALF,
        "SELECT t.id AS id, t.state AS what FROM tasks t WHERE t.expires_at IS NULL
             AND (t.state IN ('prototyping', 'review') OR (t.state = 'delivering'
                 AND EXISTS (SELECT 1 FROM deliveries d WHERE d.task_id = t.id AND d.status = 'ready')))"
    ),
    check!(
        "awake_after_end",
        "task {id} is {what}, but is still to be looked at",
        HALF,
        concat!(
            "SELECT id AS id, state AS what FROM tasks
             WHERE state IN ", ended!(), " AND (ready_at IS NOT NULL OR lease_until IS NOT NULL)"
        )
    ),
    check!(
        "passed_over",
        "task {id} is {what} and was due more than an hour before the last event of all, but nobody took it up",
        STUCK,
        Given::Overdue,
        concat!(
            "SELECT id AS id, state AS what FROM tasks
             WHERE state NOT IN ", ended!(), " AND COALESCE(ready_at, lease_until) <= $1
                 AND (lease_until IS NULL OR lease_until <= $1)"
        )
    ),
    check!(
        "invitation_open",
        "invitation {id} has no outcome, but its task {what}",
        HALF,
        "SELECT i.id AS id, CASE WHEN t.round = i.round THEN 'is ' || t.state ELSE 'is in a later round' END AS what
         FROM invitations i JOIN tasks t ON t.id = i.task_id
         WHERE i.outcome IS NULL AND (t.state <> 'prototyping' OR t.round <> i.round)"
    ),
    check!(
        "exchange_open",
        "a call of invitation {id} is open: {what}",
        HALF,
        "SELECT x.invitation_id AS id, x.mode || ' in a task that is ' || t.state AS what
         FROM exchanges x JOIN invitations i ON i.id = x.invitation_id JOIN tasks t ON t.id = i.task_id
         WHERE x.ended_at IS NULL AND t.state <> CASE x.mode WHEN 'prototype' THEN 'prototyping' ELSE 'delivering' END"
    ),
    check!(
        "two_outcomes",
        "invitation {id} has two outcomes: {what}",
        REWRITTEN,
        "SELECT i.id AS id, i.outcome || ' and ' || COALESCE(x.outcome, 'none') AS what
         FROM invitations i JOIN exchanges x ON x.invitation_id = i.id AND x.mode = 'prototype'
         WHERE i.outcome IS NOT NULL AND x.outcome IS DISTINCT FROM i.outcome"
    ),
    check!(
        "outcome_told_twice",
        "the events of task {id} tell the outcome of invitation {what} more than once",
        HALF,
        {
            sqlite: "SELECT task_id AS id, data ->> 'invitation_id' AS what FROM task_events WHERE kind = 'outcome'
                     GROUP BY task_id, data ->> 'invitation_id' HAVING COUNT(*) > 1",
            postgres: "SELECT task_id AS id, data::json ->> 'invitation_id' AS what FROM task_events
                       WHERE kind = 'outcome' GROUP BY task_id, data::json ->> 'invitation_id' HAVING COUNT(*) > 1"
        }
    ),
    // --- the work
    check!(
        "delivery_astray",
        "task {id} is {what}",
        HALF,
        "SELECT t.id AS id, t.state || ' with ' || CAST(COUNT(d.id) AS TEXT) || ' deliveries under way' AS what
         FROM tasks t LEFT JOIN deliveries d ON d.task_id = t.id AND d.status IN ('pending', 'ready', 'disputed')
         WHERE t.state = 'delivering' GROUP BY t.id, t.state HAVING COUNT(d.id) <> 1"
    ),
    check!(
        "approved_astray",
        "task {id} is {what}",
        HALF,
        "SELECT t.id AS id, t.state || ' with ' || CAST(COUNT(d.id) AS TEXT) || ' approved deliveries' AS what
         FROM tasks t LEFT JOIN deliveries d ON d.task_id = t.id AND d.status = 'approved'
         GROUP BY t.id, t.state HAVING COUNT(d.id) <> CASE t.state WHEN 'completed' THEN 1 ELSE 0 END"
    ),
    check!(
        "pending_after_end",
        "delivery {id} is still awaited, but its task is {what}",
        HALF,
        "SELECT d.id AS id, t.state AS what FROM deliveries d JOIN tasks t ON t.id = d.task_id
         WHERE d.status = 'pending' AND t.state <> 'delivering'"
    ),
    check!(
        "delivery_without_answer",
        "delivery {id} is {what}, but has no text",
        HALF,
        "SELECT d.id AS id, d.status AS what FROM deliveries d JOIN tasks t ON t.id = d.task_id
         WHERE t.bodies_removed_at IS NULL AND d.status IN ('ready', 'revision_requested', 'disputed', 'approved')
             AND NOT EXISTS (SELECT 1 FROM answers w WHERE w.owner_id = d.id)"
    ),
    // --- what goes with time
    check!(
        "end_untold",
        "task {id} is {what}, but when it ended is not written: its texts would be kept for ever",
        HALF,
        concat!("SELECT id AS id, state AS what FROM tasks WHERE (ended_at IS NULL) = (state IN ", ended!(), ")")
    ),
    check!(
        "kept_after_removal",
        "the texts of task {id} are said to be removed, but a bid of it ({what}) still has its own",
        HALF,
        "SELECT t.id AS id, b.status AS what FROM tasks t JOIN bids b ON b.task_id = t.id
         JOIN answers w ON w.owner_id = b.id WHERE t.bodies_removed_at IS NOT NULL"
    ),
    // --- benchmarks
    check!(
        "benchmark_shown",
        "bid {id} was made for a benchmark, but is {what}",
        REWRITTEN,
        "SELECT b.id AS id, b.status AS what FROM bids b JOIN benchmark_tasks k ON k.task_id = b.task_id
         WHERE b.status IN ('presented', 'selected')"
    ),
    check!(
        "benchmark_astray",
        "benchmark {id} is {what}",
        HALF,
        "SELECT r.id AS id, 'at its task ' || CAST(r.position AS TEXT) || ', but has '
             || CAST(COUNT(k.task_id) AS TEXT) AS what
         FROM benchmark_runs r LEFT JOIN benchmark_tasks k ON k.run_id = r.id
         GROUP BY r.id, r.position HAVING COUNT(k.task_id) <> r.position"
    ),
    check!(
        "benchmark_unheard",
        "benchmark {id} was passed, but agent {what} has nothing to show for it",
        HALF,
        {
            sqlite: "SELECT r.id AS id, a.slug AS what FROM benchmark_runs r JOIN agents a ON a.id = r.agent_id
                     WHERE r.status = 'passed' AND NOT EXISTS (
                         SELECT 1 FROM benchmark_scores s WHERE s.agent_id = r.agent_id
                             AND s.category IN (SELECT value FROM json_each(r.categories)))",
            postgres: "SELECT r.id AS id, a.slug AS what FROM benchmark_runs r JOIN agents a ON a.id = r.agent_id
                       WHERE r.status = 'passed' AND NOT EXISTS (
                           SELECT 1 FROM benchmark_scores s WHERE s.agent_id = r.agent_id
                               AND s.category IN (SELECT json_array_elements_text(r.categories::json)))"
        }
    ),
    check!(
        "benchmark_passed_over",
        "benchmark {id} should have gone on more than an hour before the last event of all: its task {what}",
        STUCK,
        Given::Overdue,
        concat!(
            "SELECT r.id AS id, CASE WHEN t.id IS NULL THEN 'was never posted' ELSE 'is ' || t.state END AS what
             FROM benchmark_runs r LEFT JOIN benchmark_tasks k ON k.run_id = r.id AND k.position = r.position
                 LEFT JOIN tasks t ON t.id = k.task_id
             WHERE r.status = 'running' AND ((t.id IS NULL AND r.started_at <= $1)
                 OR (t.state IN ", ended!(), " AND t.ended_at <= $1))"
        )
    ),
    // --- requests
    check!(
        "request_unfinished",
        "a request of account {id} under the Idempotency-Key {what} has no answer",
        HALF,
        Given::Overdue,
        "SELECT account_id AS id, key AS what FROM idempotency WHERE status = 0 AND created_at <= $1"
    ),
];
