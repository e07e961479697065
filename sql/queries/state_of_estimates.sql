-- How far the hourly estimates of F1 were from what came true, since `start`: hours with judged answers, those
-- answers, and over them the sums of the estimate's difference and of its absolute value.
-- Binds: site (text), start (timestamptz)
-- Index: drift_reports_verdict_idx
SELECT
    count(*) AS hours,
    coalesce(sum(answers), 0)::double precision AS answers,
    coalesce(sum(answers * error), 0)::double precision AS error_sum,
    coalesce(sum(answers * abs(error)), 0)::double precision AS absolute_error_sum
FROM (
    SELECT
        (summary ->> 'judged_answers')::bigint AS answers,
        (summary ->> 'f1_estimated')::double precision - (summary ->> 'f1_judged')::double precision AS error
    FROM drift_reports
    WHERE site = :site AND kind = 'predictions' AND window_start >= :start
) AS hourly
WHERE answers > 0 AND error IS NOT NULL;
