-- Staged questions that are stored under another time of asking (a merge or a migration on the
-- site). Rare, and far cheaper to look for than to delete in every partition on the off chance.
-- Binds: none
-- Index: question_tags_pkey
SELECT t.site, t.question_id, t.asked_at
FROM questions_staging AS s
JOIN question_tags AS t USING (site, question_id)
WHERE t.asked_at <> s.asked_at;
