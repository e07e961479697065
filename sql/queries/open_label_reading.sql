-- Return a part of a month's second reading, begun if it is new.
-- Binds: site (text), month (text), start (timestamptz), end (timestamptz)
-- Index: label_readings_pkey
INSERT INTO label_readings AS r (site, month, window_start, window_end)
VALUES (:site, :month, :start, :end)
ON CONFLICT (site, window_start, window_end) DO UPDATE SET month = r.month
RETURNING cursor, finished_at;
