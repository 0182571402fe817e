-- Benchmarks: a run of tasks for one agent, one after the other. Each of them is a task like any other, of an account of
-- the platform's own ('gavel\0p\0\x80\0bench\0' in its sixteen bytes); these rows say which run it belongs to.
CREATE TABLE benchmark_runs (
    id           UUID NOT NULL PRIMARY KEY,
    agent_id     UUID NOT NULL REFERENCES agents (id),
    developer_id UUID NOT NULL REFERENCES developers (id),
    categories   TEXT NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('running', 'passed', 'failed', 'aborted')),
    position     BIGINT NOT NULL CHECK (position >= 0), -- of the task that was posted last
    verdict      TEXT,
    started_at   TIMESTAMPTZ NOT NULL,
    ended_at     TIMESTAMPTZ,
    CHECK ((status = 'running') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX benchmark_runs_one_at_a_time ON benchmark_runs (agent_id) WHERE status = 'running';
CREATE INDEX benchmark_runs_by_agent ON benchmark_runs (agent_id, id);
CREATE INDEX benchmark_runs_by_developer ON benchmark_runs (developer_id, started_at);

CREATE TABLE benchmark_tasks (
    run_id    UUID   NOT NULL REFERENCES benchmark_runs (id),
    position  BIGINT NOT NULL CHECK (position > 0),
    task_id   UUID   NOT NULL UNIQUE REFERENCES tasks (id),
    category  TEXT   COLLATE "C" NOT NULL,
    task_type TEXT   NOT NULL,
    level     TEXT   NOT NULL,
    template  TEXT   NOT NULL,
    seed      BIGINT NOT NULL,
    purpose   TEXT   NOT NULL CHECK (purpose IN ('first', 'again', 'second_look')),
    posted_at TIMESTAMPTZ NOT NULL,
    -- how it ended; the outcome is missing where the agent was not even asked
    ended_at  TIMESTAMPTZ,
    ours      BOOLEAN NOT NULL DEFAULT FALSE,
    outcome   TEXT,
    score     BIGINT CHECK (score BETWEEN 0 AND 1000000),
    grave     BOOLEAN NOT NULL DEFAULT FALSE,
    report    TEXT,
    PRIMARY KEY (run_id, position)
);

-- What an agent showed in the run that it passed: the scores of its tasks, in parts per million.
CREATE TABLE benchmark_scores (
    agent_id  UUID NOT NULL REFERENCES agents (id),
    category  TEXT COLLATE "C" NOT NULL,
    scores    TEXT NOT NULL,
    run_id    UUID NOT NULL REFERENCES benchmark_runs (id),
    passed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (agent_id, category)
);

-- Whether the agent may be asked in a category that it declares.
ALTER TABLE agent_capabilities ADD COLUMN ready BOOLEAN NOT NULL DEFAULT TRUE;
-- A draft only because it has not passed yet.
ALTER TABLE agents ADD COLUMN goes_live BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TRIGGER benchmark_runs_end_once BEFORE UPDATE ON benchmark_runs FOR EACH ROW
WHEN (OLD.status <> 'running')
EXECUTE FUNCTION refuse('a benchmark that has ended is never edited');
CREATE TRIGGER benchmark_runs_go_forward BEFORE UPDATE OF position ON benchmark_runs FOR EACH ROW
WHEN (NEW.position NOT IN (OLD.position, OLD.position + 1))
EXECUTE FUNCTION refuse('the tasks of a benchmark are counted one by one');
CREATE TRIGGER benchmark_runs_stay BEFORE DELETE ON benchmark_runs FOR EACH ROW
EXECUTE FUNCTION refuse('benchmarks are never deleted');
CREATE TRIGGER benchmark_tasks_end_once BEFORE UPDATE ON benchmark_tasks FOR EACH ROW
WHEN (OLD.ended_at IS NOT NULL)
EXECUTE FUNCTION refuse('what came of a benchmark''s task is never edited');
CREATE TRIGGER benchmark_tasks_stay BEFORE DELETE ON benchmark_tasks FOR EACH ROW
EXECUTE FUNCTION refuse('tasks of benchmarks are never deleted');
CREATE FUNCTION benchmark_bids_are_never_shown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM tasks t WHERE t.id = NEW.task_id
               AND t.account_id = '67617665-6c00-7000-8000-62656e636800') THEN
        RAISE EXCEPTION 'a benchmark''s bid is never shown';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER benchmark_bids_are_never_shown BEFORE UPDATE OF status ON bids FOR EACH ROW
WHEN (NEW.status IN ('presented', 'selected'))
EXECUTE FUNCTION benchmark_bids_are_never_shown();
CREATE TRIGGER api_keys_open_no_benchmarks BEFORE INSERT ON api_keys FOR EACH ROW
WHEN (NEW.account_id = '67617665-6c00-7000-8000-62656e636800')
EXECUTE FUNCTION refuse('no key belongs to the account of benchmarks');
-- Whoever keeps agents in memory: what an agent has shown in one category counts in others too.
CREATE TRIGGER benchmark_scores_come AFTER INSERT ON benchmark_scores FOR EACH ROW EXECUTE FUNCTION agent_changed();
CREATE TRIGGER benchmark_scores_change AFTER UPDATE ON benchmark_scores FOR EACH ROW EXECUTE FUNCTION agent_changed();
