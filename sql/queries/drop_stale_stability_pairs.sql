-- Delete the answers of an earlier model of this month, and answers on other questions of it.
-- Binds: study_id (text), month (text), run_id (text), test_id (text)
-- Index: stability_pairs_pkey, stability_pairs_test_idx
DELETE FROM stability_pairs
WHERE study_id = :study_id
  AND (model_month = :month AND run_id <> :run_id
       OR test_month = :month AND test_id <> :test_id);
