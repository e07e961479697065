-- Tags of the questions in [start, end) that have one, oldest first, as settled so far, by canonical names.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: question_tags_asked_at_idx, canonical_tags_pkey
SELECT asked_at, tags
FROM (
    SELECT asked_at, question_id, with_canonical_names(site, tags) AS tags
    FROM question_tags
    WHERE site = :site AND asked_at >= :start AND asked_at < :end
) AS questions
WHERE cardinality(tags) > 0
ORDER BY asked_at, question_id;
