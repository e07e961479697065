-- The site's tags since `start`, by canonical names, against what the model of a dataset can suggest:
-- number of tags, their uses, and both inside the model's vocabulary.
-- Binds: site (text), start (timestamptz), dataset_id (text)
-- Index: question_tags_asked_at_idx, datasets_pkey, canonical_tags_pkey
WITH used AS (
    SELECT tag, count(*) AS use_count
    FROM question_tags AS t
    CROSS JOIN LATERAL unnest(with_canonical_names(t.site, t.tags)) AS tag
    WHERE t.site = :site AND t.asked_at >= :start
    GROUP BY tag
), known AS (
    SELECT DISTINCT unnest(with_canonical_names(:site, vocabulary)) AS tag
    FROM datasets
    WHERE dataset_id = :dataset_id
)
SELECT
    count(*) AS tag_count,
    coalesce(sum(u.use_count), 0)::bigint AS use_count,
    count(k.tag) AS known_tag_count,
    coalesce(sum(u.use_count) FILTER (WHERE k.tag IS NOT NULL), 0)::bigint AS known_use_count
FROM used AS u
LEFT JOIN known AS k USING (tag);
