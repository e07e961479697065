-- When the windows that touch [start, end) changed last; NULL if there are none.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: ingest_windows_pkey
SELECT max(updated_at) FROM ingest_windows
WHERE site = :site AND window_start < :end AND window_end > :start;
