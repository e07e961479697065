-- Fill the staging table from the client, in COPY's text format.
-- Binds: none
-- Index: none
COPY predictions_staging (
    prediction_id, asked_at, site, question_id, title, body, tags, model_version, candidate,
    variant, shadow, answer_id, ab_test_id, latency_ms, client, key_name,
    suggested_count
) FROM STDIN;
