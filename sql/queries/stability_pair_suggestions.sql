-- What a model suggested for the questions of a month.
-- Binds: study_id (text), model_month (text), test_month (text)
-- Index: stability_pairs_pkey
SELECT suggested
FROM stability_pairs
WHERE study_id = :study_id AND model_month = :model_month AND test_month = :test_month;
