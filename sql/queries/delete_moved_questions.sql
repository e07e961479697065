-- Delete the stored form of staged questions whose time of asking has changed (a merge or a
-- migration on the site): the partition key must not leave a question stored twice.
-- Binds: none
-- Index: question_tags_pkey, questions_pkey
DELETE FROM questions AS q
USING questions_staging AS s, question_tags AS t
WHERE t.site = s.site
  AND t.question_id = s.question_id
  AND t.asked_at <> s.asked_at
  AND q.site = t.site
  AND q.question_id = t.question_id
  AND q.asked_at = t.asked_at;
