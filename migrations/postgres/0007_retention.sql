-- Long bodies go some time after their task has ended. The small rows stay: states, events, prices, scores, money.
ALTER TABLE tasks ADD COLUMN ended_at TIMESTAMPTZ;
ALTER TABLE tasks ADD COLUMN bodies_removed_at TIMESTAMPTZ;
UPDATE tasks SET ended_at = (
    SELECT MAX(e.at) FROM task_events e WHERE e.task_id = tasks.id AND e.to_state = tasks.state)
WHERE state IN ('completed', 'cancelled', 'expired');
CREATE INDEX tasks_with_bodies ON tasks (ended_at) WHERE ended_at IS NOT NULL AND bodies_removed_at IS NULL;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- When a task ended is told by its last event, whichever release writes that.
CREATE FUNCTION tasks_end_with_their_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasks SET ended_at = NEW.at WHERE id = NEW.task_id;
    RETURN NULL;
END $$;
CREATE TRIGGER tasks_end_with_their_event AFTER INSERT ON task_events FOR EACH ROW
WHEN (NEW.to_state IN ('completed', 'cancelled', 'expired'))
EXECUTE FUNCTION tasks_end_with_their_event();

CREATE TRIGGER tasks_lose_their_bodies_once BEFORE UPDATE OF bodies_removed_at ON tasks FOR EACH ROW
WHEN (NEW.bodies_removed_at IS DISTINCT FROM OLD.bodies_removed_at
    AND (OLD.bodies_removed_at IS NOT NULL OR NEW.state NOT IN ('completed', 'cancelled', 'expired')))
EXECUTE FUNCTION refuse('the bodies of a task are removed once, and after its end');

-- Bodies are deleted only of a task that says so.
CREATE FUNCTION bodies_have_their_time(task UUID, bodies TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = task AND t.bodies_removed_at IS NOT NULL) THEN
        RAISE EXCEPTION '% are never deleted before their time', bodies;
    END IF;
END $$;
CREATE FUNCTION answers_are_final_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM bodies_have_their_time(COALESCE(
        (SELECT b.task_id FROM bids b WHERE b.id = OLD.owner_id),
        (SELECT d.task_id FROM deliveries d WHERE d.id = OLD.owner_id)), 'answers');
    RETURN OLD;
END $$;
DROP TRIGGER answers_are_final_delete ON answers;
CREATE TRIGGER answers_are_final_delete BEFORE DELETE ON answers FOR EACH ROW
EXECUTE FUNCTION answers_are_final_delete();
CREATE FUNCTION verdicts_are_final_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM bodies_have_their_time((SELECT b.task_id FROM bids b WHERE b.id = OLD.bid_id), 'verdicts');
    RETURN OLD;
END $$;
DROP TRIGGER verdicts_are_final_delete ON verdicts;
CREATE TRIGGER verdicts_are_final_delete BEFORE DELETE ON verdicts FOR EACH ROW
EXECUTE FUNCTION verdicts_are_final_delete();
CREATE FUNCTION bodies_are_final_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM bodies_have_their_time(OLD.task_id, TG_TABLE_NAME);
    RETURN OLD;
END $$;
DROP TRIGGER decisions_are_final_delete ON decisions;
CREATE TRIGGER decisions_are_final_delete BEFORE DELETE ON decisions FOR EACH ROW
EXECUTE FUNCTION bodies_are_final_delete();
DROP TRIGGER letters_are_final_delete ON letters;
CREATE TRIGGER letters_are_final_delete BEFORE DELETE ON letters FOR EACH ROW
EXECUTE FUNCTION bodies_are_final_delete();
