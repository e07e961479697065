-- Checks of recent predictions that looked at a moment in [first, last], or whose reason names an API key,
-- and still show words, tags or keys.
-- Binds: first (timestamptz), last (timestamptz), key_name (text)
-- Index: drift_reports_verdict_idx
SELECT r.report_id, r.site, r.artifact_uri
FROM drift_reports AS r
WHERE
    r.kind = 'predictions'
    AND (
        (r.window_end >= :first AND r.window_start <= :last)
        OR strpos(r.summary ->> 'reason', 'API key ' || CAST(:key_name AS text) || ':') > 0
    )
    AND (
        r.summary ->> 'reason' IS DISTINCT FROM 'Erased.'
        OR EXISTS (
            SELECT 1 FROM drift_signals AS s
            WHERE s.report_id = r.report_id AND s.contributors <> '[]'
        )
    )
ORDER BY r.report_id;
