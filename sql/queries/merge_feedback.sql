-- Move the staged feedback into the table; what is stored already is left alone.
-- Binds: none
-- Index: feedback_pkey
INSERT INTO feedback (feedback_id, prediction_id, given_at, final_tags, source, key_name)
SELECT feedback_id, prediction_id, given_at, final_tags, source, key_name
FROM feedback_staging
ON CONFLICT (feedback_id) DO NOTHING;
