-- A site's windows that touch [start, end), in order, each with the questions stored in it.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: ingest_windows_pkey, questions_site_asked_at_idx
SELECT
    w.window_start, w.window_end, w.cursor, w.state, w.fetched_count, w.request_count,
    w.quota_left,
    (
        SELECT count(*)
        FROM questions AS q
        WHERE q.site = w.site AND q.asked_at >= w.window_start AND q.asked_at < w.window_end
    ) AS stored_count
FROM ingest_windows AS w
WHERE w.site = :site AND w.window_start < :end AND w.window_end > :start
ORDER BY w.window_start;
