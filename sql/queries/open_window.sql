-- Open a window for fetching: a new or a half-read one goes on at its cursor, a done one is read
-- again from its start.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: ingest_windows_pkey
INSERT INTO ingest_windows AS w (site, window_start, window_end, state)
VALUES (:site, :start, :end, 'open')
ON CONFLICT (site, window_start, window_end) DO UPDATE SET
    state = 'open',
    cursor = CASE w.state WHEN 'open' THEN w.cursor END,
    fetched_count = CASE w.state WHEN 'open' THEN w.fetched_count ELSE 0 END,
    request_count = CASE w.state WHEN 'open' THEN w.request_count ELSE 0 END,
    read_from = CASE w.state WHEN 'open' THEN w.read_from END,
    updated_at = now()
RETURNING window_start, window_end, cursor, state, fetched_count, request_count, quota_left;
