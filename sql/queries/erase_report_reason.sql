-- Take the reason, which names words, tags or an API key, out of a check and its link to the pages.
-- Binds: report_id (bigint)
-- Index: drift_reports_pkey
UPDATE drift_reports
SET summary = jsonb_set(summary, '{reason}', '"Erased."'), artifact_uri = NULL
WHERE report_id = :report_id;
