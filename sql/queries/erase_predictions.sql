-- Delete the predictions that erased_predictions counts.
-- Binds: prediction_id (uuid), client (text), key_name (text)
-- Index: none: every partition is read, as clients and keys have no index
DELETE FROM predictions
WHERE
    prediction_id = CAST(:prediction_id AS uuid) OR answer_id = CAST(:prediction_id AS uuid)
    OR client = :client OR key_name = :key_name;
