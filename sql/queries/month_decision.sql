-- The decision on the latest drift check of a month's questions; no row before there is one.
-- Binds: site (text), start (timestamptz)
-- Index: drift_reports_verdict_idx
SELECT decisions.action
FROM drift_reports
INNER JOIN decisions ON decisions.report_id = drift_reports.report_id
WHERE
    drift_reports.site = :site
    AND drift_reports.kind = 'month'
    AND drift_reports.window_start = :start
ORDER BY (decisions.action = 'retrain') DESC, drift_reports.report_id DESC
LIMIT 1;
