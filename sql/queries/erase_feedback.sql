-- Delete the feedbacks that erased_feedback counts.
-- Binds: prediction_id (uuid), client (text), key_name (text)
-- Index: feedback_prediction_idx
DELETE FROM feedback
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
