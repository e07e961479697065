-- A site's fetch windows: how many wait to be finished, when one was last written, the quota that the
-- source reported last, and when.
-- Binds: site (text)
-- Index: ingest_windows_pkey
SELECT
    count(*) FILTER (WHERE state = 'open') AS open_count,
    max(updated_at) AS written_at,
    (array_agg(quota_left ORDER BY updated_at DESC) FILTER (WHERE quota_left IS NOT NULL))[1] AS quota_left,
    max(updated_at) FILTER (WHERE quota_left IS NOT NULL) AS quota_at,
    clock_timestamp() AS server_time
FROM ingest_windows
WHERE site = :site;
