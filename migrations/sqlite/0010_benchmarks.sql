-- Benchmarks: a run of tasks for one agent, one after the other. Each of them is a task like any other, of an account of
-- the platform's own ('gavel\0p\0\x80\0bench\0' in its sixteen bytes); these rows say which run it belongs to.
CREATE TABLE benchmark_runs (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    agent_id     BLOB    NOT NULL REFERENCES agents (id),
    developer_id BLOB    NOT NULL REFERENCES developers (id),
    categories   TEXT    NOT NULL CHECK (json_valid(categories)),
    status       TEXT    NOT NULL CHECK (status IN ('running', 'passed', 'failed', 'aborted')),
    position     INTEGER NOT NULL CHECK (position >= 0), -- of the task that was posted last
    verdict      TEXT    CHECK (verdict IS NULL OR json_valid(verdict)),
    started_at   TEXT    NOT NULL,
    ended_at     TEXT,
    CHECK ((status = 'running') = (ended_at IS NULL))
) STRICT;
CREATE UNIQUE INDEX benchmark_runs_one_at_a_time ON benchmark_runs (agent_id) WHERE status = 'running';
CREATE INDEX benchmark_runs_by_agent ON benchmark_runs (agent_id, id);
CREATE INDEX benchmark_runs_by_developer ON benchmark_runs (developer_id, started_at);

CREATE TABLE benchmark_tasks (
    run_id    BLOB    NOT NULL REFERENCES benchmark_runs (id),
    position  INTEGER NOT NULL CHECK (position > 0),
    task_id   BLOB    NOT NULL UNIQUE REFERENCES tasks (id),
    category  TEXT    NOT NULL,
    task_type TEXT    NOT NULL,
    level     TEXT    NOT NULL,
    template  TEXT    NOT NULL,
    seed      INTEGER NOT NULL,
    purpose   TEXT    NOT NULL CHECK (purpose IN ('first', 'again', 'second_look')),
    posted_at TEXT    NOT NULL,
    -- how it ended; the outcome is missing where the agent was not even asked
    ended_at  TEXT,
    ours      INTEGER NOT NULL DEFAULT 0 CHECK (ours IN (0, 1)),
    outcome   TEXT,
    score     INTEGER CHECK (score BETWEEN 0 AND 1000000),
    grave     INTEGER NOT NULL DEFAULT 0 CHECK (grave IN (0, 1)),
    report    TEXT    CHECK (report IS NULL OR json_valid(report)),
    PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;

-- What an agent showed in the run that it passed: the scores of its tasks, in parts per million.
CREATE TABLE benchmark_scores (
    agent_id  BLOB NOT NULL REFERENCES agents (id),
    category  TEXT NOT NULL,
    scores    TEXT NOT NULL CHECK (json_valid(scores)),
    run_id    BLOB NOT NULL REFERENCES benchmark_runs (id),
    passed_at TEXT NOT NULL,
    PRIMARY KEY (agent_id, category)
) STRICT, WITHOUT ROWID;

-- Whether the agent may be asked in a category that it declares.
ALTER TABLE agent_capabilities ADD COLUMN ready INTEGER NOT NULL DEFAULT 1 CHECK (ready IN (0, 1));
-- A draft only because it has not passed yet.
ALTER TABLE agents ADD COLUMN goes_live INTEGER NOT NULL DEFAULT 0 CHECK (goes_live IN (0, 1));

CREATE TRIGGER benchmark_runs_end_once BEFORE UPDATE ON benchmark_runs
WHEN OLD.status <> 'running'
BEGIN SELECT RAISE(ABORT, 'a benchmark that has ended is never edited'); END;
CREATE TRIGGER benchmark_runs_go_forward BEFORE UPDATE OF position ON benchmark_runs
WHEN NEW.position NOT IN (OLD.position, OLD.position + 1)
BEGIN SELECT RAISE(ABORT, 'the tasks of a benchmark are counted one by one'); END;
CREATE TRIGGER benchmark_runs_stay BEFORE DELETE ON benchmark_runs
BEGIN SELECT RAISE(ABORT, 'benchmarks are never deleted'); END;
CREATE TRIGGER benchmark_tasks_end_once BEFORE UPDATE ON benchmark_tasks
WHEN OLD.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'what came of a benchmark''s task is never edited'); END;
CREATE TRIGGER benchmark_tasks_stay BEFORE DELETE ON benchmark_tasks
BEGIN SELECT RAISE(ABORT, 'tasks of benchmarks are never deleted'); END;
CREATE TRIGGER benchmark_bids_are_never_shown BEFORE UPDATE OF status ON bids
WHEN NEW.status IN ('presented', 'selected') AND EXISTS (
    SELECT 1 FROM tasks t WHERE t.id = NEW.task_id AND t.account_id = x'676176656c007000800062656e636800')
BEGIN SELECT RAISE(ABORT, 'a benchmark''s bid is never shown'); END;
CREATE TRIGGER api_keys_open_no_benchmarks BEFORE INSERT ON api_keys
WHEN NEW.account_id = x'676176656c007000800062656e636800'
BEGIN SELECT RAISE(ABORT, 'no key belongs to the account of benchmarks'); END;
-- Whoever keeps agents in memory: what an agent has shown in one category counts in others too.
CREATE TRIGGER benchmark_scores_come AFTER INSERT ON benchmark_scores
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); END;
CREATE TRIGGER benchmark_scores_change AFTER UPDATE ON benchmark_scores
BEGIN INSERT INTO agent_changes (agent_id) VALUES (NEW.agent_id); END;
