-- Keys of the incidents that are due and not yet sent everywhere, oldest first.
-- Binds: limit (integer)
-- Index: outbox_waiting_idx
SELECT incident_key
FROM outbox
WHERE (mailed_at IS NULL OR posted_at IS NULL) AND due_at <= now()
ORDER BY created_at
LIMIT :limit;
