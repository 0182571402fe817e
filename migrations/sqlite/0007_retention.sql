-- Long bodies go some time after their task has ended. The small rows stay: states, events, prices, scores, money.
ALTER TABLE tasks ADD COLUMN ended_at TEXT;
ALTER TABLE tasks ADD COLUMN bodies_removed_at TEXT;
UPDATE tasks SET ended_at = (
    SELECT MAX(e.at) FROM task_events e WHERE e.task_id = tasks.id AND e.to_state = tasks.state)
WHERE state IN ('completed', 'cancelled', 'expired');
CREATE INDEX tasks_with_bodies ON tasks (ended_at) WHERE ended_at IS NOT NULL AND bodies_removed_at IS NULL;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- When a task ended is told by its last event, whichever release writes that.
CREATE TRIGGER tasks_end_with_their_event AFTER INSERT ON task_events
WHEN NEW.to_state IN ('completed', 'cancelled', 'expired')
BEGIN UPDATE tasks SET ended_at = NEW.at WHERE id = NEW.task_id; END;

CREATE TRIGGER tasks_lose_their_bodies_once BEFORE UPDATE OF bodies_removed_at ON tasks
WHEN NEW.bodies_removed_at IS NOT OLD.bodies_removed_at
    AND (OLD.bodies_removed_at IS NOT NULL OR NEW.state NOT IN ('completed', 'cancelled', 'expired'))
BEGIN SELECT RAISE(ABORT, 'the bodies of a task are removed once, and after its end'); END;

-- Bodies are deleted only of a task that says so.
DROP TRIGGER answers_are_final_delete;
CREATE TRIGGER answers_are_final_delete BEFORE DELETE ON answers
WHEN NOT EXISTS (SELECT 1 FROM tasks t WHERE t.bodies_removed_at IS NOT NULL AND t.id = COALESCE(
    (SELECT b.task_id FROM bids b WHERE b.id = OLD.owner_id),
    (SELECT d.task_id FROM deliveries d WHERE d.id = OLD.owner_id)))
BEGIN SELECT RAISE(ABORT, 'answers are never deleted before their time'); END;
DROP TRIGGER verdicts_are_final_delete;
CREATE TRIGGER verdicts_are_final_delete BEFORE DELETE ON verdicts
WHEN NOT EXISTS (SELECT 1 FROM bids b JOIN tasks t ON t.id = b.task_id
    WHERE b.id = OLD.bid_id AND t.bodies_removed_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'verdicts are never deleted before their time'); END;
DROP TRIGGER decisions_are_final_delete;
CREATE TRIGGER decisions_are_final_delete BEFORE DELETE ON decisions
WHEN NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = OLD.task_id AND t.bodies_removed_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'decisions are never deleted before their time'); END;
DROP TRIGGER letters_are_final_delete;
CREATE TRIGGER letters_are_final_delete BEFORE DELETE ON letters
WHEN NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = OLD.task_id AND t.bodies_removed_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'letters are never deleted before their time'); END;
