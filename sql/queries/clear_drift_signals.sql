-- Forget the signals of a report that is about to be stored again.
-- Binds: report_id (bigint)
-- Index: drift_signals_pkey
DELETE FROM drift_signals
WHERE report_id = :report_id;
