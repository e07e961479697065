-- Fill the table of tag revisions from the client, in COPY's text format.
-- Binds: none
-- Index: none
COPY tag_revisions (question_id, revised_at, position, tags) FROM STDIN;
