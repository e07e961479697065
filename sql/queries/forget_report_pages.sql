-- Take the address of pages that were removed from the drift reports that link to them.
-- Binds: run_id (text)
-- Index: none: once per removed run
UPDATE drift_reports SET artifact_uri = NULL
WHERE position(:run_id IN artifact_uri) > 0;
