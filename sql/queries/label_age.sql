-- Age of the tags of the questions asked in [start, end) when they were last read: the median in days, and the share
-- whose tags were last read at most `young_days` days after the question. Null if there is no question.
-- Binds: site (text), start (timestamptz), end (timestamptz), young_days (float8)
-- Index: question_tags_asked_at_idx, ingest_windows_pkey, label_readings_pkey, import_spans_site_idx
SELECT
    percentile_cont(0.5) WITHIN GROUP (ORDER BY age_days) AS median_days,
    avg((age_days <= CAST(:young_days AS double precision))::int)::double precision AS young_share
FROM (
    SELECT
        (extract(epoch FROM greatest(t.first_seen_at, t.settled_seen_at, d.read_at) - t.asked_at) / 86400)
            ::double precision AS age_days
    FROM question_tags AS t
    LEFT JOIN days_last_read(:site, :start, :end) AS d ON d.day = date_trunc('day', t.asked_at, 'UTC')
    WHERE t.site = :site AND t.asked_at >= :start AND t.asked_at < :end
) AS ages;
