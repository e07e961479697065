-- Of the given tags, those that no stored question bears, by canonical names; in order.
-- Binds: site (text), tags (text[])
-- Index: question_tags_pkey
WITH borne AS MATERIALIZED (
    SELECT DISTINCT named.tag
    FROM (
        SELECT DISTINCT unnest(tags) AS tag
        FROM question_tags
        WHERE site = :site
    ) AS written
    CROSS JOIN LATERAL unnest(with_canonical_names(:site, ARRAY[written.tag])) AS named (tag)
)
SELECT given.tag
FROM unnest(CAST(:tags AS text[])) AS given (tag)
WHERE NOT EXISTS (SELECT FROM borne WHERE borne.tag = given.tag)
ORDER BY given.tag;
