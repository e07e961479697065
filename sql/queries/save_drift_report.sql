-- Store the result of a check; a repeated check of a window keeps its report's id.
-- Binds: kind (text), site (text), window_start (timestamptz), window_end (timestamptz),
--        model_version (text), calibration_id (bigint), reference_first (text),
--        reference_last (text), question_count (int), verdict (text), summary (jsonb)
-- Index: drift_reports_kind_site_window_start_window_end_model_vers_key
INSERT INTO drift_reports (
    kind, site, window_start, window_end, model_version, calibration_id, reference_first,
    reference_last, question_count, verdict, summary
) VALUES (
    :kind, :site, :window_start, :window_end, :model_version, :calibration_id, :reference_first,
    :reference_last, :question_count, :verdict, CAST(:summary AS jsonb)
)
ON CONFLICT (kind, site, window_start, window_end, model_version) DO UPDATE SET
    calibration_id = excluded.calibration_id,
    reference_first = excluded.reference_first,
    reference_last = excluded.reference_last,
    question_count = excluded.question_count,
    verdict = excluded.verdict,
    summary = excluded.summary,
    created_at = now()
RETURNING report_id;
