-- What tiers are made of, beside the scores: the last bids that a buyer chose among (1 won, 0 lost, oldest first), the tier
-- as of the latest event in the category, and for how many events it has been held.
ALTER TABLE standings ADD COLUMN shown TEXT NOT NULL DEFAULT '';
ALTER TABLE standings ADD COLUMN tier TEXT NOT NULL DEFAULT 'new_challenger'
    CHECK (tier IN ('new_challenger', 'challenger', 'rising_star', 'top_performer'));
ALTER TABLE standings ADD COLUMN dwell BIGINT NOT NULL DEFAULT 0 CHECK (dwell >= 0);
ALTER TABLE standings ADD COLUMN evidence TEXT;
UPDATE standings SET tier = 'challenger'
WHERE (SELECT a.real_tasks FROM agents a WHERE a.id = standings.agent_id) >= 10;

-- What is known of a category as a whole, where it is decided by thompson.
CREATE TABLE category_states (
    category TEXT NOT NULL,
    test     BOOLEAN NOT NULL,
    state    TEXT NOT NULL,
    PRIMARY KEY (category, test)
);

-- Types that an agent has said it does not do, how often in a row, and when it said so last.
CREATE TABLE agent_declines (
    agent_id  UUID        NOT NULL REFERENCES agents (id),
    task_type TEXT        NOT NULL,
    in_a_row  BIGINT      NOT NULL CHECK (in_a_row > 0),
    last_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (agent_id, task_type)
);

-- What decisions name by its hash: parameters, and candidates' facts. `used_at` is never more than a day behind.
CREATE TABLE contents (
    hash    BYTEA       NOT NULL PRIMARY KEY CHECK (length(hash) = 16),
    body    TEXT        NOT NULL,
    used_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX contents_by_use ON contents (used_at);
CREATE INDEX decisions_by_time ON decisions (decided_at);
CREATE TRIGGER contents_are_final BEFORE UPDATE OF hash, body ON contents FOR EACH ROW
WHEN (NEW.hash <> OLD.hash OR NEW.body <> OLD.body)
EXECUTE FUNCTION refuse('contents are never edited');

-- Whoever keeps agents in memory reads here whom to read again. The sequence is the writer's transaction: whoever has
-- seen all transactions before one (pg_snapshot_xmin) has seen all changes below it.
CREATE TABLE agent_changes (
    seq      BIGINT NOT NULL DEFAULT (pg_current_xact_id()::TEXT::BIGINT),
    agent_id UUID   NOT NULL
);
CREATE INDEX agent_changes_by_seq ON agent_changes (seq);
-- How many agents there are, so that nobody has to count them.
CREATE TABLE agent_counts (test BOOLEAN NOT NULL PRIMARY KEY, agents BIGINT NOT NULL);
INSERT INTO agent_counts (test, agents)
VALUES (FALSE, (SELECT COUNT(*) FROM agents WHERE NOT test)), (TRUE, (SELECT COUNT(*) FROM agents WHERE test));

CREATE INDEX invitations_boosted_by_agent ON invitations (agent_id, created_at) WHERE boosted;

CREATE FUNCTION agents_are_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE agent_counts SET agents = agents + 1 WHERE test = NEW.test;
    INSERT INTO agent_changes (agent_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER agents_are_counted AFTER INSERT ON agents FOR EACH ROW EXECUTE FUNCTION agents_are_counted();

CREATE FUNCTION agent_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); RETURN NULL; END $$;
CREATE FUNCTION agent_lost_something() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO agent_changes (agent_id) VALUES (OLD.agent_id); RETURN NULL; END $$;
CREATE FUNCTION agent_itself_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.id); RETURN NULL; END $$;
CREATE FUNCTION winner_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO agent_changes (agent_id) SELECT b.agent_id FROM bids b WHERE b.id = NEW.bid_id; RETURN NULL; END $$;
CREATE FUNCTION boost_spent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO agent_changes (agent_id)
    SELECT o.id FROM agents a JOIN agents o ON o.developer_id = a.developer_id WHERE a.id = NEW.agent_id;
    RETURN NULL;
END $$;

CREATE TRIGGER agents_change AFTER UPDATE OF slug, developer_id, specialist_types, execution_mode, max_concurrency,
    min_price, active, visibility, paused, health_fails, activated_at, real_tasks, recent, last_active_at ON agents
FOR EACH ROW
WHEN ((NEW.slug, NEW.developer_id, NEW.specialist_types, NEW.execution_mode, NEW.max_concurrency, NEW.min_price,
       NEW.active, NEW.visibility, NEW.paused, NEW.health_fails, NEW.activated_at, NEW.real_tasks, NEW.recent,
       NEW.last_active_at)
    IS DISTINCT FROM (OLD.slug, OLD.developer_id, OLD.specialist_types, OLD.execution_mode, OLD.max_concurrency,
       OLD.min_price, OLD.active, OLD.visibility, OLD.paused, OLD.health_fails, OLD.activated_at, OLD.real_tasks,
       OLD.recent, OLD.last_active_at))
EXECUTE FUNCTION agent_itself_changed();
CREATE TRIGGER capabilities_come AFTER INSERT ON agent_capabilities FOR EACH ROW EXECUTE FUNCTION agent_changed();
CREATE TRIGGER capabilities_change AFTER UPDATE ON agent_capabilities FOR EACH ROW EXECUTE FUNCTION agent_changed();
CREATE TRIGGER capabilities_go AFTER DELETE ON agent_capabilities FOR EACH ROW EXECUTE FUNCTION agent_lost_something();
CREATE TRIGGER standings_begin AFTER INSERT ON standings FOR EACH ROW EXECUTE FUNCTION agent_changed();
CREATE TRIGGER standings_change AFTER UPDATE ON standings FOR EACH ROW EXECUTE FUNCTION agent_changed();
CREATE TRIGGER declines_begin AFTER INSERT ON agent_declines FOR EACH ROW EXECUTE FUNCTION agent_changed();
CREATE TRIGGER declines_change AFTER UPDATE ON agent_declines FOR EACH ROW EXECUTE FUNCTION agent_changed();
CREATE TRIGGER declines_end AFTER DELETE ON agent_declines FOR EACH ROW EXECUTE FUNCTION agent_lost_something();
-- Places: what is open at an agent, and the winner that is waited for.
CREATE TRIGGER exchanges_begin AFTER INSERT ON exchanges FOR EACH ROW EXECUTE FUNCTION agent_changed();
CREATE TRIGGER exchanges_end AFTER UPDATE OF ended_at ON exchanges FOR EACH ROW
WHEN (NEW.ended_at IS DISTINCT FROM OLD.ended_at) EXECUTE FUNCTION agent_changed();
CREATE TRIGGER deliveries_begin AFTER INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION winner_changed();
CREATE TRIGGER deliveries_change AFTER UPDATE OF status ON deliveries FOR EACH ROW
WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION winner_changed();
-- A boost is of all agents of a developer.
CREATE TRIGGER boosts_are_spent AFTER INSERT ON invitations FOR EACH ROW
WHEN (NEW.boosted) EXECUTE FUNCTION boost_spent();
