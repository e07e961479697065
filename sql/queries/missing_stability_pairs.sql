-- Pairs of a month with every other month of its study that have not been tested yet.
-- Binds: study_id (text), month (text)
-- Index: stability_months_pkey, stability_pairs_pkey
SELECT model.month AS model_month, test.month AS test_month
FROM stability_months AS model
JOIN stability_months AS test ON test.study_id = model.study_id AND test.month >= model.month
LEFT JOIN stability_pairs AS pair
       ON pair.study_id = model.study_id
      AND pair.model_month = model.month
      AND pair.test_month = test.month
      AND pair.run_id = model.run_id
      AND pair.test_id = test.test_id
WHERE model.study_id = :study_id
  AND :month IN (model.month, test.month)
  AND pair.study_id IS NULL
ORDER BY model.month, test.month;
