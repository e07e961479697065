-- Sums over a version's answers since `start`: of judged ones, how many, suggested tags, true tags, and those that
-- are both, and the F1 of the sets suggested outright; of all, the F1 that the scores let expect, and of judged ones
-- how much it was too high.
-- Binds: site (text), model_version (text), start (date)
-- Index: daily_version_quality_pkey
SELECT
    coalesce(sum(judged), 0)::bigint AS judged,
    coalesce(sum(suggested_count), 0)::bigint AS suggested_count,
    coalesce(sum(truth_count), 0)::bigint AS truth_count,
    coalesce(sum(hit_count), 0)::bigint AS hit_count,
    coalesce(sum(set_judged), 0)::bigint AS set_judged,
    coalesce(sum(set_f1_sum), 0)::double precision AS set_f1_sum,
    coalesce(sum(estimated_count), 0)::bigint AS estimated_count,
    coalesce(sum(expected_f1_sum), 0)::double precision AS expected_f1_sum,
    coalesce(sum(expected_f1_squares), 0)::double precision AS expected_f1_squares,
    coalesce(sum(label_variance_sum), 0)::double precision AS label_variance_sum,
    coalesce(sum(estimated_set_count), 0)::bigint AS estimated_set_count,
    coalesce(sum(expected_set_f1_sum), 0)::double precision AS expected_set_f1_sum,
    coalesce(sum(f1_error_count), 0)::bigint AS f1_error_count,
    coalesce(sum(f1_error_sum), 0)::double precision AS f1_error_sum,
    coalesce(sum(set_f1_error_count), 0)::bigint AS set_f1_error_count,
    coalesce(sum(set_f1_error_sum), 0)::double precision AS set_f1_error_sum
FROM daily_version_quality
WHERE site = :site AND model_version = :model_version AND day >= :start;
