-- What a month's checks count: questions asked in [start, end), how many of them are also stored
-- at another time, have an empty title, bear no tag or were retagged, and how many were asked on
-- the first and on the last day.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: questions_site_asked_at_idx, question_tags_pkey
SELECT
    count(*) AS questions,
    count(*) FILTER (WHERE t.asked_at IS DISTINCT FROM q.asked_at) AS duplicates,
    count(*) FILTER (WHERE btrim(q.title, E' \t\r\n\u00a0') = '') AS empty_titles,
    count(*) FILTER (WHERE coalesce(cardinality(t.tags), 0) = 0) AS untagged,
    count(*) FILTER (WHERE t.settled_tags IS NOT NULL) AS retagged,
    count(*) FILTER (WHERE q.asked_at < CAST(:start AS timestamptz) + interval '1 day')
        AS first_day,
    count(*) FILTER (WHERE q.asked_at >= CAST(:end AS timestamptz) - interval '1 day') AS last_day
FROM questions AS q
LEFT JOIN question_tags AS t USING (site, question_id)
WHERE q.site = :site AND q.asked_at >= :start AND q.asked_at < :end;
