-- When a pass over a window began to read, so that tags that were read again and found unchanged have the age of the
-- later reading. Windows that were done before know it from their next pass on.
ALTER TABLE ingest_windows ADD COLUMN read_from timestamptz;   -- first question of the pass that closes it
ALTER TABLE label_readings ADD COLUMN read_from timestamptz;
UPDATE label_readings SET read_from = finished_at;

-- The days that touch [range_start, range_end) of which a finished reading of `of_site` has read every question, each
-- with the time of the last such reading: of a window by the API, of a month's second reading, or of a file. It is
-- when that reading began, so no question was read earlier.
CREATE FUNCTION days_last_read(of_site text, range_start timestamptz, range_end timestamptz)
RETURNS TABLE (day timestamptz, read_at timestamptz)
LANGUAGE sql STABLE AS $$
    WITH readings AS (
        SELECT window_start AS asked_from, window_end AS asked_until, w.read_from AS began_at
        FROM ingest_windows AS w
        WHERE w.site = of_site AND w.state = 'done'
        UNION ALL
        SELECT window_start, window_end, l.read_from
        FROM label_readings AS l
        WHERE l.site = of_site AND l.finished_at IS NOT NULL
        UNION ALL
        SELECT s.covered_from, s.covered_until, coalesce(i.as_of, i.started_at)
        FROM import_spans AS s
        JOIN imports AS i USING (import_id)
        WHERE s.site = of_site AND i.state = 'done'
    )
    SELECT days.day, max(r.began_at)
    FROM generate_series(date_trunc('day', range_start, 'UTC'), range_end, interval '24 hours') AS days (day)
    JOIN readings AS r ON r.asked_from <= days.day AND r.asked_until >= days.day + interval '24 hours'
    WHERE r.began_at IS NOT NULL
    GROUP BY days.day
$$;
