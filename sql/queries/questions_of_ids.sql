-- What people are shown of some questions: title, address, author and licence.
-- Binds: site (text), question_ids (bigint[]), start (timestamptz), end (timestamptz)
-- Index: questions_pkey
SELECT question_id, asked_at, title, link, author, licence
FROM questions
WHERE site = :site
  AND question_id = ANY(CAST(:question_ids AS bigint[]))
  AND asked_at >= :start
  AND asked_at < :end
ORDER BY question_id;
