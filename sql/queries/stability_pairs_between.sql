-- Scores of the answers of the models of a range of months on the months of the same range.
-- Binds: study_id (text), first_month (text), last_month (text)
-- Index: stability_pairs_pkey
SELECT model_month, test_month, scores
FROM stability_pairs
WHERE study_id = :study_id
  AND model_month >= :first_month
  AND test_month <= :last_month
ORDER BY model_month, test_month;
