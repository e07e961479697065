-- Store how a model that was refitted within a month answered the rest of it, unless the month was replaced meanwhile.
-- Binds: study_id (text), month (text), refitted_on (date), test_id (text), seconds (float8), scores (bytea)
-- Index: stability_refits_pkey, stability_months_pkey
INSERT INTO stability_refits (study_id, month, refitted_on, test_id, seconds, scores)
SELECT study_id, month, CAST(:refitted_on AS date), test_id, :seconds, :scores
FROM stability_months
WHERE study_id = :study_id AND month = :month AND test_id = :test_id
ON CONFLICT (study_id, month, refitted_on) DO UPDATE
SET test_id = EXCLUDED.test_id,
    seconds = EXCLUDED.seconds,
    scores = EXCLUDED.scores;
