-- Sums over a version's judged answers since `start`: answers, suggested tags, true tags, and those that
-- are both; answers whose set suggested outright is known, and its F1.
-- Binds: site (text), model_version (text), start (date)
-- Index: daily_version_quality_pkey
SELECT
    coalesce(sum(judged), 0)::bigint AS judged,
    coalesce(sum(suggested_count), 0)::bigint AS suggested_count,
    coalesce(sum(truth_count), 0)::bigint AS truth_count,
    coalesce(sum(hit_count), 0)::bigint AS hit_count,
    coalesce(sum(set_judged), 0)::bigint AS set_judged,
    coalesce(sum(set_f1_sum), 0)::double precision AS set_f1_sum
FROM daily_version_quality
WHERE site = :site AND model_version = :model_version AND day >= :start;
