-- The tags of the questions asked since `start`: when they were last read from the site, and the share of
-- questions whose tags were read again (settled).
-- Binds: site (text), start (timestamptz)
-- Index: question_tags_asked_at_idx
SELECT
    max(coalesce(settled_seen_at, first_seen_at)) AS read_at,
    avg((settled_tags IS NOT NULL)::int)::double precision AS settled_ratio
FROM question_tags
WHERE site = :site AND asked_at >= :start;
