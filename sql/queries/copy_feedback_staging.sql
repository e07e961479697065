-- Fill the staging table from the client, in COPY's text format.
-- Binds: none
-- Index: none
COPY feedback_staging (feedback_id, prediction_id, given_at, final_tags, source, key_name) FROM STDIN;
