-- Store predictions from the client, in COPY's text format; none of them may be stored already.
-- Binds: none
-- Index: predictions_pkey
COPY predictions (
    prediction_id, asked_at, site, question_id, title, body, tags, model_version, candidate,
    variant, shadow, answer_id, ab_test_id, latency_ms, client, key_name,
    suggested_count
) FROM STDIN;
