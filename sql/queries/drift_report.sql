-- One report, with the decision on it, if any.
-- Binds: report_id (bigint)
-- Index: drift_reports_pkey, decisions_report_id_key
SELECT
    r.report_id, r.kind, r.site, r.window_start, r.window_end, r.model_version, r.calibration_id,
    r.reference_first, r.reference_last, r.question_count, r.verdict, r.summary, r.artifact_uri,
    d.action, d.training_run_id
FROM drift_reports AS r
LEFT JOIN decisions AS d USING (report_id)
WHERE r.report_id = :report_id;
