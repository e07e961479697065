-- Incidents that mail or Slack does not have yet.
-- Binds: none
-- Index: outbox_waiting_idx
SELECT count(*) AS waiting_count
FROM outbox
WHERE (mailed_at IS NULL OR posted_at IS NULL) AND due_at <= now();
