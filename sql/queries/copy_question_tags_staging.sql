-- Fill the staging table of tags from the client, in COPY's text format.
-- Binds: none
-- Index: none
COPY question_tags_staging (site, question_id, asked_at, tags, fetched_at) FROM STDIN;
