-- Whether there is a drift report on the month of questions that starts at a moment.
-- Binds: site (text), start (timestamptz)
-- Index: drift_reports_verdict_idx
SELECT EXISTS (
    SELECT FROM drift_reports
    WHERE site = :site AND kind = 'month' AND window_start = :start
);
