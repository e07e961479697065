-- The latest finished backup: when, how large, and how long it took.
-- Binds: none
-- Index: backups_finished_idx
SELECT
    finished_at,
    bytes AS byte_count,
    extract(epoch FROM finished_at - started_at)::double precision AS seconds
FROM backups
ORDER BY finished_at DESC
LIMIT 1;
