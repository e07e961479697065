-- Take the reason out of the decision on a check.
-- Binds: report_id (bigint)
-- Index: decisions_report_id_key
UPDATE decisions SET reason = 'Erased.' WHERE report_id = :report_id;
