-- What tiers are made of, beside the scores: the last bids that a buyer chose among (1 won, 0 lost, oldest first), the tier
-- as of the latest event in the category, and for how many events it has been held.
ALTER TABLE standings ADD COLUMN shown TEXT NOT NULL DEFAULT '';
ALTER TABLE standings ADD COLUMN tier TEXT NOT NULL DEFAULT 'new_challenger'
    CHECK (tier IN ('new_challenger', 'challenger', 'rising_star', 'top_performer'));
ALTER TABLE standings ADD COLUMN dwell INTEGER NOT NULL DEFAULT 0 CHECK (dwell >= 0);
ALTER TABLE standings ADD COLUMN evidence TEXT CHECK (evidence IS NULL OR json_valid(evidence));
UPDATE standings SET tier = 'challenger'
WHERE (SELECT a.real_tasks FROM agents a WHERE a.id = standings.agent_id) >= 10;

-- What is known of a category as a whole, where it is decided by thompson.
CREATE TABLE category_states (
    category TEXT NOT NULL,
    test     INTEGER NOT NULL CHECK (test IN (0, 1)),
    state    TEXT NOT NULL CHECK (json_valid(state)),
    PRIMARY KEY (category, test)
) STRICT, WITHOUT ROWID;

-- Types that an agent has said it does not do, how often in a row, and when it said so last.
CREATE TABLE agent_declines (
    agent_id  BLOB    NOT NULL REFERENCES agents (id),
    task_type TEXT    NOT NULL,
    in_a_row  INTEGER NOT NULL CHECK (in_a_row > 0),
    last_at   TEXT    NOT NULL,
    PRIMARY KEY (agent_id, task_type)
) STRICT, WITHOUT ROWID;

-- What decisions name by its hash: parameters, and candidates' facts. `used_at` is never more than a day behind.
CREATE TABLE contents (
    hash    BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 16),
    body    TEXT NOT NULL CHECK (json_valid(body)),
    used_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX contents_by_use ON contents (used_at);
CREATE INDEX decisions_by_time ON decisions (decided_at);
CREATE TRIGGER contents_are_final BEFORE UPDATE OF hash, body ON contents
WHEN NEW.hash <> OLD.hash OR NEW.body <> OLD.body
BEGIN SELECT RAISE(ABORT, 'contents are never edited'); END;

-- Whoever keeps agents in memory reads here whom to read again.
CREATE TABLE agent_changes (seq INTEGER NOT NULL PRIMARY KEY, agent_id BLOB NOT NULL) STRICT;
-- How many agents there are, so that nobody has to count them.
CREATE TABLE agent_counts (test INTEGER NOT NULL PRIMARY KEY CHECK (test IN (0, 1)), agents INTEGER NOT NULL) STRICT;
INSERT INTO agent_counts (test, agents)
VALUES (0, (SELECT COUNT(*) FROM agents WHERE test = 0)), (1, (SELECT COUNT(*) FROM agents WHERE test = 1));

CREATE INDEX invitations_boosted_by_agent ON invitations (agent_id, created_at) WHERE boosted = 1;

CREATE TRIGGER agents_are_counted AFTER INSERT ON agents
BEGIN
    UPDATE agent_counts SET agents = agents + 1 WHERE test = NEW.test;
    INSERT INTO agent_changes (agent_id) VALUES (NEW.id);
END;
CREATE TRIGGER agents_change AFTER UPDATE OF slug, developer_id, specialist_types, execution_mode, max_concurrency,
    min_price, active, visibility, paused, health_fails, activated_at, real_tasks, recent, last_active_at ON agents
WHEN (NEW.slug, NEW.developer_id, NEW.specialist_types, NEW.execution_mode, NEW.max_concurrency, NEW.min_price,
      NEW.active, NEW.visibility, NEW.paused, NEW.health_fails, NEW.activated_at, NEW.real_tasks, NEW.recent,
      NEW.last_active_at)
    IS NOT (OLD.slug, OLD.developer_id, OLD.specialist_types, OLD.execution_mode, OLD.max_concurrency, OLD.min_price,
      OLD.active, OLD.visibility, OLD.paused, OLD.health_fails, OLD.activated_at, OLD.real_tasks, OLD.recent,
      OLD.last_active_at)
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.id); END;
CREATE TRIGGER capabilities_come AFTER INSERT ON agent_capabilities
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); END;
CREATE TRIGGER capabilities_change AFTER UPDATE ON agent_capabilities
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); END;
CREATE TRIGGER capabilities_go AFTER DELETE ON agent_capabilities
BEGIN INSERT INTO agent_changes (agent_id) VALUES (OLD.agent_id); END;
CREATE TRIGGER standings_begin AFTER INSERT ON standings
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); END;
CREATE TRIGGER standings_change AFTER UPDATE ON standings
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); END;
CREATE TRIGGER declines_begin AFTER INSERT ON agent_declines
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); END;
CREATE TRIGGER declines_change AFTER UPDATE ON agent_declines
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); END;
CREATE TRIGGER declines_end AFTER DELETE ON agent_declines
BEGIN INSERT INTO agent_changes (agent_id) VALUES (OLD.agent_id); END;
-- Places: what is open at an agent, and the winner that is waited for.
CREATE TRIGGER exchanges_begin AFTER INSERT ON exchanges
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); END;
CREATE TRIGGER exchanges_end AFTER UPDATE OF ended_at ON exchanges WHEN NEW.ended_at IS NOT OLD.ended_at
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); END;
CREATE TRIGGER deliveries_begin AFTER INSERT ON deliveries
BEGIN INSERT INTO agent_changes (agent_id) SELECT b.agent_id FROM bids b WHERE b.id = NEW.bid_id; END;
CREATE TRIGGER deliveries_change AFTER UPDATE OF status ON deliveries WHEN NEW.status <> OLD.status
BEGIN INSERT INTO agent_changes (agent_id) SELECT b.agent_id FROM bids b WHERE b.id = NEW.bid_id; END;
-- A boost is of all agents of a developer.
CREATE TRIGGER boosts_are_spent AFTER INSERT ON invitations WHEN NEW.boosted = 1
BEGIN
    INSERT INTO agent_changes (agent_id)
    SELECT o.id FROM agents a JOIN agents o ON o.developer_id = a.developer_id WHERE a.id = NEW.agent_id;
END;
