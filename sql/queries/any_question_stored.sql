-- Whether any of the questions is stored.
-- Binds: site (text), question_ids (bigint[])
-- Index: question_tags_pkey
SELECT EXISTS (
    SELECT 1
    FROM question_tags
    WHERE site = :site AND question_id = ANY(CAST(:question_ids AS bigint[]))
);
