-- Store how a month was answered with a rule's refreshes, unless the month was replaced meanwhile.
-- Binds: study_id (text), month (text), rule (text), test_id (text), trainings (smallint), scores (bytea)
-- Index: stability_refreshes_pkey, stability_months_pkey
INSERT INTO stability_refreshes (study_id, month, rule, test_id, trainings, scores)
SELECT study_id, month, :rule, test_id, :trainings, :scores
FROM stability_months
WHERE study_id = :study_id AND month = :month AND test_id = :test_id
ON CONFLICT (study_id, month, rule) DO UPDATE
SET test_id = EXCLUDED.test_id,
    trainings = EXCLUDED.trainings,
    scores = EXCLUDED.scores;
