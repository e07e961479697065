-- Requests that fetched the windows of [start, end) that were written since a moment. Those of a window
-- that was begun before it count as well: rather too many than too few.
-- Binds: site (text), start (timestamptz), end (timestamptz), since (timestamptz)
-- Index: ingest_windows_pkey
SELECT coalesce(sum(request_count), 0)::integer AS request_count
FROM ingest_windows
WHERE site = :site
  AND window_start >= :start
  AND window_end <= :end
  AND updated_at >= :since;
