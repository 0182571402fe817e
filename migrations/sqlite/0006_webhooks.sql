-- Who wants to be told of which events, and where. Secrets are derived from the id and the version: none is stored.
CREATE TABLE webhook_subscriptions (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    account_id      BLOB    NOT NULL REFERENCES accounts (id),
    test            INTEGER NOT NULL CHECK (test IN (0, 1)),
    url             TEXT    NOT NULL,
    host            TEXT    NOT NULL,
    topics          TEXT    CHECK (topics IS NULL OR json_valid(topics)),
    description     TEXT,
    secret_version  INTEGER NOT NULL CHECK (secret_version > 0),
    promotes_at     TEXT,
    created_at      TEXT    NOT NULL,
    -- how its endpoint is doing
    fails           INTEGER NOT NULL DEFAULT 0,
    failing_since   TEXT,
    failed_at       TEXT,
    quiet_until     TEXT,
    delivered_at    TEXT,
    disabled_at     TEXT,
    disabled_reason TEXT,
    deleted_at      TEXT,
    -- when to look at its deliveries next
    due_at          TEXT,
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
) STRICT;
CREATE INDEX webhook_subscriptions_by_account ON webhook_subscriptions (account_id, test, id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_subscriptions_due ON webhook_subscriptions (due_at) WHERE due_at IS NOT NULL;

-- The outbox: an event of which somebody wants to hear, written with the event itself; the body once it is passed on.
CREATE TABLE webhook_events (
    task_id    BLOB    NOT NULL,
    seq        INTEGER NOT NULL,
    account_id BLOB    NOT NULL REFERENCES accounts (id),
    test       INTEGER NOT NULL CHECK (test IN (0, 1)),
    topic      TEXT    NOT NULL,
    created_at TEXT    NOT NULL,
    body       TEXT    CHECK (body IS NULL OR json_valid(body)),
    relayed_at TEXT,
    PRIMARY KEY (task_id, seq),
    FOREIGN KEY (task_id, seq) REFERENCES task_events (task_id, seq),
    CHECK ((relayed_at IS NULL) = (body IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_events_waiting ON webhook_events (created_at) WHERE relayed_at IS NULL;

-- One event on its way to one subscription. `attempts` counts every try, and guards a result: of an older try it is void.
CREATE TABLE webhook_deliveries (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    subscription_id BLOB    NOT NULL REFERENCES webhook_subscriptions (id),
    task_id         BLOB    NOT NULL,
    seq             INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'exhausted')),
    tries           INTEGER NOT NULL DEFAULT 0, -- of the present run of the schedule
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_at         TEXT,
    lease_until     TEXT,
    created_at      TEXT    NOT NULL,
    ended_at        TEXT,
    UNIQUE (task_id, seq, subscription_id),
    FOREIGN KEY (task_id, seq) REFERENCES webhook_events (task_id, seq),
    CHECK ((state = 'pending') = (next_at IS NOT NULL)),
    CHECK ((state = 'pending') = (ended_at IS NULL))
) STRICT;
CREATE INDEX webhook_deliveries_next ON webhook_deliveries (subscription_id, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (subscription_id, lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (subscription_id, id);

-- Every try, written before it leaves.
CREATE TABLE webhook_attempts (
    delivery_id BLOB    NOT NULL REFERENCES webhook_deliveries (id),
    number      INTEGER NOT NULL,
    started_at  TEXT    NOT NULL,
    ended_at    TEXT,
    status      INTEGER,
    problem     TEXT,
    response    TEXT,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;
