-- Fill the staging table from the client, in COPY's text format.
-- Binds: none
-- Index: none
COPY questions_staging (
    site, question_id, asked_at, title, body_html,
    score, view_count, answer_count, link, author, licence, fetched_at
) FROM STDIN;
