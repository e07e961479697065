-- Checked months of a site with their verdicts, of all model versions; oldest first.
-- Binds: site (text)
-- Index: drift_reports_verdict_idx
SELECT window_start, model_version, verdict, reference_last
FROM drift_reports
WHERE site = :site
  AND kind = 'month'
  AND verdict IN ('quiet', 'drift')
ORDER BY window_start, report_id;
