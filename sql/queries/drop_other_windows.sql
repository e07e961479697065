-- Forget a month's windows that are not among those now planned (another INGEST_WINDOW_DAYS).
-- Binds: site (text), start (timestamptz), end (timestamptz), starts (timestamptz[]),
--        ends (timestamptz[])
-- Index: ingest_windows_pkey
DELETE FROM ingest_windows
WHERE site = :site
  AND window_start < :end
  AND window_end > :start
  AND (window_start, window_end) NOT IN (
      SELECT planned_start, planned_end
      FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
          AS planned (planned_start, planned_end)
  );
