-- Store a report's signals, given as one JSON list of objects with the columns' names.
-- Binds: report_id (bigint), signals (jsonb)
-- Index: none
INSERT INTO drift_signals (report_id, signal, value, threshold, alarmed, test, low, high, contributors)
SELECT :report_id, s.signal, s.value, s.threshold, s.alarmed, s.test, s.low, s.high, s.contributors
FROM jsonb_to_recordset(CAST(:signals AS jsonb)) AS s (
    signal text, value double precision, threshold double precision, alarmed boolean, test text,
    low double precision, high double precision, contributors jsonb
);
