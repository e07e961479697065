-- Move the staged predictions into the table; those stored already are left alone.
-- Binds: none
-- Index: predictions_pkey
INSERT INTO predictions (
    prediction_id, asked_at, site, question_id, title, body, tags, model_version, candidate,
    variant, shadow, answer_id, ab_test_id, latency_ms, client, key_name,
    suggested_count
)
SELECT
    prediction_id, asked_at, site, question_id, title, body, tags, model_version, candidate,
    variant, shadow, answer_id, ab_test_id, latency_ms, client, key_name,
    suggested_count
FROM predictions_staging
ON CONFLICT (prediction_id, asked_at) DO NOTHING;
