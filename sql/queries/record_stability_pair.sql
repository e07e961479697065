-- Store the answers of a model on a month; later answers replace them. Nothing is stored if either
-- month was replaced meanwhile: the task that replaced it tests it again.
-- Binds: study_id (text), model_month (text), test_month (text), run_id (text), test_id (text), found (smallint[]), true_count (smallint[]), reachable_count (smallint[]), suggested (text[])
-- Index: stability_pairs_pkey
INSERT INTO stability_pairs (study_id, model_month, test_month, run_id, test_id, found, true_count,
                             reachable_count, suggested)
SELECT :study_id, model.month, test.month, model.run_id, test.test_id, CAST(:found AS smallint[]),
       CAST(:true_count AS smallint[]), CAST(:reachable_count AS smallint[]),
       CAST(:suggested AS text[])
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
    found = EXCLUDED.found,
    true_count = EXCLUDED.true_count,
    reachable_count = EXCLUDED.reachable_count,
    suggested = EXCLUDED.suggested;
