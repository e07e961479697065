-- Decisions on a site's drift checks by kind of check and action: how many, and when the last was made.
-- Binds: site (text)
-- Index: decisions_report_id_key
SELECT r.kind, d.action, count(*) AS decision_count, max(d.decided_at) AS decided_at
FROM decisions AS d
JOIN drift_reports AS r USING (report_id)
WHERE r.site = :site
GROUP BY r.kind, d.action;
