-- Record a finished backup.
-- Binds: backup_id (text), started_at (timestamptz), finished_at (timestamptz), place (text),
--        bytes (bigint), new_bytes (bigint), file_count (integer)
-- Index: backups_pkey
INSERT INTO backups (backup_id, started_at, finished_at, place, bytes, new_bytes, file_count)
VALUES (:backup_id, :started_at, :finished_at, :place, :bytes, :new_bytes, :file_count)
ON CONFLICT (backup_id) DO NOTHING;
