-- One exchange per call of an invitation (mode, revision), whatever carries it: a POST that is answered, a POST and a
-- callback, or a worker that fetches. While it has begun and not ended it takes one of the agent's places.
CREATE TABLE exchanges (
    invitation_id   BLOB    NOT NULL REFERENCES invitations (id),
    mode            TEXT    NOT NULL CHECK (mode IN ('prototype', 'final')),
    revision        INTEGER NOT NULL,
    agent_id        BLOB    NOT NULL REFERENCES agents (id),
    execution_mode  TEXT    NOT NULL CHECK (execution_mode IN ('sync', 'async', 'pull')),
    deadline_at     TEXT    NOT NULL,
    own_limit       INTEGER NOT NULL CHECK (own_limit IN (0, 1)),
    began_at        TEXT,
    acknowledged_at TEXT,
    lease           INTEGER NOT NULL DEFAULT 0,
    lease_until     TEXT,
    -- the result that came by callback or from a worker; while the exchange is open, the last one that was refused
    result_at       TEXT,
    message_id      TEXT,
    code            TEXT,
    warnings        TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(warnings)),
    error_body      TEXT,
    outcome         TEXT,
    ended_at        TEXT,
    PRIMARY KEY (invitation_id, mode, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX exchanges_open ON exchanges (agent_id, deadline_at) WHERE ended_at IS NULL;

INSERT INTO exchanges (invitation_id, mode, revision, agent_id, execution_mode, deadline_at, own_limit, began_at)
SELECT i.id, 'prototype', 0, i.agent_id, 'sync', i.deadline_at, i.own_limit,
    (SELECT MIN(t.started_at) FROM attempts t WHERE t.invitation_id = i.id AND t.mode = 'prototype')
FROM invitations i WHERE i.outcome IS NULL;

-- What was sent, once per round, mode and revision: the same for every agent, but for the keys of asynchronous ones.
CREATE TABLE letters (
    task_id  BLOB    NOT NULL REFERENCES tasks (id),
    round    INTEGER NOT NULL,
    mode     TEXT    NOT NULL CHECK (mode IN ('prototype', 'final')),
    revision INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (task_id, round, mode, revision)
) STRICT, WITHOUT ROWID;

-- A worker may fetch more often than we may send; every send keeps what went over the wire.
CREATE TABLE attempts_2 (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    invitation_id BLOB    NOT NULL REFERENCES invitations (id),
    agent_id      BLOB    NOT NULL REFERENCES agents (id),
    mode          TEXT    NOT NULL CHECK (mode IN ('prototype', 'final')),
    revision      INTEGER NOT NULL,
    number        INTEGER NOT NULL CHECK (number > 0),
    fetched       INTEGER NOT NULL DEFAULT 0 CHECK (fetched IN (0, 1)),
    started_at    TEXT    NOT NULL,
    ended_at      TEXT,
    status        INTEGER,
    code          TEXT,
    warnings      TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(warnings)),
    error_body    TEXT,
    trace         TEXT    CHECK (trace IS NULL OR json_valid(trace)),
    agent_version TEXT,
    CHECK (fetched = 1 OR number <= 2),
    UNIQUE (invitation_id, mode, revision, number)
) STRICT;
INSERT INTO attempts_2 (id, invitation_id, agent_id, mode, revision, number, started_at, ended_at, status, code, warnings, error_body)
SELECT t.id, t.invitation_id, i.agent_id, t.mode, t.revision, t.number, t.started_at, t.ended_at, t.status, t.code,
    t.warnings, t.error_body
FROM attempts t JOIN invitations i ON i.id = t.invitation_id;
DROP TABLE attempts;
ALTER TABLE attempts_2 RENAME TO attempts;
CREATE INDEX attempts_by_agent ON attempts (agent_id, id);

-- Health: when to look again, since when it fails, what the agent says of itself, when a worker was last seen.
ALTER TABLE agents ADD COLUMN probed_at TEXT;
ALTER TABLE agents ADD COLUMN next_probe_at TEXT;
ALTER TABLE agents ADD COLUMN failing_since TEXT;
ALTER TABLE agents ADD COLUMN probe_problem TEXT;
ALTER TABLE agents ADD COLUMN version TEXT;
ALTER TABLE agents ADD COLUMN drift TEXT;
ALTER TABLE agents ADD COLUMN seen_at TEXT;
UPDATE agents SET next_probe_at = created_at;
CREATE INDEX agents_by_probe ON agents (next_probe_at);

-- Rotation: until `promotes_at` requests carry both signatures, from then on the pending secret is the current one.
ALTER TABLE agents ADD COLUMN pending_secret BLOB;
ALTER TABLE agents ADD COLUMN promotes_at TEXT;
