-- Of the questions asked since `start` that have a tag: how many, and how many have one that the model of a
-- dataset cannot suggest. By canonical names.
-- Binds: site (text), start (timestamptz), dataset_id (text)
-- Index: question_tags_asked_at_idx, datasets_pkey, canonical_tags_pkey
WITH known AS MATERIALIZED (
    SELECT array_agg(DISTINCT tag) AS tags
    FROM datasets
    CROSS JOIN LATERAL unnest(with_canonical_names(:site, vocabulary)) AS tag
    WHERE dataset_id = :dataset_id
), asked AS (
    SELECT with_canonical_names(site, tags) AS tags
    FROM question_tags
    WHERE site = :site AND asked_at >= :start
)
SELECT
    count(*) AS question_count,
    count(*) FILTER (WHERE NOT asked.tags <@ known.tags) AS unreachable_count
FROM asked
CROSS JOIN known
WHERE cardinality(asked.tags) > 0;
