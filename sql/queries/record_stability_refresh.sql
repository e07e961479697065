-- Store how a month was answered with a rule's refreshes, unless the month was replaced meanwhile.
-- Binds: study_id (text), month (text), rule (text), test_id (text), trainings (smallint), seconds (float8), scores (bytea)
-- Index: stability_refreshes_pkey, stability_months_pkey
INSERT INTO stability_refreshes (study_id, month, rule, test_id, trainings, seconds, scores)
SELECT study_id, month, :rule, test_id, :trainings, :seconds, :scores
FROM stability_months
WHERE study_id = :study_id AND month = :month AND test_id = :test_id
ON CONFLICT (study_id, month, rule) DO UPDATE
SET test_id = EXCLUDED.test_id,
    trainings = EXCLUDED.trainings,
    seconds = EXCLUDED.seconds,
    scores = EXCLUDED.scores;
