-- One exchange per call of an invitation (mode, revision), whatever carries it: a POST that is answered, a POST and a
-- callback, or a worker that fetches. While it has begun and not ended it takes one of the agent's places.
CREATE TABLE exchanges (
    invitation_id   UUID    NOT NULL REFERENCES invitations (id),
    mode            TEXT    NOT NULL CHECK (mode IN ('prototype', 'final')),
    revision        BIGINT NOT NULL,
    agent_id        UUID    NOT NULL REFERENCES agents (id),
    execution_mode  TEXT    NOT NULL CHECK (execution_mode IN ('sync', 'async', 'pull')),
    deadline_at     TIMESTAMPTZ    NOT NULL,
    own_limit       BOOLEAN NOT NULL,
    began_at        TIMESTAMPTZ,
    acknowledged_at TIMESTAMPTZ,
    lease           BIGINT NOT NULL DEFAULT 0,
    lease_until     TIMESTAMPTZ,
    -- the result that came by callback or from a worker; while the exchange is open, the last one that was refused
    result_at       TIMESTAMPTZ,
    message_id      TEXT,
    code            TEXT,
    warnings        TEXT    NOT NULL DEFAULT '[]',
    error_body      TEXT,
    outcome         TEXT,
    ended_at        TIMESTAMPTZ,
    PRIMARY KEY (invitation_id, mode, revision)
);
CREATE INDEX exchanges_open ON exchanges (agent_id, deadline_at) WHERE ended_at IS NULL;

INSERT INTO exchanges (invitation_id, mode, revision, agent_id, execution_mode, deadline_at, own_limit, began_at)
SELECT i.id, 'prototype', 0, i.agent_id, 'sync', i.deadline_at, i.own_limit,
    (SELECT MIN(t.started_at) FROM attempts t WHERE t.invitation_id = i.id AND t.mode = 'prototype')
FROM invitations i WHERE i.outcome IS NULL;

-- What was sent, once per round, mode and revision: the same for every agent, but for the keys of asynchronous ones.
CREATE TABLE letters (
    task_id  UUID    NOT NULL REFERENCES tasks (id),
    round    BIGINT NOT NULL,
    mode     TEXT    NOT NULL CHECK (mode IN ('prototype', 'final')),
    revision BIGINT NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (task_id, round, mode, revision)
);

-- A worker may fetch more often than we may send; every send keeps what went over the wire.
ALTER TABLE attempts DROP CONSTRAINT attempts_number_check;
ALTER TABLE attempts ADD COLUMN fetched BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE attempts ADD CHECK (number > 0 AND (fetched OR number <= 2));
ALTER TABLE attempts ADD COLUMN agent_id UUID REFERENCES agents (id);
UPDATE attempts SET agent_id = i.agent_id FROM invitations i WHERE i.id = attempts.invitation_id;
ALTER TABLE attempts ALTER COLUMN agent_id SET NOT NULL;
ALTER TABLE attempts ADD COLUMN trace TEXT;
ALTER TABLE attempts ADD COLUMN agent_version TEXT;
CREATE INDEX attempts_by_agent ON attempts (agent_id, id);

-- Health: when to look again, since when it fails, what the agent says of itself, when a worker was last seen.
ALTER TABLE agents ADD COLUMN probed_at TIMESTAMPTZ;
ALTER TABLE agents ADD COLUMN next_probe_at TIMESTAMPTZ;
ALTER TABLE agents ADD COLUMN failing_since TIMESTAMPTZ;
ALTER TABLE agents ADD COLUMN probe_problem TEXT;
ALTER TABLE agents ADD COLUMN version TEXT;
ALTER TABLE agents ADD COLUMN drift TEXT;
ALTER TABLE agents ADD COLUMN seen_at TIMESTAMPTZ;
UPDATE agents SET next_probe_at = created_at;
CREATE INDEX agents_by_probe ON agents (next_probe_at);

-- Rotation: until `promotes_at` requests carry both signatures, from then on the pending secret is the current one.
ALTER TABLE agents ADD COLUMN pending_secret BYTEA;
ALTER TABLE agents ADD COLUMN promotes_at TIMESTAMPTZ;
