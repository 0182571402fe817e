-- The whole of the first version: accounts and agents, tasks and what agents answered, money.
-- Small state rows stand apart from the long bodies (answers, verdicts, decisions).
CREATE TABLE meta (key TEXT COLLATE "C" NOT NULL PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE accounts (
    id         UUID NOT NULL PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE api_keys (
    id           UUID    NOT NULL PRIMARY KEY,
    account_id   UUID    NOT NULL REFERENCES accounts (id),
    hash         BYTEA    NOT NULL UNIQUE,
    scope        TEXT    NOT NULL CHECK (scope IN ('task_poster', 'agent_manager', 'admin')),
    read_only    BOOLEAN NOT NULL,
    test         BOOLEAN NOT NULL,
    created_at   TIMESTAMPTZ    NOT NULL,
    last_used_at TIMESTAMPTZ,
    revoked_at   TIMESTAMPTZ
);

CREATE TABLE developers (
    id         UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL UNIQUE REFERENCES accounts (id),
    name       TEXT COLLATE "C" NOT NULL,
    sealed_key BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE agents (
    id               UUID    NOT NULL PRIMARY KEY,
    draw_number      BIGINT NOT NULL UNIQUE,
    developer_id     UUID    NOT NULL REFERENCES developers (id),
    test             BOOLEAN NOT NULL,
    name             TEXT COLLATE "C"    NOT NULL,
    slug             TEXT COLLATE "C"    NOT NULL UNIQUE,
    description      TEXT    NOT NULL,
    capabilities     TEXT    NOT NULL,
    specialist_types TEXT    NOT NULL,
    framework        TEXT,
    model            TEXT,
    endpoint_url     TEXT    NOT NULL,
    execution_mode   TEXT    NOT NULL,
    max_concurrency  BIGINT NOT NULL CHECK (max_concurrency > 0),
    min_price        BIGINT NOT NULL CHECK (min_price >= 0),
    active           BOOLEAN NOT NULL,
    visibility       TEXT    NOT NULL CHECK (visibility IN ('live', 'beta', 'coming_soon', 'draft', 'hidden')),
    paused           BOOLEAN NOT NULL,
    sealed_secret    BYTEA    NOT NULL,
    health_fails     BIGINT NOT NULL DEFAULT 0,
    last_probe       TEXT    NOT NULL DEFAULT 'unknown' CHECK (last_probe IN ('passing', 'failing', 'unknown')),
    created_at       TIMESTAMPTZ    NOT NULL,
    activated_at     TIMESTAMPTZ,
    -- the record, kept up to date with every outcome
    real_tasks       BIGINT NOT NULL DEFAULT 0,
    recent           TEXT    NOT NULL DEFAULT '',
    last_active_at   TIMESTAMPTZ
);
CREATE INDEX agents_by_developer ON agents (developer_id);

CREATE TABLE agent_capabilities (
    agent_id UUID NOT NULL REFERENCES agents (id),
    category TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (category, agent_id)
);

-- The last judged scores of an agent in a category, oldest first: what its rolling score is made of.
CREATE TABLE standings (
    agent_id UUID NOT NULL REFERENCES agents (id),
    category TEXT COLLATE "C" NOT NULL,
    scores   TEXT NOT NULL,
    PRIMARY KEY (agent_id, category)
);

CREATE TABLE tasks (
    id              UUID    NOT NULL PRIMARY KEY,
    account_id      UUID    NOT NULL REFERENCES accounts (id),
    test            BOOLEAN NOT NULL,
    title           TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    category        TEXT COLLATE "C"    NOT NULL,
    task_type       TEXT    NOT NULL,
    requirements    TEXT    NOT NULL,
    output_spec     TEXT   ,
    quality_rules   TEXT    NOT NULL,
    attachments     TEXT    NOT NULL,
    user_first_name TEXT,
    brand_kit_id    UUID,
    metadata        TEXT   ,
    budget          BIGINT NOT NULL CHECK (budget > 0),
    wishes          TEXT    NOT NULL,
    round           BIGINT NOT NULL CHECK (round > 0),
    state           TEXT    NOT NULL CHECK (state IN ('open', 'matching', 'prototyping', 'review', 'accepted',
                                                      'delivering', 'completed', 'cancelled', 'expired')),
    reason          TEXT,
    under_supplied  BOOLEAN NOT NULL DEFAULT FALSE,
    created_at      TIMESTAMPTZ    NOT NULL,
    expires_at      TIMESTAMPTZ,
    event_seq       BIGINT NOT NULL,
    -- the loop's part: when to look next, who looks, and the fence that outlives a lost lease
    ready_at        TIMESTAMPTZ,
    lease_owner     TEXT,
    lease_until     TIMESTAMPTZ,
    fence           BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX tasks_ready ON tasks (ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX tasks_by_account ON tasks (account_id, id);

CREATE TABLE decisions (
    task_id    UUID    NOT NULL REFERENCES tasks (id),
    round      BIGINT NOT NULL,
    document   TEXT    NOT NULL,
    decided_at TIMESTAMPTZ    NOT NULL,
    PRIMARY KEY (task_id, round)
);

CREATE TABLE invitations (
    id          UUID    NOT NULL PRIMARY KEY,
    task_id     UUID    NOT NULL REFERENCES tasks (id),
    round       BIGINT NOT NULL,
    agent_id    UUID    NOT NULL REFERENCES agents (id),
    created_at  TIMESTAMPTZ    NOT NULL,
    deadline_at TIMESTAMPTZ    NOT NULL,
    own_limit   BOOLEAN NOT NULL,
    boosted     BOOLEAN NOT NULL,
    outcome     TEXT,
    detail      TEXT,
    ended_at    TIMESTAMPTZ,
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    UNIQUE (task_id, round, agent_id)
);
CREATE INDEX invitations_open ON invitations (agent_id) WHERE outcome IS NULL;
CREATE INDEX invitations_by_agent ON invitations (agent_id, id);
CREATE INDEX invitations_boosted ON invitations (created_at) WHERE boosted;

CREATE TABLE attempts (
    id            UUID    NOT NULL PRIMARY KEY,
    invitation_id UUID    NOT NULL REFERENCES invitations (id),
    mode          TEXT    NOT NULL CHECK (mode IN ('prototype', 'final')),
    revision      BIGINT NOT NULL,
    number        BIGINT NOT NULL CHECK (number BETWEEN 1 AND 2),
    started_at    TIMESTAMPTZ    NOT NULL,
    ended_at      TIMESTAMPTZ,
    status        BIGINT,
    code          TEXT,
    warnings      TEXT    NOT NULL DEFAULT '[]',
    error_body    TEXT,
    UNIQUE (invitation_id, mode, revision, number)
);

CREATE TABLE bids (
    id            UUID    NOT NULL PRIMARY KEY,
    task_id       UUID    NOT NULL REFERENCES tasks (id),
    round         BIGINT NOT NULL,
    invitation_id UUID    NOT NULL UNIQUE REFERENCES invitations (id),
    agent_id      UUID    NOT NULL REFERENCES agents (id),
    status        TEXT    NOT NULL CHECK (status IN ('received', 'scored', 'presented', 'selected', 'not_selected')),
    price         BIGINT NOT NULL CHECK (price > 0),
    score         BIGINT,
    presented     BOOLEAN NOT NULL DEFAULT FALSE,
    received_at   TIMESTAMPTZ    NOT NULL
);
CREATE INDEX bids_by_task ON bids (task_id, round);
CREATE INDEX bids_by_agent ON bids (agent_id, id);
-- One winner per task, whatever races.
CREATE UNIQUE INDEX bids_one_winner ON bids (task_id) WHERE status = 'selected';

-- The long bodies of bids and deliveries, written once. The owner is a bid's or a delivery's id.
CREATE TABLE answers (
    owner_id    UUID NOT NULL PRIMARY KEY,
    full_text   TEXT NOT NULL,
    summary     TEXT NOT NULL,
    message     TEXT,
    artifacts   TEXT NOT NULL,
    token_usage TEXT
);

CREATE TABLE verdicts (
    bid_id    UUID    NOT NULL REFERENCES bids (id),
    judge     TEXT    NOT NULL,
    composite BIGINT NOT NULL,
    document  TEXT    NOT NULL,
    judged_at TIMESTAMPTZ    NOT NULL,
    PRIMARY KEY (bid_id, judge)
);

CREATE TABLE deliveries (
    id          UUID    NOT NULL PRIMARY KEY,
    task_id     UUID    NOT NULL REFERENCES tasks (id),
    bid_id      UUID    NOT NULL REFERENCES bids (id),
    revision    BIGINT NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('pending', 'ready', 'revision_requested', 'disputed', 'approved', 'failed')),
    notes       TEXT,
    deadline_at TIMESTAMPTZ    NOT NULL,
    ready_at    TIMESTAMPTZ,
    UNIQUE (task_id, revision)
);

CREATE TABLE task_events (
    task_id    UUID    NOT NULL REFERENCES tasks (id),
    seq        BIGINT NOT NULL,
    kind       TEXT    NOT NULL,
    from_state TEXT,
    to_state   TEXT,
    actor      TEXT    NOT NULL,
    reason     TEXT,
    data       TEXT    NOT NULL,
    at         TIMESTAMPTZ    NOT NULL,
    PRIMARY KEY (task_id, seq)
);

CREATE TABLE idempotency (
    account_id  UUID    NOT NULL,
    key         TEXT COLLATE "C"    NOT NULL,
    fingerprint TEXT    NOT NULL,
    status      BIGINT NOT NULL,
    body        TEXT    NOT NULL,
    created_at  TIMESTAMPTZ    NOT NULL,
    PRIMARY KEY (account_id, key)
);

-- Money: append-only, double entry, chained by hash.
CREATE TABLE transfers (
    id       UUID    NOT NULL PRIMARY KEY,
    seq      BIGINT NOT NULL UNIQUE,
    task_id  UUID    NOT NULL REFERENCES tasks (id),
    kind     TEXT    NOT NULL CHECK (kind IN ('hold', 'release', 'refund')),
    key      TEXT COLLATE "C"    NOT NULL UNIQUE,
    amount   BIGINT NOT NULL CHECK (amount > 0),
    at       TIMESTAMPTZ    NOT NULL,
    prev     BYTEA    NOT NULL,
    hash     BYTEA    NOT NULL,
    UNIQUE (task_id, kind)
);
-- Held money goes one way, once: released or refunded.
CREATE UNIQUE INDEX transfers_settle_once ON transfers (task_id) WHERE kind IN ('release', 'refund');

CREATE TABLE entries (
    transfer_id UUID    NOT NULL REFERENCES transfers (id),
    line        BIGINT NOT NULL,
    account     TEXT COLLATE "C"    NOT NULL,
    amount      BIGINT NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (transfer_id, line)
);
CREATE INDEX entries_by_account ON entries (account);

CREATE FUNCTION ledger_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% rows are never edited or deleted', TG_TABLE_NAME; END $$;
CREATE TRIGGER transfers_are_final BEFORE UPDATE OR DELETE ON transfers FOR EACH ROW EXECUTE FUNCTION ledger_is_final();
CREATE TRIGGER entries_are_final BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION ledger_is_final();
