-- The signals of the check of the latest window of each kind, one row a signal; one row with nulls for a
-- check without signals.
-- Binds: site (text)
-- Index: drift_reports_kind_site_window_start_window_end_model_versi_key, drift_signals_pkey
SELECT
    r.kind, r.report_id, r.verdict, r.created_at, r.window_end, r.question_count,
    (r.summary ->> 'window_questions')::bigint AS window_questions,
    s.signal, s.value, s.threshold, s.alarmed,
    (r.summary ->> 'f1')::double precision AS f1,
    (r.summary ->> 'naming_unreachable')::double precision AS naming_unreachable,
    (r.summary ->> 'f1_estimated')::double precision AS f1_estimated,
    (r.summary ->> 'f1_estimated_low')::double precision AS f1_estimated_low,
    (r.summary ->> 'f1_estimated_high')::double precision AS f1_estimated_high
FROM (
    SELECT DISTINCT ON (kind) kind, report_id, verdict, created_at, window_end, question_count, summary
    FROM drift_reports
    WHERE site = :site
    ORDER BY kind, window_end DESC, report_id DESC
) AS r
LEFT JOIN drift_signals AS s ON s.report_id = r.report_id
ORDER BY r.kind, s.signal;
