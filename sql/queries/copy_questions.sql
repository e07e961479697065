-- Add new questions from the client, in COPY's text format; one that is stored is an error.
-- Binds: none
-- Index: none
COPY questions (
    site, question_id, asked_at, title, body_html,
    score, view_count, answer_count, link, author, licence, fetched_at
) FROM STDIN;
