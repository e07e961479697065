-- Delete the signals of a report before they are stored again.
-- Binds: report_id (bigint)
-- Index: drift_signals_pkey
DELETE FROM drift_signals
WHERE report_id = :report_id;
