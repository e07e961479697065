-- Delete one stored form of a question.
-- Binds: site (text), question_id (bigint), asked_at (timestamptz)
-- Index: questions_pkey
DELETE FROM questions
WHERE site = :site
  AND question_id = :question_id
  AND asked_at = :asked_at;
