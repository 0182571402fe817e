-- Calls that were given up keep their places for a moment, and a winner that is waited for is counted as busy.
CREATE INDEX exchanges_given_up ON exchanges (agent_id, ended_at) WHERE outcome IN ('superseded', 'cancelled', 'late');
CREATE INDEX deliveries_pending ON deliveries (bid_id) WHERE status = 'pending';
