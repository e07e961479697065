-- Sums over a version's judged answers since `start`: answers, suggested tags, true tags, and those that
-- are both; answers whose set suggested outright is known, and its F1; of all its
-- answers, how many true ones the scores let expect among their suggestions; and the same sums of judged
-- answers on the days whose scores are counted: days that an earlier release counted have none until they
-- are counted again.
-- Binds: site (text), model_version (text), start (date)
-- Index: daily_version_quality_pkey
SELECT
    coalesce(sum(judged), 0)::bigint AS judged,
    coalesce(sum(suggested_count), 0)::bigint AS suggested_count,
    coalesce(sum(truth_count), 0)::bigint AS truth_count,
    coalesce(sum(hit_count), 0)::bigint AS hit_count,
    coalesce(sum(set_judged), 0)::bigint AS set_judged,
    coalesce(sum(set_f1_sum), 0)::double precision AS set_f1_sum,
    coalesce(sum(answers), 0)::bigint AS answers,
    coalesce(sum(shown_count), 0)::bigint AS shown_count,
    coalesce(sum(expected_hits), 0)::double precision AS expected_hits,
    coalesce(sum(expected_variance), 0)::double precision AS expected_variance,
    coalesce(sum(expected_squares), 0)::double precision AS expected_squares,
    coalesce(sum(judged_expected_hits), 0)::double precision AS judged_expected_hits,
    coalesce(sum(suggested_count) FILTER (WHERE answers > 0), 0)::bigint AS judged_shown_count,
    coalesce(sum(hit_count) FILTER (WHERE answers > 0), 0)::bigint AS judged_hits
FROM daily_version_quality
WHERE site = :site AND model_version = :model_version AND day >= :start;
