-- Days from `start` to `today` to count again: today, and past days that were never counted, or last
-- before `counted_before` (feedback and settled tags arrive for weeks). Today first, then the longest
-- not counted.
-- Binds: site (text), start (date), today (date), counted_before (timestamptz)
-- Index: daily_indicators_pkey
SELECT days.day::date AS day
FROM generate_series(
    CAST(:start AS date)::timestamp, CAST(:today AS date)::timestamp, interval '1 day'
) AS days (day)
LEFT JOIN daily_indicators AS d ON d.site = :site AND d.day = days.day::date
WHERE days.day::date = :today OR d.computed_at IS NULL OR d.computed_at < :counted_before
ORDER BY days.day::date <> :today, d.computed_at NULLS FIRST, days.day DESC;
