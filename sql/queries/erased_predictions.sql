-- How many predictions, shadow ones included, are of one prediction, client or API key, and when the first
-- and the last of them were asked. Two of the three binds are NULL.
-- Binds: prediction_id (uuid), client (text), key_name (text)
-- Index: none: every partition is read, as clients and keys have no index
SELECT count(*) AS amount, min(asked_at) AS first_asked_at, max(asked_at) AS last_asked_at
FROM predictions
WHERE
    prediction_id = CAST(:prediction_id AS uuid) OR answer_id = CAST(:prediction_id AS uuid)
    OR client = :client OR key_name = :key_name;
