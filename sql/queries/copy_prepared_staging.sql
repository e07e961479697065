-- Fill the staging table from the client, in COPY's text format.
-- Binds: none
-- Index: none
COPY prepared_staging (site, question_id, text_version, content_hash, title, prose, code)
FROM STDIN;
