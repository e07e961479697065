-- Find a question's tag revisions, once all are there.
-- Binds: none
-- Index: none
CREATE INDEX IF NOT EXISTS tag_revisions_question_idx ON tag_revisions (question_id);
