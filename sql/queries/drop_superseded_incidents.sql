-- Delete what waits for the mail about a whole run if a task of that run has its own.
-- Binds: none
-- Index: outbox_waiting_idx, outbox_run_idx
DELETE FROM outbox AS whole
WHERE
    whole.fallback AND whole.mailed_at IS NULL AND whole.posted_at IS NULL
    AND EXISTS (
        SELECT FROM outbox AS known WHERE known.run_key = whole.run_key AND NOT known.fallback
    );
