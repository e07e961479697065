-- Store the answers of a model on a month; later answers replace them. Nothing is stored if either
-- month was replaced meanwhile: the task that replaced it tests it again.
-- Binds: study_id (text), model_month (text), test_month (text), run_id (text), test_id (text), scores (bytea), suggested (bytea)
-- Index: stability_pairs_pkey
INSERT INTO stability_pairs (study_id, model_month, test_month, run_id, test_id, scores, suggested)
SELECT :study_id, model.month, test.month, model.run_id, test.test_id, :scores, :suggested
FROM stability_months AS model
JOIN stability_months AS test ON test.study_id = model.study_id
WHERE model.study_id = :study_id
  AND model.month = :model_month
  AND model.run_id = :run_id
  AND test.month = :test_month
  AND test.test_id = :test_id
ON CONFLICT (study_id, model_month, test_month) DO UPDATE
SET run_id = EXCLUDED.run_id,
    test_id = EXCLUDED.test_id,
    scores = EXCLUDED.scores,
    suggested = EXCLUDED.suggested;
