-- What buyers were told is kept for a while: what was passed on first is found by its age.
CREATE INDEX webhook_events_by_age ON webhook_events (relayed_at) WHERE relayed_at IS NOT NULL;
