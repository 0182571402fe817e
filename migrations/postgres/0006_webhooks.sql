-- Who wants to be told of which events, and where. Secrets are derived from the id and the version: none is stored.
CREATE TABLE webhook_subscriptions (
    id              UUID NOT NULL PRIMARY KEY,
    account_id      UUID NOT NULL REFERENCES accounts (id),
    test            BOOLEAN NOT NULL,
    url             TEXT NOT NULL,
    host            TEXT NOT NULL,
    topics          TEXT,
    description     TEXT,
    secret_version  BIGINT NOT NULL CHECK (secret_version > 0),
    promotes_at     TIMESTAMPTZ,
    created_at      TIMESTAMPTZ NOT NULL,
    -- how its endpoint is doing
    fails           BIGINT NOT NULL DEFAULT 0,
    failing_since   TIMESTAMPTZ,
    failed_at       TIMESTAMPTZ,
    quiet_until     TIMESTAMPTZ,
    delivered_at    TIMESTAMPTZ,
    disabled_at     TIMESTAMPTZ,
    disabled_reason TEXT,
    deleted_at      TIMESTAMPTZ,
    -- when to look at its deliveries next
    due_at          TIMESTAMPTZ,
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
CREATE INDEX webhook_subscriptions_by_account ON webhook_subscriptions (account_id, test, id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_subscriptions_due ON webhook_subscriptions (due_at) WHERE due_at IS NOT NULL;

-- The outbox: an event of which somebody wants to hear, written with the event itself; the body once it is passed on.
CREATE TABLE webhook_events (
    task_id    UUID NOT NULL,
    seq        BIGINT NOT NULL,
    account_id UUID NOT NULL REFERENCES accounts (id),
    test       BOOLEAN NOT NULL,
    topic      TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    body       TEXT,
    relayed_at TIMESTAMPTZ,
    PRIMARY KEY (task_id, seq),
    FOREIGN KEY (task_id, seq) REFERENCES task_events (task_id, seq),
    CHECK ((relayed_at IS NULL) = (body IS NULL))
);
CREATE INDEX webhook_events_waiting ON webhook_events (created_at) WHERE relayed_at IS NULL;

-- One event on its way to one subscription. `attempts` counts every try, and guards a result: of an older try it is void.
CREATE TABLE webhook_deliveries (
    id              UUID NOT NULL PRIMARY KEY,
    subscription_id UUID NOT NULL REFERENCES webhook_subscriptions (id),
    task_id         UUID NOT NULL,
    seq             BIGINT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'exhausted')),
    tries           BIGINT NOT NULL DEFAULT 0, -- of the present run of the schedule
    attempts        BIGINT NOT NULL DEFAULT 0,
    next_at         TIMESTAMPTZ,
    lease_until     TIMESTAMPTZ,
    created_at      TIMESTAMPTZ NOT NULL,
    ended_at        TIMESTAMPTZ,
    UNIQUE (task_id, seq, subscription_id),
    FOREIGN KEY (task_id, seq) REFERENCES webhook_events (task_id, seq),
    CHECK ((state = 'pending') = (next_at IS NOT NULL)),
    CHECK ((state = 'pending') = (ended_at IS NULL))
);
CREATE INDEX webhook_deliveries_next ON webhook_deliveries (subscription_id, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (subscription_id, lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (subscription_id, id);

-- Every try, written before it leaves.
CREATE TABLE webhook_attempts (
    delivery_id UUID NOT NULL REFERENCES webhook_deliveries (id),
    number      BIGINT NOT NULL,
    started_at  TIMESTAMPTZ NOT NULL,
    ended_at    TIMESTAMPTZ,
    status      BIGINT,
    problem     TEXT,
    response    TEXT,
    PRIMARY KEY (delivery_id, number)
);
