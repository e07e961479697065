-- Take the words and tags of questions out of the signals of a check.
-- Binds: report_id (bigint)
-- Index: drift_signals_pkey
UPDATE drift_signals SET contributors = '[]' WHERE report_id = :report_id;
