-- What the code promises, the database refuses to break: whoever writes, by whatever way. Each message says the rule.

-- The lifecycle's arrows; a test holds them equal to crates/domain/src/lifecycle.rs.
CREATE TABLE transitions (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
INSERT INTO transitions (from_state, to_state) VALUES
    ('open', 'matching'), ('open', 'cancelled'), ('open', 'expired'),
    ('matching', 'prototyping'), ('matching', 'cancelled'), ('matching', 'expired'),
    ('prototyping', 'review'), ('prototyping', 'cancelled'), ('prototyping', 'expired'),
    ('review', 'matching'), ('review', 'accepted'), ('review', 'cancelled'), ('review', 'expired'),
    ('accepted', 'delivering'), ('accepted', 'review'),
    ('delivering', 'completed'), ('delivering', 'expired');

-- What a guard says when its WHEN holds: the rule is the trigger's argument.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;

-- Tasks
CREATE TRIGGER tasks_begin_open BEFORE INSERT ON tasks FOR EACH ROW
WHEN (NEW.state <> 'open')
EXECUTE FUNCTION refuse('a new task is open');
CREATE FUNCTION tasks_follow_the_lifecycle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM transitions WHERE from_state = OLD.state AND to_state = NEW.state) THEN
        RAISE EXCEPTION 'a task cannot go from its state to that one';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tasks_follow_the_lifecycle BEFORE UPDATE OF state ON tasks FOR EACH ROW
WHEN (NEW.state <> OLD.state)
EXECUTE FUNCTION tasks_follow_the_lifecycle();
CREATE TRIGGER tasks_count_their_events BEFORE UPDATE OF event_seq ON tasks FOR EACH ROW
WHEN (NEW.event_seq NOT IN (OLD.event_seq, OLD.event_seq + 1))
EXECUTE FUNCTION refuse('the events of a task are counted one by one');
CREATE TRIGGER tasks_move_their_fence_on BEFORE UPDATE OF fence ON tasks FOR EACH ROW
WHEN (NEW.fence < OLD.fence)
EXECUTE FUNCTION refuse('the fence of a task never goes back');
CREATE TRIGGER tasks_keep_their_terms BEFORE UPDATE OF budget, account_id, test ON tasks FOR EACH ROW
WHEN (NEW.budget <> OLD.budget OR NEW.account_id <> OLD.account_id OR NEW.test <> OLD.test)
EXECUTE FUNCTION refuse('the terms of a task are never edited');
CREATE TRIGGER tasks_stay BEFORE DELETE ON tasks FOR EACH ROW
EXECUTE FUNCTION refuse('tasks are never deleted');

CREATE TRIGGER task_events_are_final_update BEFORE UPDATE ON task_events FOR EACH ROW
EXECUTE FUNCTION refuse('events are never edited');
CREATE TRIGGER task_events_are_final_delete BEFORE DELETE ON task_events FOR EACH ROW
EXECUTE FUNCTION refuse('events are never deleted');

-- Outcomes: set once, and then they stay.
CREATE TRIGGER invitations_end_once BEFORE UPDATE OF outcome, detail, ended_at ON invitations FOR EACH ROW
WHEN (OLD.outcome IS NOT NULL
    AND (NEW.outcome, NEW.detail, NEW.ended_at) IS DISTINCT FROM (OLD.outcome, OLD.detail, OLD.ended_at))
EXECUTE FUNCTION refuse('an invitation has one outcome, which stays');
CREATE TRIGGER exchanges_end_once BEFORE UPDATE OF outcome, ended_at ON exchanges FOR EACH ROW
WHEN (OLD.ended_at IS NOT NULL AND (NEW.outcome, NEW.ended_at) IS DISTINCT FROM (OLD.outcome, OLD.ended_at))
EXECUTE FUNCTION refuse('an exchange has one outcome, which stays');

CREATE TRIGGER invitations_stay BEFORE DELETE ON invitations FOR EACH ROW
EXECUTE FUNCTION refuse('invitations are never deleted');
CREATE TRIGGER exchanges_stay BEFORE DELETE ON exchanges FOR EACH ROW
EXECUTE FUNCTION refuse('exchanges are never deleted');
CREATE TRIGGER deliveries_stay BEFORE DELETE ON deliveries FOR EACH ROW
EXECUTE FUNCTION refuse('deliveries are never deleted');

-- Bids
CREATE FUNCTION bids_keep_to_the_budget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.price > (SELECT budget FROM tasks WHERE id = NEW.task_id) THEN
        RAISE EXCEPTION 'a bid is never above the budget of its task';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bids_keep_to_the_budget BEFORE INSERT ON bids FOR EACH ROW
EXECUTE FUNCTION bids_keep_to_the_budget();
CREATE TRIGGER bids_keep_their_terms BEFORE UPDATE OF price, task_id, agent_id, invitation_id ON bids FOR EACH ROW
WHEN ((NEW.price, NEW.task_id, NEW.agent_id, NEW.invitation_id) IS DISTINCT FROM
      (OLD.price, OLD.task_id, OLD.agent_id, OLD.invitation_id))
