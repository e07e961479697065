-- Move an open window's cursor, if nobody else has moved it since it was read.
-- Binds: site (text), start (timestamptz), end (timestamptz), old_cursor (timestamptz),
--        cursor (timestamptz), state (text), fetched (int), requests (int), quota_left (int),
--        read_from (timestamptz)
-- Index: ingest_windows_pkey
UPDATE ingest_windows SET
    cursor = :cursor,
    state = :state,
    fetched_count = fetched_count + :fetched,
    request_count = request_count + :requests,
    quota_left = coalesce(CAST(:quota_left AS integer), quota_left),
    read_from = least(read_from, CAST(:read_from AS timestamptz)),
    updated_at = now()
WHERE site = :site
  AND window_start = :start
  AND window_end = :end
  AND state = 'open'
  AND cursor IS NOT DISTINCT FROM CAST(:old_cursor AS timestamptz)
RETURNING window_start, window_end, cursor, state, fetched_count, request_count, quota_left;
