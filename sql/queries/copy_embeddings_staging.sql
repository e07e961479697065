-- Fill the staging table from the client, in COPY's text format.
-- Binds: none
-- Index: none
COPY embeddings_staging (site, question_id, encoder, content_hash, vector) FROM STDIN;
