-- The service's indicators by UTC day since `start`: answers, how many of them are judged, the share of
-- suggested tags that were true, the share of true tags that were suggested, the F1 of the tags that were
-- suggested outright, median latency.
-- Binds: site (text), start (date)
-- Index: daily_indicators_pkey
SELECT
    day,
    answers,
    judged,
    hit_count::double precision / nullif(suggested_count, 0) AS precision,
    hit_count::double precision / nullif(truth_count, 0) AS recall,
    set_f1_sum / nullif(set_judged, 0) AS f1_suggested,
    latency_ms
FROM daily_indicators
WHERE site = :site AND day >= :start AND answers > 0
ORDER BY day;
