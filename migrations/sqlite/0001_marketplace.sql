-- The whole of the first version: accounts and agents, tasks and what agents answered, money.
-- Small state rows stand apart from the long bodies (answers, verdicts, decisions).
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE accounts (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name       TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    account_id   BLOB    NOT NULL REFERENCES accounts (id),
    hash         BLOB    NOT NULL UNIQUE,
    scope        TEXT    NOT NULL CHECK (scope IN ('task_poster', 'agent_manager', 'admin')),
    read_only    INTEGER NOT NULL CHECK (read_only IN (0, 1)),
    test         INTEGER NOT NULL CHECK (test IN (0, 1)),
    created_at   TEXT    NOT NULL,
    last_used_at TEXT,
    revoked_at   TEXT
) STRICT;

CREATE TABLE developers (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    account_id BLOB NOT NULL UNIQUE REFERENCES accounts (id),
    name       TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE agents (
    id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    draw_number      INTEGER NOT NULL UNIQUE,
    developer_id     BLOB    NOT NULL REFERENCES developers (id),
    test             INTEGER NOT NULL CHECK (test IN (0, 1)),
    name             TEXT    NOT NULL,
    slug             TEXT    NOT NULL UNIQUE,
    description      TEXT    NOT NULL,
    capabilities     TEXT    NOT NULL CHECK (json_valid(capabilities)),
    specialist_types TEXT    NOT NULL CHECK (json_valid(specialist_types)),
    framework        TEXT,
    model            TEXT,
    endpoint_url     TEXT    NOT NULL,
    execution_mode   TEXT    NOT NULL,
    max_concurrency  INTEGER NOT NULL CHECK (max_concurrency > 0),
    min_price        INTEGER NOT NULL CHECK (min_price >= 0),
    active           INTEGER NOT NULL CHECK (active IN (0, 1)),
    visibility       TEXT    NOT NULL CHECK (visibility IN ('live', 'beta', 'coming_soon', 'draft', 'hidden')),
    paused           INTEGER NOT NULL CHECK (paused IN (0, 1)),
    sealed_secret    BLOB    NOT NULL,
    health_fails     INTEGER NOT NULL DEFAULT 0,
    last_probe       TEXT    NOT NULL DEFAULT 'unknown' CHECK (last_probe IN ('passing', 'failing', 'unknown')),
    created_at       TEXT    NOT NULL,
    activated_at     TEXT,
    -- the record, kept up to date with every outcome
    real_tasks       INTEGER NOT NULL DEFAULT 0,
    recent           TEXT    NOT NULL DEFAULT '',
    last_active_at   TEXT
) STRICT;
CREATE INDEX agents_by_developer ON agents (developer_id);

CREATE TABLE agent_capabilities (
    agent_id BLOB NOT NULL REFERENCES agents (id),
    category TEXT NOT NULL,
    PRIMARY KEY (category, agent_id)
) STRICT, WITHOUT ROWID;

-- The last judged scores of an agent in a category, oldest first: what its rolling score is made of.
CREATE TABLE standings (
    agent_id BLOB NOT NULL REFERENCES agents (id),
    category TEXT NOT NULL,
    scores   TEXT NOT NULL CHECK (json_valid(scores)),
    PRIMARY KEY (agent_id, category)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    account_id      BLOB    NOT NULL REFERENCES accounts (id),
    test            INTEGER NOT NULL CHECK (test IN (0, 1)),
    title           TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    category        TEXT    NOT NULL,
    task_type       TEXT    NOT NULL,
    requirements    TEXT    NOT NULL CHECK (json_valid(requirements)),
    output_spec     TEXT    CHECK (output_spec IS NULL OR json_valid(output_spec)),
    quality_rules   TEXT    NOT NULL CHECK (json_valid(quality_rules)),
    attachments     TEXT    NOT NULL CHECK (json_valid(attachments)),
    user_first_name TEXT,
    brand_kit_id    BLOB,
    metadata        TEXT    CHECK (metadata IS NULL OR json_valid(metadata)),
    budget          INTEGER NOT NULL CHECK (budget > 0),
    wishes          TEXT    NOT NULL CHECK (json_valid(wishes)),
    round           INTEGER NOT NULL CHECK (round > 0),
    state           TEXT    NOT NULL CHECK (state IN ('open', 'matching', 'prototyping', 'review', 'accepted',
                                                      'delivering', 'completed', 'cancelled', 'expired')),
    reason          TEXT,
    under_supplied  INTEGER NOT NULL DEFAULT 0 CHECK (under_supplied IN (0, 1)),
    created_at      TEXT    NOT NULL,
    expires_at      TEXT,
    event_seq       INTEGER NOT NULL,
    -- the loop's part: when to look next, who looks, and the fence that outlives a lost lease
    ready_at        TEXT,
    lease_owner     TEXT,
    lease_until     TEXT,
    fence           INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tasks_ready ON tasks (ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX tasks_by_account ON tasks (account_id, id);

CREATE TABLE decisions (
    task_id    BLOB    NOT NULL REFERENCES tasks (id),
    round      INTEGER NOT NULL,
    document   TEXT    NOT NULL CHECK (json_valid(document)),
    decided_at TEXT    NOT NULL,
    PRIMARY KEY (task_id, round)
) STRICT;

CREATE TABLE invitations (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    task_id     BLOB    NOT NULL REFERENCES tasks (id),
    round       INTEGER NOT NULL,
    agent_id    BLOB    NOT NULL REFERENCES agents (id),
    created_at  TEXT    NOT NULL,
    deadline_at TEXT    NOT NULL,
    own_limit   INTEGER NOT NULL CHECK (own_limit IN (0, 1)),
    boosted     INTEGER NOT NULL CHECK (boosted IN (0, 1)),
    outcome     TEXT,
    detail      TEXT,
    ended_at    TEXT,
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    UNIQUE (task_id, round, agent_id)
) STRICT;
CREATE INDEX invitations_open ON invitations (agent_id) WHERE outcome IS NULL;
CREATE INDEX invitations_by_agent ON invitations (agent_id, id);
CREATE INDEX invitations_boosted ON invitations (created_at) WHERE boosted = 1;

CREATE TABLE attempts (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    invitation_id BLOB    NOT NULL REFERENCES invitations (id),
    mode          TEXT    NOT NULL CHECK (mode IN ('prototype', 'final')),
    revision      INTEGER NOT NULL,
    number        INTEGER NOT NULL CHECK (number BETWEEN 1 AND 2),
    started_at    TEXT    NOT NULL,
    ended_at      TEXT,
    status        INTEGER,
    code          TEXT,
    warnings      TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(warnings)),
    error_body    TEXT,
    UNIQUE (invitation_id, mode, revision, number)
) STRICT;

CREATE TABLE bids (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    task_id       BLOB    NOT NULL REFERENCES tasks (id),
    round         INTEGER NOT NULL,
    invitation_id BLOB    NOT NULL UNIQUE REFERENCES invitations (id),
    agent_id      BLOB    NOT NULL REFERENCES agents (id),
    status        TEXT    NOT NULL CHECK (status IN ('received', 'scored', 'presented', 'selected', 'not_selected')),
    price         INTEGER NOT NULL CHECK (price > 0),
    score         INTEGER,
    presented     INTEGER NOT NULL DEFAULT 0 CHECK (presented IN (0, 1)),
    received_at   TEXT    NOT NULL
) STRICT;
CREATE INDEX bids_by_task ON bids (task_id, round);
CREATE INDEX bids_by_agent ON bids (agent_id, id);
-- One winner per task, whatever races.
CREATE UNIQUE INDEX bids_one_winner ON bids (task_id) WHERE status = 'selected';

-- The long bodies of bids and deliveries, written once. The owner is a bid's or a delivery's id.
CREATE TABLE answers (
    owner_id    BLOB NOT NULL PRIMARY KEY CHECK (length(owner_id) = 16),
    full_text   TEXT NOT NULL,
    summary     TEXT NOT NULL,
    message     TEXT,
    artifacts   TEXT NOT NULL CHECK (json_valid(artifacts)),
    token_usage TEXT CHECK (token_usage IS NULL OR json_valid(token_usage))
) STRICT;

CREATE TABLE verdicts (
    bid_id    BLOB    NOT NULL REFERENCES bids (id),
    judge     TEXT    NOT NULL,
    composite INTEGER NOT NULL,
    document  TEXT    NOT NULL CHECK (json_valid(document)),
    judged_at TEXT    NOT NULL,
    PRIMARY KEY (bid_id, judge)
) STRICT;

CREATE TABLE deliveries (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    task_id     BLOB    NOT NULL REFERENCES tasks (id),
    bid_id      BLOB    NOT NULL REFERENCES bids (id),
    revision    INTEGER NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('pending', 'ready', 'revision_requested', 'disputed', 'approved', 'failed')),
    notes       TEXT,
    deadline_at TEXT    NOT NULL,
    ready_at    TEXT,
    UNIQUE (task_id, revision)
) STRICT;

CREATE TABLE task_events (
    task_id    BLOB    NOT NULL REFERENCES tasks (id),
    seq        INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    from_state TEXT,
    to_state   TEXT,
    actor      TEXT    NOT NULL,
    reason     TEXT,
    data       TEXT    NOT NULL CHECK (json_valid(data)),
    at         TEXT    NOT NULL,
    PRIMARY KEY (task_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    account_id  BLOB    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    status      INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    created_at  TEXT    NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;

-- Money: append-only, double entry, chained by hash.
CREATE TABLE transfers (
    id       BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    seq      INTEGER NOT NULL UNIQUE,
    task_id  BLOB    NOT NULL REFERENCES tasks (id),
    kind     TEXT    NOT NULL CHECK (kind IN ('hold', 'release', 'refund')),
    key      TEXT    NOT NULL UNIQUE,
    amount   INTEGER NOT NULL CHECK (amount > 0),
    at       TEXT    NOT NULL,
    prev     BLOB    NOT NULL,
    hash     BLOB    NOT NULL,
    UNIQUE (task_id, kind)
) STRICT;
-- Held money goes one way, once: released or refunded.
CREATE UNIQUE INDEX transfers_settle_once ON transfers (task_id) WHERE kind IN ('release', 'refund');

CREATE TABLE entries (
    transfer_id BLOB    NOT NULL REFERENCES transfers (id),
    line        INTEGER NOT NULL,
    account     TEXT    NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (transfer_id, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_by_account ON entries (account);

CREATE TRIGGER transfers_are_final_update BEFORE UPDATE ON transfers BEGIN SELECT RAISE(ABORT, 'transfers are never edited'); END;
CREATE TRIGGER transfers_are_final_delete BEFORE DELETE ON transfers BEGIN SELECT RAISE(ABORT, 'transfers are never deleted'); END;
CREATE TRIGGER entries_are_final_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never edited'); END;
CREATE TRIGGER entries_are_final_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;
