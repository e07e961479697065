-- By UTC day from `start` on, over all versions: answers with an expected F1, the sums of it, of its squares and of its
-- variance given the scores; and of the answers whose tags are known, how many, and by how much it was too high in sum.
-- Binds: site (text), start (date)
-- Index: daily_version_quality_pkey
SELECT
    day,
    sum(estimated_count)::bigint AS estimated_count,
    sum(expected_f1_sum)::double precision AS expected_f1_sum,
    sum(expected_f1_squares)::double precision AS expected_f1_squares,
    sum(label_variance_sum)::double precision AS label_variance_sum,
    sum(f1_error_count)::bigint AS f1_error_count,
    sum(f1_error_sum)::double precision AS f1_error_sum
FROM daily_version_quality
WHERE site = :site AND day >= :start
GROUP BY day
ORDER BY day;
