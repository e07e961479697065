-- Add the tags of new questions from the client, in COPY's text format; one whose tags are stored is
-- an error.
-- Binds: none
-- Index: none
COPY question_tags (site, question_id, asked_at, first_tags, first_seen_at) FROM STDIN;
