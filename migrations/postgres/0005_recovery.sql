-- An answer that is kept for a repetition may show secrets: it is sealed. What happens outside the database holds its
-- key until then.
ALTER TABLE idempotency ADD COLUMN sealed BYTEA;
ALTER TABLE idempotency ADD COLUMN held_until TIMESTAMPTZ;

-- Steps of a task that failed one after the other, and tasks that were set aside because nothing helped.
ALTER TABLE tasks ADD COLUMN failures BIGINT NOT NULL DEFAULT 0 CHECK (failures >= 0);
ALTER TABLE tasks ADD COLUMN dead_at TIMESTAMPTZ;
ALTER TABLE tasks ADD COLUMN dead_reason TEXT;
CREATE INDEX tasks_leased ON tasks (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX tasks_dead ON tasks (dead_at) WHERE dead_at IS NOT NULL;
