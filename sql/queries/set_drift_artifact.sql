-- Set the address of a report's pages.
-- Binds: report_id (bigint), artifact_uri (text)
-- Index: drift_reports_pkey
UPDATE drift_reports SET artifact_uri = :artifact_uri
WHERE report_id = :report_id;
