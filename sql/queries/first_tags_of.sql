-- The first-seen tags of some questions, and when they were read.
-- Binds: site (text), question_ids (bigint[])
-- Index: question_tags_pkey
SELECT question_id, first_tags, first_seen_at
FROM question_tags
WHERE site = :site AND question_id = ANY (:question_ids);