EXECUTE FUNCTION refuse('the terms of a bid are never edited');
CREATE TRIGGER bids_stay BEFORE DELETE ON bids FOR EACH ROW
EXECUTE FUNCTION refuse('bids are never deleted');

-- The long bodies, written once
CREATE TRIGGER answers_are_final_update BEFORE UPDATE ON answers FOR EACH ROW
EXECUTE FUNCTION refuse('answers are never edited');
CREATE TRIGGER answers_are_final_delete BEFORE DELETE ON answers FOR EACH ROW
EXECUTE FUNCTION refuse('answers are never deleted');
CREATE TRIGGER verdicts_are_final_update BEFORE UPDATE ON verdicts FOR EACH ROW
EXECUTE FUNCTION refuse('verdicts are never edited');
CREATE TRIGGER verdicts_are_final_delete BEFORE DELETE ON verdicts FOR EACH ROW
EXECUTE FUNCTION refuse('verdicts are never deleted');
CREATE TRIGGER decisions_are_final_update BEFORE UPDATE ON decisions FOR EACH ROW
EXECUTE FUNCTION refuse('decisions are never edited');
CREATE TRIGGER decisions_are_final_delete BEFORE DELETE ON decisions FOR EACH ROW
EXECUTE FUNCTION refuse('decisions are never deleted');
CREATE TRIGGER letters_are_final_update BEFORE UPDATE ON letters FOR EACH ROW
EXECUTE FUNCTION refuse('letters are never edited');
CREATE TRIGGER letters_are_final_delete BEFORE DELETE ON letters FOR EACH ROW
EXECUTE FUNCTION refuse('letters are never deleted');

-- Money. A transfer is sealed by the last statement that writes it, and then its entries are summed. A replica of the
-- release before seals none: its transfers are sealed, and so summed, when it commits.
ALTER TABLE transfers ADD COLUMN sealed BOOLEAN NOT NULL DEFAULT FALSE;
DROP TRIGGER transfers_are_final ON transfers;
UPDATE transfers SET sealed = TRUE;
CREATE TRIGGER transfers_are_final_update BEFORE UPDATE ON transfers FOR EACH ROW
WHEN (OLD.sealed OR NOT NEW.sealed
    OR (NEW.id, NEW.seq, NEW.task_id, NEW.kind, NEW.key, NEW.amount, NEW.at, NEW.prev, NEW.hash) IS DISTINCT FROM
       (OLD.id, OLD.seq, OLD.task_id, OLD.kind, OLD.key, OLD.amount, OLD.at, OLD.prev, OLD.hash))
EXECUTE FUNCTION refuse('transfers are never edited');
CREATE TRIGGER transfers_are_final_delete BEFORE DELETE ON transfers FOR EACH ROW
EXECUTE FUNCTION refuse('transfers are never deleted');
CREATE FUNCTION transfers_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT COALESCE(SUM(e.amount), 1) FROM entries e WHERE e.transfer_id = NEW.id) <> 0
        OR (SELECT SUM(e.amount) FROM entries e WHERE e.transfer_id = NEW.id AND e.amount > 0) <> NEW.amount THEN
        RAISE EXCEPTION 'the entries of a transfer sum to zero and move its amount';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER transfers_balance BEFORE UPDATE OF sealed ON transfers FOR EACH ROW
EXECUTE FUNCTION transfers_balance();
CREATE TRIGGER transfers_are_sealed_last BEFORE INSERT ON transfers FOR EACH ROW
WHEN (NEW.sealed)
EXECUTE FUNCTION refuse('a transfer is sealed when its entries are there');
CREATE FUNCTION transfers_settle_what_is_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM transfers h
        WHERE h.task_id = NEW.task_id AND h.kind = 'hold' AND h.amount = NEW.amount) THEN
        RAISE EXCEPTION 'only what is held is released or refunded';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER transfers_settle_what_is_held BEFORE INSERT ON transfers FOR EACH ROW
WHEN (NEW.kind <> 'hold')
EXECUTE FUNCTION transfers_settle_what_is_held();
CREATE FUNCTION transfers_continue_the_chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (NEW.seq = 1 AND NEW.prev = decode(repeat('00', 32), 'hex')) AND NOT EXISTS (
        SELECT 1 FROM transfers b WHERE b.seq = NEW.seq - 1 AND b.hash = NEW.prev AND b.sealed) THEN
        RAISE EXCEPTION 'a transfer follows the last one, which is sealed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER transfers_continue_the_chain BEFORE INSERT ON transfers FOR EACH ROW
EXECUTE FUNCTION transfers_continue_the_chain();
CREATE FUNCTION entries_come_before_the_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT t.sealed FROM transfers t WHERE t.id = NEW.transfer_id) THEN
        RAISE EXCEPTION 'a sealed transfer takes no more entries';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER entries_come_before_the_seal BEFORE INSERT ON entries FOR EACH ROW
EXECUTE FUNCTION entries_come_before_the_seal();
CREATE FUNCTION transfers_are_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE transfers SET sealed = TRUE WHERE id = NEW.id AND NOT sealed;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER transfers_are_sealed AFTER INSERT ON transfers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
EXECUTE FUNCTION transfers_are_sealed();
