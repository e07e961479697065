-- The tags of the questions asked in [start, end): when they were last read from the site, and the share of questions
-- whose tags were read a second time (settled), changed or not.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: question_tags_asked_at_idx, ingest_windows_pkey, label_readings_pkey, import_spans_site_idx
SELECT
    max(greatest(t.first_seen_at, t.settled_seen_at, d.read_at)) AS read_at,
    avg((t.settled_tags IS NOT NULL OR coalesce(d.read_at > t.first_seen_at, false))::int)::double precision
        AS settled_ratio
FROM question_tags AS t
LEFT JOIN days_last_read(:site, :start, :end) AS d ON d.day = date_trunc('day', t.asked_at, 'UTC')
WHERE t.site = :site AND t.asked_at >= :start AND t.asked_at < :end;
