-- The parts of a month's second reading, in order.
-- Binds: site (text), month (text)
-- Index: label_readings_pkey
SELECT window_start, window_end, cursor, finished_at IS NOT NULL AS done
FROM label_readings
WHERE site = :site AND month = :month
ORDER BY window_start;
