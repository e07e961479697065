-- Figures of one model on one month, slice by slice.
-- Binds: site (text), model_version (text), test_month (text)
-- Index: evaluations_pkey
SELECT slice, metric, value, question_count
FROM evaluations
WHERE site = :site
  AND model_version = :model_version
  AND test_month = :test_month
ORDER BY slice, metric;
