-- The signals of a report: alarms first, then by name.
-- Binds: report_id (bigint)
-- Index: drift_signals_pkey
SELECT signal, value, threshold, alarmed, test, low, high, contributors
FROM drift_signals
WHERE report_id = :report_id
ORDER BY alarmed DESC, signal;
