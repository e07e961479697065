-- Sums over a version's judged answers since `start`: answers, suggested tags, true tags, and those that
-- are both.
-- Binds: site (text), model_version (text), start (date)
-- Index: daily_version_quality_pkey
SELECT
    coalesce(sum(judged), 0)::bigint AS judged,
    coalesce(sum(suggested_count), 0)::bigint AS suggested_count,
    coalesce(sum(truth_count), 0)::bigint AS truth_count,
    coalesce(sum(hit_count), 0)::bigint AS hit_count
FROM daily_version_quality
WHERE site = :site AND model_version = :model_version AND day >= :start;
