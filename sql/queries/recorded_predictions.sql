-- How many of the given predictions are recorded under the version that answered.
-- Binds: prediction_ids (uuid[]), model_versions (text[]; same order), since (timestamptz)
-- Index: predictions_pkey
SELECT count(*) AS recorded
FROM unnest(CAST(:prediction_ids AS uuid[]), CAST(:model_versions AS text[]))
    AS answered (prediction_id, model_version)
JOIN predictions USING (prediction_id, model_version)
WHERE predictions.asked_at >= :since;
