-- Tags that people took from questions asked since `start`, each with a tag that they added in the same
-- edits: questions with that edit, and all questions that were asked with the first tag. Canonical names.
-- Binds: site (text), start (timestamptz), least (int)
-- Index: question_tags_asked_at_idx, canonical_tags_pkey, tag_synonyms_pkey
WITH edited AS MATERIALIZED (
    SELECT
        with_canonical_names(site, first_tags) AS first_tags,
        with_canonical_names(site, settled_tags) AS settled_tags
    FROM question_tags
    WHERE site = :site AND asked_at >= :start AND settled_tags IS NOT NULL
), pairs AS (
    SELECT lost.tag AS from_tag, gained.tag AS to_tag, count(*) AS question_count
    FROM edited
    CROSS JOIN LATERAL unnest(first_tags) AS lost (tag)
    CROSS JOIN LATERAL unnest(settled_tags) AS gained (tag)
    WHERE lost.tag <> ALL (settled_tags) AND gained.tag <> ALL (first_tags)
    GROUP BY lost.tag, gained.tag
    HAVING count(*) >= :least
), written AS (
    SELECT tag, count(*) AS question_count
    FROM question_tags AS t
    CROSS JOIN LATERAL unnest(t.first_tags) AS tag
    WHERE t.site = :site AND t.asked_at >= :start
    GROUP BY tag
), asked AS (
    SELECT coalesce(c.canonical, w.tag) AS tag, sum(w.question_count)::bigint AS question_count
    FROM written AS w
    LEFT JOIN canonical_tags AS c ON c.site = :site AND c.tag = w.tag
    GROUP BY 1
)
SELECT p.from_tag, p.to_tag, p.question_count, a.question_count AS asked_count
FROM pairs AS p
JOIN asked AS a ON a.tag = p.from_tag
WHERE NOT EXISTS (  -- a person keeps the name
    SELECT FROM tag_synonyms AS s
    WHERE s.site = :site AND s.from_tag = p.from_tag AND s.to_tag = p.from_tag
)
ORDER BY p.question_count DESC, p.from_tag, p.to_tag;
