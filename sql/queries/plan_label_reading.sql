-- Plan the parts of a month's second reading. Parts of an earlier plan stay, whatever their length.
-- Binds: site (text), month (text), starts (timestamptz[]), ends (timestamptz[])
-- Index: label_readings_pkey
INSERT INTO label_readings (site, month, window_start, window_end)
SELECT :site, :month, planned.window_start, planned.window_end
FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS planned (window_start, window_end)
WHERE NOT EXISTS (SELECT FROM label_readings WHERE site = :site AND month = :month)
ON CONFLICT (site, window_start, window_end) DO NOTHING;
