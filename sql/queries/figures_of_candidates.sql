-- Figures on a month of the models that learned up to a month: the newest model of each candidate.
-- Binds: site (text), train_last (text), test_month (text), metrics (text[])
-- Index: evaluations_candidate_idx
SELECT DISTINCT ON (candidate, metric) candidate, model_version, metric, value
FROM evaluations
WHERE site = :site
  AND train_last = :train_last
  AND test_month = :test_month
  AND test_from IS NULL
  AND slice = 'all'
  AND metric = ANY (:metrics)
ORDER BY candidate, metric, evaluated_at DESC;
