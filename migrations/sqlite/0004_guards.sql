-- What the code promises, the database refuses to break: whoever writes, by whatever way. Each message says the rule.
-- SQLite's OR REPLACE deletes what is in the way without asking the triggers: it is refused where rows are final.

-- The lifecycle's arrows; a test holds them equal to crates/domain/src/lifecycle.rs.
CREATE TABLE transitions (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
) STRICT, WITHOUT ROWID;
INSERT INTO transitions (from_state, to_state) VALUES
    ('open', 'matching'), ('open', 'cancelled'), ('open', 'expired'),
    ('matching', 'prototyping'), ('matching', 'cancelled'), ('matching', 'expired'),
    ('prototyping', 'review'), ('prototyping', 'cancelled'), ('prototyping', 'expired'),
    ('review', 'matching'), ('review', 'accepted'), ('review', 'cancelled'), ('review', 'expired'),
    ('accepted', 'delivering'), ('accepted', 'review'),
    ('delivering', 'completed'), ('delivering', 'expired');

-- Tasks
CREATE TRIGGER tasks_begin_open BEFORE INSERT ON tasks
WHEN NEW.state <> 'open'
BEGIN SELECT RAISE(ABORT, 'a new task is open'); END;
CREATE TRIGGER tasks_are_not_replaced BEFORE INSERT ON tasks
WHEN EXISTS (SELECT 1 FROM tasks WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'tasks are never replaced'); END;
CREATE TRIGGER tasks_follow_the_lifecycle BEFORE UPDATE OF state ON tasks
WHEN NEW.state <> OLD.state
    AND NOT EXISTS (SELECT 1 FROM transitions WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN SELECT RAISE(ABORT, 'a task cannot go from its state to that one'); END;
CREATE TRIGGER tasks_count_their_events BEFORE UPDATE OF event_seq ON tasks
WHEN NEW.event_seq NOT IN (OLD.event_seq, OLD.event_seq + 1)
BEGIN SELECT RAISE(ABORT, 'the events of a task are counted one by one'); END;
CREATE TRIGGER tasks_move_their_fence_on BEFORE UPDATE OF fence ON tasks
WHEN NEW.fence < OLD.fence
BEGIN SELECT RAISE(ABORT, 'the fence of a task never goes back'); END;
CREATE TRIGGER tasks_keep_their_terms BEFORE UPDATE OF budget, account_id, test ON tasks
WHEN NEW.budget <> OLD.budget OR NEW.account_id <> OLD.account_id OR NEW.test <> OLD.test
BEGIN SELECT RAISE(ABORT, 'the terms of a task are never edited'); END;
CREATE TRIGGER tasks_stay BEFORE DELETE ON tasks
BEGIN SELECT RAISE(ABORT, 'tasks are never deleted'); END;

CREATE TRIGGER task_events_are_not_replaced BEFORE INSERT ON task_events
WHEN EXISTS (SELECT 1 FROM task_events WHERE task_id = NEW.task_id AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'events are never replaced'); END;
CREATE TRIGGER task_events_are_final_update BEFORE UPDATE ON task_events
BEGIN SELECT RAISE(ABORT, 'events are never edited'); END;
CREATE TRIGGER task_events_are_final_delete BEFORE DELETE ON task_events
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

-- Outcomes: set once, and then they stay.
CREATE TRIGGER invitations_end_once BEFORE UPDATE OF outcome, detail, ended_at ON invitations
WHEN OLD.outcome IS NOT NULL
    AND (NEW.outcome, NEW.detail, NEW.ended_at) IS NOT (OLD.outcome, OLD.detail, OLD.ended_at)
BEGIN SELECT RAISE(ABORT, 'an invitation has one outcome, which stays'); END;
CREATE TRIGGER exchanges_end_once BEFORE UPDATE OF outcome, ended_at ON exchanges
WHEN OLD.ended_at IS NOT NULL AND (NEW.outcome, NEW.ended_at) IS NOT (OLD.outcome, OLD.ended_at)
BEGIN SELECT RAISE(ABORT, 'an exchange has one outcome, which stays'); END;

CREATE TRIGGER invitations_are_not_replaced BEFORE INSERT ON invitations
WHEN EXISTS (SELECT 1 FROM invitations WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM invitations WHERE task_id = NEW.task_id AND round = NEW.round AND agent_id = NEW.agent_id)
BEGIN SELECT RAISE(ABORT, 'invitations are never replaced'); END;
CREATE TRIGGER invitations_stay BEFORE DELETE ON invitations
BEGIN SELECT RAISE(ABORT, 'invitations are never deleted'); END;
CREATE TRIGGER exchanges_stay BEFORE DELETE ON exchanges
BEGIN SELECT RAISE(ABORT, 'exchanges are never deleted'); END;
CREATE TRIGGER deliveries_stay BEFORE DELETE ON deliveries
BEGIN SELECT RAISE(ABORT, 'deliveries are never deleted'); END;

-- Bids
CREATE TRIGGER bids_are_not_replaced BEFORE INSERT ON bids
WHEN EXISTS (SELECT 1 FROM bids WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM bids WHERE invitation_id = NEW.invitation_id)
BEGIN SELECT RAISE(ABORT, 'bids are never replaced'); END;
CREATE TRIGGER bids_have_one_winner BEFORE UPDATE OF status ON bids
WHEN NEW.status = 'selected'
    AND EXISTS (SELECT 1 FROM bids WHERE task_id = NEW.task_id AND status = 'selected' AND id <> NEW.id)
BEGIN SELECT RAISE(ABORT, 'a task has one winner'); END;
CREATE TRIGGER bids_keep_to_the_budget BEFORE INSERT ON bids
WHEN NEW.price > (SELECT budget FROM tasks WHERE id = NEW.task_id)
BEGIN SELECT RAISE(ABORT, 'a bid is never above the budget of its task'); END;
CREATE TRIGGER bids_keep_their_terms BEFORE UPDATE OF price, task_id, agent_id, invitation_id ON bids
WHEN (NEW.price, NEW.task_id, NEW.agent_id, NEW.invitation_id) IS NOT
     (OLD.price, OLD.task_id, OLD.agent_id, OLD.invitation_id)
BEGIN SELECT RAISE(ABORT, 'the terms of a bid are never edited'); END;
CREATE TRIGGER bids_stay BEFORE DELETE ON bids
BEGIN SELECT RAISE(ABORT, 'bids are never deleted'); END;

-- The long bodies, written once
CREATE TRIGGER answers_are_not_replaced BEFORE INSERT ON answers
WHEN EXISTS (SELECT 1 FROM answers WHERE owner_id = NEW.owner_id)
BEGIN SELECT RAISE(ABORT, 'answers are never replaced'); END;
CREATE TRIGGER verdicts_are_not_replaced BEFORE INSERT ON verdicts
WHEN EXISTS (SELECT 1 FROM verdicts WHERE bid_id = NEW.bid_id AND judge = NEW.judge)
BEGIN SELECT RAISE(ABORT, 'verdicts are never replaced'); END;
CREATE TRIGGER answers_are_final_update BEFORE UPDATE ON answers
BEGIN SELECT RAISE(ABORT, 'answers are never edited'); END;
CREATE TRIGGER answers_are_final_delete BEFORE DELETE ON answers
BEGIN SELECT RAISE(ABORT, 'answers are never deleted'); END;
CREATE TRIGGER verdicts_are_final_update BEFORE UPDATE ON verdicts
BEGIN SELECT RAISE(ABORT, 'verdicts are never edited'); END;
CREATE TRIGGER verdicts_are_final_delete BEFORE DELETE ON verdicts
BEGIN SELECT RAISE(ABORT, 'verdicts are never deleted'); END;
CREATE TRIGGER decisions_are_final_update BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are never edited'); END;
CREATE TRIGGER decisions_are_final_delete BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are never deleted'); END;
CREATE TRIGGER letters_are_final_update BEFORE UPDATE ON letters
BEGIN SELECT RAISE(ABORT, 'letters are never edited'); END;
CREATE TRIGGER letters_are_final_delete BEFORE DELETE ON letters
BEGIN SELECT RAISE(ABORT, 'letters are never deleted'); END;

-- Money. SQLite looks at rows when they are written, not when they are committed: a transfer is sealed by the last
-- statement that writes it, and then its entries are summed.
ALTER TABLE transfers ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0 CHECK (sealed IN (0, 1));
DROP TRIGGER transfers_are_final_update;
UPDATE transfers SET sealed = 1;
CREATE TRIGGER transfers_are_final_update BEFORE UPDATE ON transfers
WHEN OLD.sealed = 1 OR NEW.sealed = 0
    OR (NEW.id, NEW.seq, NEW.task_id, NEW.kind, NEW.key, NEW.amount, NEW.at, NEW.prev, NEW.hash) IS NOT
       (OLD.id, OLD.seq, OLD.task_id, OLD.kind, OLD.key, OLD.amount, OLD.at, OLD.prev, OLD.hash)
BEGIN SELECT RAISE(ABORT, 'transfers are never edited'); END;
CREATE TRIGGER transfers_balance BEFORE UPDATE OF sealed ON transfers
WHEN (SELECT COALESCE(SUM(e.amount), 1) FROM entries e WHERE e.transfer_id = NEW.id) <> 0
    OR (SELECT SUM(e.amount) FROM entries e WHERE e.transfer_id = NEW.id AND e.amount > 0) <> NEW.amount
BEGIN SELECT RAISE(ABORT, 'the entries of a transfer sum to zero and move its amount'); END;
CREATE TRIGGER transfers_are_not_replaced BEFORE INSERT ON transfers
WHEN EXISTS (SELECT 1 FROM transfers WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM transfers WHERE seq = NEW.seq)
    OR EXISTS (SELECT 1 FROM transfers WHERE key = NEW.key)
    OR EXISTS (SELECT 1 FROM transfers WHERE task_id = NEW.task_id AND (kind = 'hold') = (NEW.kind = 'hold'))
BEGIN SELECT RAISE(ABORT, 'held once and settled once: transfers are never replaced'); END;
CREATE TRIGGER transfers_are_sealed_last BEFORE INSERT ON transfers
WHEN NEW.sealed = 1
BEGIN SELECT RAISE(ABORT, 'a transfer is sealed when its entries are there'); END;
CREATE TRIGGER transfers_settle_what_is_held BEFORE INSERT ON transfers
WHEN NEW.kind <> 'hold' AND NOT EXISTS (
    SELECT 1 FROM transfers h WHERE h.task_id = NEW.task_id AND h.kind = 'hold' AND h.amount = NEW.amount)
BEGIN SELECT RAISE(ABORT, 'only what is held is released or refunded'); END;
CREATE TRIGGER transfers_continue_the_chain BEFORE INSERT ON transfers
WHEN NOT (NEW.seq = 1 AND NEW.prev = zeroblob(32)) AND NOT EXISTS (
    SELECT 1 FROM transfers b WHERE b.seq = NEW.seq - 1 AND b.hash = NEW.prev AND b.sealed = 1)
BEGIN SELECT RAISE(ABORT, 'a transfer follows the last one, which is sealed'); END;
CREATE TRIGGER entries_come_before_the_seal BEFORE INSERT ON entries
WHEN (SELECT t.sealed FROM transfers t WHERE t.id = NEW.transfer_id) = 1
BEGIN SELECT RAISE(ABORT, 'a sealed transfer takes no more entries'); END;
