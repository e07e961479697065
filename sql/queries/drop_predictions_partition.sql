-- Drop one partition of predictions.
-- Binds: name (text)
-- Index: none
SELECT drop_predictions_partition(:name);
