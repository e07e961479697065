-- How many feedbacks are on a prediction of one client or API key, on one prediction, or by the key.
-- Binds: prediction_id (uuid), client (text), key_name (text)
-- Index: feedback_prediction_idx
SELECT count(*) AS amount
FROM feedback
WHERE
    key_name = :key_name
    OR prediction_id IN (
        SELECT prediction_id FROM predictions
        WHERE
            prediction_id = CAST(:prediction_id AS uuid)
            OR answer_id = CAST(:prediction_id AS uuid)
            OR client = :client OR key_name = :key_name
    )
    OR prediction_id = CAST(:prediction_id AS uuid);
